import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../checkpoint/safetensors_writer.ts";
import {
  type FloatDtype,
  fromFloat32,
  isFloatDtype,
  type Tensor,
  type TensorInfo,
  toFloat32,
} from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { checkSoupMembers } from "./soup_members.ts";
import { copiedTexts } from "./copied_texts.ts";
import { checkOptions, oneOf, positive, wholeFrom } from "../check_options.ts";

/** How to average weights. */
export interface WeightAverageOptions {
  /** λ of each member, at least 0, together 1. Default: the same for all. */
  readonly weights?: readonly number[] | undefined;
  /** Element type of the averaged tensors. Default: the members' own. */
  readonly dtype?: FloatDtype | undefined;
  /** Elements of one tensor averaged at once: the memory needed is a small multiple. Default 2²². */
  readonly chunkElements?: number | undefined;
  /** Told after each piece how many elements are averaged, and of how many. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number }) => void)
    | undefined;
  /** Ends the averaging between two pieces. */
  readonly signal?: AbortSignal | undefined;
}

const averageKinds = {
  dtype: oneOf("F32", "F16", "BF16"),
  chunkElements: wholeFrom(1),
  shardSize: positive,
};

/** A checkpoint about to be written. */
export interface AveragedCheckpoint {
  /** The tensors, for `writeSafetensors`; each is read and averaged when its bytes are asked for. */
  readonly tensors: readonly TensorToWrite[];
  /** The text files, by name. */
  readonly files: ReadonlyMap<string, string>;
}

/**
 * Averages the weights of reward models (WARM, arXiv 2401.12187): φ = Σ λ_m φ_m over all parameters,
 * the head's included, Σ λ_m = 1.
 *
 * Nothing is read before a tensor's bytes are asked for, and then only some rows of it at once. Sums
 * are in 64 bits, more than the 32 that are needed, and rounded once. Tensors of whole numbers must
 * be equal in all members. To first order a soup is the mean of its members' scores; for linear heads
 * on one and the same backbone it is that exactly.
 *
 * @param members The checkpoints; they stay open until the last tensor is written.
 * @param options Weights and form of the result.
 * @returns What to write.
 * @throws {AssayError} `voting/cannot-average` where the members don't fit together,
 * `voting/bad-weights`; while the bytes are read `voting/not-finite` for a NaN or infinite weight.
 *
 * @example
 * ```ts
 * import { averageWeights } from "@assay/assay/merging";
 * import { blobFolder, Checkpoint, writeSafetensors } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * async function member(values: number[]): Promise<Checkpoint> {
 *   const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
 *   const file = new Response(readable).blob();
 *   const bytes = [new Uint8Array(new Float32Array(values).buffer)];
 *   await writeSafetensors(writable, [{ name: "w", dtype: "F32", shape: [2], bytes }]);
 *   const files = new Map([["config.json", new Blob(["{}"])], [`model.safetensors`, await file]]);
 *   return await Checkpoint.open(blobFolder("member", files));
 * }
 * const members = await Promise.all([member([0.5, 1]), member([0.25, 2])]);
 * const { tensors } = await averageWeights(members);
 * for await (const bytes of tensors[0]!.bytes) {
 *   assert.deepEqual([...new Float32Array(bytes.buffer)], [0.375, 1.5]);
 * }
 * ```
 */
export async function averageWeights(
  members: readonly Checkpoint[],
  options: WeightAverageOptions = {},
): Promise<AveragedCheckpoint> {
  checkOptions("merging/bad-option", "average weights", options, averageKinds);
  await checkSoupMembers(members);
  const weights = options.weights ?? members.map(() => 1 / members.length);
  checkWeights(weights, members.length);
  const first = members[0]!;
  const infos = [...first.tensors.values()];
  const progress = new Progress(infos.reduce((sum, info) => sum + elementsOf(info), 0), options);
  const tensors = infos.map((info): TensorToWrite => ({
    name: info.name,
    dtype: isFloatDtype(info.dtype) ? options.dtype ?? info.dtype : info.dtype,
    shape: info.shape,
    bytes: averagedBytes(members, weights, info, options, progress),
  }));
  return { tensors, files: await textFiles(first, options.dtype) };
}

