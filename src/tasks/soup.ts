import { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { TensorToWrite } from "../checkpoint/safetensors_writer.ts";
import { planShards, weightsFile } from "../checkpoint/shard_index.ts";
import { FolderFiles } from "../data/folder_files.ts";
import { averageWeights, type WeightAverageOptions } from "../merging/weight_average.ts";
import { makeCheckpointFolder, writeWeights } from "./checkpoint_folder.ts";

/** How to average checkpoints. */
export interface SoupOptions extends WeightAverageOptions {
  /** Bytes of the largest file of weights; 5 GB by default. */
  readonly shardSize?: number | undefined;
}

/** What was averaged. */
export interface Soup {
  /** Checkpoints. */
  readonly members: number;
  /** Tensors of each. */
  readonly tensors: number;
}

/**
 * Averages the weights of reward models into a new checkpoint, as `assay soup` does (WARM, arXiv
 * 2401.12187), tensor by tensor: no more than a few MiB are held in memory.
 *
 * @example
 * ```ts
 * import { writeSoup } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const model = "tests/golden/parity/llama";
 * const folder = await Deno.makeTempDir();
 * const { members } = await writeSoup([model, model], folder, { weights: [0.7, 0.3] });
 * assert.equal(members, 2);
 * ```
 *
 * @param models Folders or URLs of two or more checkpoints of one architecture.
 * @param folder Where the averaged one goes; made where there is none, and must not have weights.
 * @param options Weights, element type, size of the files.
 * @throws {AssayError} What opening and averaging throws; `cli/usage` for a folder with weights;
 *   `data/cannot-write`.
 */
export async function writeSoup(
  models: readonly string[],
  folder: string,
  options: SoupOptions = {},
): Promise<Soup> {
  const { shardSize = 5e9, ...average } = options;
  using opened = new DisposableStack();
  const members: Checkpoint[] = [];
  for (const model of models) members.push(opened.use(await Checkpoint.open(model)));
  const { tensors, files } = await averageWeights(
    members,
    { ...average, shardSize } as WeightAverageOptions,
  );
  await makeCheckpointFolder(folder);
  await using written = new FolderFiles(folder);
  await writeWeights(written, filesOf(tensors, shardSize), {
    format: "pt",
    soup: JSON.stringify({ members: models.map(lastPart), weights: options.weights ?? "equal" }),
  });
  for (const [file, text] of files) await written.writeText(file, text);
  using soup = await Checkpoint.open(folder); // what was written must be a checkpoint
  written.keep();
  return { members: members.length, tensors: soup.tensors.size };
}

/** The tensors of each file: one, or shards where they are larger. */
function filesOf(tensors: readonly TensorToWrite[], shardSize: number) {
  const shards = planShards(tensors, shardSize);
  return shards.size === 1 ? new Map([[weightsFile, tensors]]) : shards;
}

/** The last part of a path or a name on the hub, which tells a model from others. */
export function lastPart(path: string): string {
  return path.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!;
}
