import { type TensorToWrite, writeSafetensors } from "../checkpoint/safetensors_writer.ts";
import { formatShardIndex, shardIndexFile, weightsFile } from "../checkpoint/shard_index.ts";
import { type FolderFiles, streamInto } from "../data/folder_files.ts";
import { AssayError } from "../error.ts";
import { files } from "../runtime/files.ts";

/**
 * Writes weights into a folder.
 *
 * @param shards The tensors of each file; one that is the whole of the weights has no index.
 */
export async function writeWeights(
  written: FolderFiles,
  shards: ReadonlyMap<string, readonly TensorToWrite[]>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [file, tensors] of shards) {
    // There only when it is whole: nobody takes half a checkpoint for one.
    await written.write(
      file,
      (sink) => writeSafetensors(streamInto(sink), tensors, { metadata }),
    );
  }
  const isSingle = shards.size === 1 && shards.has(weightsFile);
  if (!isSingle) await written.writeText(shardIndexFile, formatShardIndex(shards));
}

/** The folder, made where there is none; weights that are there are never mixed with new ones. */
export async function makeCheckpointFolder(folder: string): Promise<void> {
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