async function textFiles(
  member: Checkpoint,
  dtype: FloatDtype | undefined,
): Promise<Map<string, string>> {
  const files = await copiedTexts(member);
  if (dtype === undefined) return files;
  const names = { F32: "float32", F16: "float16", BF16: "bfloat16" };
  const config: Record<string, unknown> = { ...member.config };
  // transformers 4 and 5 spell the key differently.
  for (const key of ["torch_dtype", "dtype"]) if (key in config) config[key] = names[dtype];
  return files.set("config.json", `${JSON.stringify(config, null, 2)}\n`);
}

/**
 * Refuses weights that make no average.
 *
 * @throws {AssayError} `voting/bad-weights`.
 */
export function checkWeights(weights: readonly number[], members: number): void {
  const sum = weights.reduce((total, weight) => total + weight, 0);
  const valid = weights.length === members && weights.every((weight) => weight >= 0) &&
    Math.abs(sum - 1) <= 1e-6;
  if (valid) return;
  throw new AssayError(
    "voting/bad-weights",
    `Cannot average weights: expected ${members} weights of at least 0 that add up to 1, found ` +
      `${weights.join(", ") || "none"} (together ${sum})`,
  );
}

/** One tensor's averaged bytes, some rows at a time. */
async function* averagedBytes(
  members: readonly Checkpoint[],
  weights: readonly number[],
  info: TensorInfo,
  options: WeightAverageOptions,
  progress: Progress,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const rows = info.shape[0] ?? 1;
  const rowElements = rows === 0 ? 0 : elementsOf(info) / rows;
  const chunk = Math.max(1, Math.floor((options.chunkElements ?? 2 ** 22) / (rowElements || 1)));
  for (let start = 0; start < rows; start += chunk) {
    options.signal?.throwIfAborted();
    const count = Math.min(chunk, rows - start);
    yield await averageRows(members, weights, info, { start, count, dtype: options.dtype });
    progress.add(count * rowElements);
  }
}

/**
 * Some averaged rows of one tensor, of members that fit together.
 *
 * @param members The checkpoints.
 * @param weights λ of each.
 * @param info The tensor.
 * @param rows Which rows, and in which element type; the members' own by default.
 * @returns Their bytes.
 */
export async function averageRows(
  members: readonly Checkpoint[],
  weights: readonly number[],
  info: TensorInfo,
  { start, count, dtype }: {
    readonly start: number;
    readonly count: number;
    readonly dtype?: FloatDtype | undefined;
  },
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Tensor[] = [];
  for (const member of members) {
    parts.push(
      info.shape.length === 0
        ? await member.read(info.name)
        : await member.readRows(info.name, start, count),
    );
  }
  return isFloatDtype(info.dtype)
    ? fromFloat32(average(members, parts, weights), dtype ?? info.dtype)
    : Uint8Array.from(sameBytes(members, parts));
}

function average(
  members: readonly Checkpoint[],
  parts: readonly Tensor[],
  weights: readonly number[],
): Float32Array<ArrayBuffer> {
  let sums: Float64Array | undefined;
  parts.forEach((part, index) => {
    const values = toFloat32(part);
    sums ??= new Float64Array(values.length);
    const weight = weights[index]!;
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (!Number.isFinite(value)) refuseNotFinite(members[index]!, part, value);
      sums[i]! += weight * value;
    }
  });
  return Float32Array.from(sums ?? []);
}

function refuseNotFinite(member: Checkpoint, tensor: Tensor, value: number): never {
  throw new AssayError(
    "voting/not-finite",
    `Cannot average weights: expected finite numbers in tensor ${tensor.name} of ${member.name}, ` +
      `found ${value}; the checkpoint is broken`,
  );
}

function sameBytes(members: readonly Checkpoint[], parts: readonly Tensor[]): Tensor["bytes"] {
  const [first] = parts;
  parts.forEach((part, index) => {
    if (part.bytes.every((byte, place) => byte === first!.bytes[place])) return;
    throw new AssayError(
      "voting/cannot-average",
      `Cannot average ${members[0]!.name} and ${members[index]!.name}: expected equal values in ` +
        `tensor ${part.name} of dtype ${part.dtype}, which can't be averaged, found different ones`,
    );
  });
  return first!.bytes;
}

function elementsOf({ shape }: TensorInfo): number {
  return shape.reduce((product, size) => product * size, 1);
}

class Progress {
  #done = 0;
  readonly #total: number;
  readonly #report: WeightAverageOptions["onProgress"];

  constructor(total: number, options: WeightAverageOptions) {
    this.#total = total;
    this.#report = options.onProgress;
  }

  add(elements: number): void {
    this.#done += elements;
    this.#report?.({ done: this.#done, total: this.#total });
  }
}
