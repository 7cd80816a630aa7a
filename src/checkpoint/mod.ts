/**
 * Checkpoints: safetensors weights as typed tensors, from local files, HTTP or blobs, and back.
 *
 * @module
 */
export { blobSource } from "./blob_source.ts";
export type { ByteSource } from "./byte_source.ts";
export { Checkpoint } from "./checkpoint.ts";
export { fileSource } from "./file_source.ts";
export { blobFolder, type CheckpointFolder, httpFolder, localFolder } from "./folder.ts";
export type { HttpPatience } from "./http_patience.ts";
export { type HubDataset, hubDataset } from "./hub/hub_dataset.ts";
export { hubFolder } from "./hub/hub_folder.ts";
export type { HubDownload, HubOptions } from "./hub/hub_settings.ts";
export { type HttpOptions, httpSource } from "./http_source.ts";
export { SafetensorsReader } from "./safetensors_reader.ts";
export {
  type TensorDeclaration,
  type TensorToWrite,
  type WriteOptions,
  writeSafetensors,
} from "./safetensors_writer.ts";
export { formatShardIndex, planShards } from "./shard_index.ts";
export {
  type Dtype,
  type FloatDtype,
  fromFloat32,
  type Tensor,
  type TensorInfo,
  toFloat32,
} from "./tensor.ts";
