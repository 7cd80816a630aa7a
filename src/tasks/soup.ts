import { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type TensorToWrite, writeSafetensors } from "../checkpoint/safetensors_writer.ts";
import {
  formatShardIndex,
  planShards,
  shardIndexFile,
  weightsFile,
} from "../checkpoint/shard_index.ts";
import { FolderFiles, streamInto } from "../data/folder_files.ts";
import { AssayError } from "../error.ts";
import { averageWeights, type WeightAverageOptions } from "../merging/weight_average.ts";
import { files } from "../runtime/files.ts";

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
  await makeFolder(folder);
  await using written = new FolderFiles(folder);
  await writeWeights(written, tensors, shardSize, {
    format: "pt",
    soup: JSON.stringify({ members: models.map(lastPart), weights: options.weights ?? "equal" }),
  });
  for (const [file, text] of files) await written.writeText(file, text);
  using soup = await Checkpoint.open(folder); // what was written must be a checkpoint
  written.keep();
  return { members: members.length, tensors: soup.tensors.size };
}

/** Writes the weights as one file, or as shards with an index where they are larger. */
async function writeWeights(
  written: FolderFiles,
  tensors: readonly TensorToWrite[],
  shardSize: number,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const shards = planShards(tensors, shardSize);
  const isSingle = shards.size === 1;
  for (const [file, shard] of shards) {
    // There only when it is whole: nobody takes half a checkpoint for one.
    await written.write(
      isSingle ? weightsFile : file,
      (sink) => writeSafetensors(streamInto(sink), shard, { metadata }),
    );
  }
  if (!isSingle) await written.writeText(shardIndexFile, formatShardIndex(shards));
}

/** The folder, made where there is none; weights that are there are never mixed with new ones. */
async function makeFolder(folder: string): Promise<void> {
  try {
    await files.mkdir(folder, { recursive: true });
    for await (const { name } of files.readDir(folder)) {
      if (!/\.safetensors(\.index\.json)?$/.test(name)) continue;
      throw new AssayError(
        "cli/usage",
        `Cannot write to ${folder}: expected a folder without weights, found ${name}; name another ` +
          "folder, or remove them first",
      );
    }
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new AssayError("data/cannot-write", `Cannot write to ${folder}: ${reason}`, { cause });
  }
}

function lastPart(path: string): string {
  return path.replace(/[\\/]+$/, "").split(/[\\/]/).at(-1)!;
}
