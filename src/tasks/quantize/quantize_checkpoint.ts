import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../../checkpoint/safetensors_writer.ts";
import { weightsFile } from "../../checkpoint/shard_index.ts";
import type { TensorInfo } from "../../checkpoint/tensor.ts";
import { FolderFiles } from "../../data/folder_files.ts";
import { copiedTexts } from "../../merging/copied_texts.ts";
import { scaleSuffix } from "../../models/quantized_weights.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import { openQuantized } from "../../scoring/quantized_checkpoint.ts";
import type { QuantizedWeights } from "../../scoring/weights_name.ts";
import { makeCheckpointFolder, writeWeights } from "../checkpoint_folder.ts";

/** How to quantize a checkpoint. */
export interface QuantizeOptions extends Pick<LoadOptions, "ignoreConfigKeys"> {
  /** Whole numbers of 8 or 4 bits. */
  readonly weights: QuantizedWeights;
  /** Inputs that share a scale: 32 (the default) or 128. */
  readonly group?: 32 | 128 | undefined;
  /** Told how many bytes are written, and of how many. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number }) => void)
    | undefined;
  /** Ends the work between two pieces; nothing of it stays. */
  readonly signal?: AbortSignal | undefined;
}

/** What was quantized. */
export interface QuantizedCheckpoint {
  /** Weights that were quantized. */
  readonly quantized: number;
  /** Bytes of all tensors before. */
  readonly bytesBefore: number;
  /** After it was quantized. */
  readonly bytesAfter: number;
}

/** Numbers of a tensor that are made at once. */
const together = 2 ** 22;

/**
 * Writes a checkpoint with quantized weights, as `assay quantize` does: the linear maps of the layers in
 * int8 or int4, all other tensors and text files as they are. Some rows are held at a time, and the scales
 * of one file.
 *
 * @example
 * ```ts
 * import { quantizeCheckpoint } from "@assay/assay/tasks";
 * import { RewardModel } from "@assay/assay";
 * import assert from "node:assert/strict";
 *
 * const folder = await Deno.makeTempDir();
 * const model = "tests/golden/parity/llama";
 * const { bytesBefore, bytesAfter } = await quantizeCheckpoint(model, folder, { weights: "int8" });
 * assert.ok(bytesAfter < bytesBefore);
 * using quantized = await RewardModel.load(folder);
 * assert.equal(quantized.weights, "int8");
 * ```
 *
 * @param model Folder or URL of the checkpoint.
 * @param folder Where the quantized one goes; made where there is none, and must not have weights.
 * @throws {AssayError} `scoring/already-quantized`; `ops/cannot-quantize`, which names the tensor;
 *   `cli/usage` for a folder with weights; `data/cannot-write`; what recognising the model throws.
 */
export async function quantizeCheckpoint(
  model: string,
  folder: string,
  options: QuantizeOptions,
): Promise<QuantizedCheckpoint> {
  using opened = new DisposableStack();
  const base = opened.use(await Checkpoint.open(model));
  const { weights, group: weightGroup, ignoreConfigKeys } = options;
  const load = { weights, weightGroup, ignoreConfigKeys };
  const checkpoint = await openQuantized(model, load, opened);
  const infos = [...checkpoint.tensors.values()];
  const bytesAfter = bytesOf(infos);
  let done = 0;
  const told = (bytes: number): void => {
    options.signal?.throwIfAborted();
    options.onProgress?.({ done: done += bytes, total: bytesAfter });
  };
  await makeCheckpointFolder(folder);
  await using written = new FolderFiles(folder);
  await writeWeights(written, filesOf(base, checkpoint, told), { format: "pt" });
  for (const [file, text] of await copiedTexts(checkpoint)) {
    await written.writeText(file, file === "config.json" ? indented(text) : text);
  }
  using result = await Checkpoint.open(folder); // what was written must be a checkpoint
  written.keep();
  return {
    quantized:
      [...result.tensors.keys()].filter((name) => name.endsWith(`.weight${scaleSuffix}`)).length,
    bytesBefore: bytesOf([...base.tensors.values()]),
    bytesAfter,
  };
}

function indented(json: string): string {
  return `${JSON.stringify(JSON.parse(json), null, 2)}\n`;
}

function bytesOf(tensors: readonly TensorInfo[]): number {
  return tensors.reduce((sum, { byteLength }) => sum + byteLength, 0);
}

/** The tensors of each file: those that lay together stay together. */
function filesOf(
  base: Checkpoint,
  checkpoint: Checkpoint,
  told: (bytes: number) => void,
): Map<string, TensorToWrite[]> {
  const files = new Map<string, TensorToWrite[]>();
  for (const info of checkpoint.tensors.values()) {
    const stored = base.tensors.get(info.name) ??
      base.tensors.get(info.name.slice(0, -scaleSuffix.length));
    const file = stored?.file ?? weightsFile;
    const tensor = { ...info, bytes: pieces(checkpoint, info, told) };
    files.set(file, [...files.get(file) ?? [], tensor]);
  }
  return files;
}

async function* pieces(
  checkpoint: Checkpoint,
  { name, shape, byteLength }: TensorInfo,
  told: (bytes: number) => void,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const [rows] = shape;
  if (rows === undefined || byteLength === 0) {
    yield (await checkpoint.read(name)).bytes;
    return;
  }
  const numbers = shape.reduce((product, size) => product * size, 1);
  const chunk = Math.max(1, Math.floor(together / (numbers / rows)));
  for (let start = 0; start < rows; start += chunk) {
    const { bytes } = await checkpoint.readRows(name, start, Math.min(chunk, rows - start));
    yield bytes;
    told(bytes.byteLength);
  }
}
