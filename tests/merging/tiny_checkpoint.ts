import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { blobFolder, type CheckpointFolder } from "../../src/checkpoint/folder.ts";
import { type TensorToWrite, writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import { type Dtype, type FloatDtype, fromFloat32 } from "../../src/checkpoint/tensor.ts";

/** A tensor for {@linkcode safetensorsBlob}, from its numbers. */
export function floats(
  name: string,
  shape: readonly number[],
  values: readonly number[],
  dtype: FloatDtype = "F32",
): TensorToWrite {
  return { name, dtype, shape, bytes: [fromFloat32(Float32Array.from(values), dtype)] };
}

/** A tensor for {@linkcode safetensorsBlob}, from its bytes. */
export function bytes(
  name: string,
  dtype: Dtype,
  shape: readonly number[],
  values: readonly number[],
): TensorToWrite {
  return { name, dtype, shape, bytes: [Uint8Array.from(values)] };
}

/** A safetensors file in memory. */
export async function safetensorsBlob(tensors: readonly TensorToWrite[]): Promise<Blob> {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
  const [blob] = await Promise.all([
    new Response(readable).blob(),
    writeSafetensors(writable, tensors),
  ]);
  return blob;
}

/** A checkpoint folder in memory. */
export async function tinyFolder(
  name: string,
  tensors: readonly TensorToWrite[],
  files: Readonly<Record<string, string>> = {},
): Promise<CheckpointFolder> {
  const all = { "config.json": "{}", ...files };
  return blobFolder(
    name,
    new Map([
      ["model.safetensors", await safetensorsBlob(tensors)],
      ...Object.entries(all).map(([file, text]) => [file, new Blob([text])] as const),
    ]),
  );
}

/** A checkpoint in memory. */
export async function tinyCheckpoint(
  name: string,
  tensors: readonly TensorToWrite[],
  files: Readonly<Record<string, string>> = {},
): Promise<Checkpoint> {
  return await Checkpoint.open(await tinyFolder(name, tensors, files));
}
