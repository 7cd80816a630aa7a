import { AssayError } from "../error.ts";
import { checkPath } from "./folder.ts";
import { excerpt, type JsonValue, parseStrictJson } from "./strict_json.ts";
import type { TensorInfo } from "./tensor.ts";

/** The index of a checkpoint in several files, as `transformers` writes it. */
export const SHARD_INDEX_FILE = "model.safetensors.index.json";

/**
 * Parses a shard index, which is untrusted.
 *
 * @param text `model.safetensors.index.json`: `{"metadata": …, "weight_map": {tensor: file}}`.
 * @param folder Name of the folder, as messages say it.
 * @returns The names of the tensors that each file should hold, by file.
 * @throws {AssayError} `checkpoint/bad-index`, `checkpoint/path-leaves-folder`, and what
 * {@linkcode parseStrictJson} throws.
 */
export function parseShardIndex(text: string, folder: string): ReadonlyMap<string, string[]> {
  const what = `${folder}/${SHARD_INDEX_FILE}`;
  const index = parseStrictJson(text, what);
  const weightMap = index instanceof Map ? index.get("weight_map") as JsonValue : undefined;
  if (!(weightMap instanceof Map)) {
    return refuse(what, `an object "weight_map"`, "none");
  }
  const shards = new Map<string, string[]>();
  for (const [tensor, file] of weightMap as ReadonlyMap<string, JsonValue>) {
    if (typeof file !== "string") {
      return refuse(what, `a file name for tensor ${excerpt(tensor)}`, `a ${typeof file}`);
    }
    const tensors = shards.get(file);
    if (tensors === undefined) {
      checkPath(folder, file);
      shards.set(file, [tensor]);
    } else {
      tensors.push(tensor);
    }
  }
  if (shards.size === 0) refuse(what, `tensors in "weight_map"`, "none");
  return shards;
}

function refuse(what: string, expected: string, found: string): never {
  throw new AssayError(
    "checkpoint/bad-index",
    `Cannot read ${what}: expected ${expected}, found ${found}`,
  );
}

/**
 * Joins the tensors of all shards and compares them with the index.
 *
 * Tensors of a shard that the index does not list are kept, as `transformers` does.
 *
 * @param shards The index: names of tensors by file.
 * @param headers The tensors that each file holds, in the order of the index.
 * @throws {AssayError} `checkpoint/duplicate-tensor`, `checkpoint/shard-lacks-tensor`.
 */
export function joinShards(
  shards: ReadonlyMap<string, readonly string[]>,
  headers: Iterable<ReadonlyMap<string, TensorInfo>>,
): Map<string, TensorInfo> {
  const joined = new Map<string, TensorInfo>();
  for (const header of headers) {
    for (const [name, tensor] of header) {
      const other = joined.get(name);
      if (other !== undefined) {
        throw new AssayError(
          "checkpoint/duplicate-tensor",
          `Cannot join shards: expected tensor ${excerpt(name)} in one file, ` +
            `found it in ${other.file} and ${tensor.file}`,
        );
      }
      joined.set(name, tensor);
    }
  }
  for (const [file, names] of shards) {
    for (const name of names) {
      const found = joined.get(name)?.file;
      if (found === file) continue;
      throw new AssayError(
        "checkpoint/shard-lacks-tensor",
        `Cannot join shards: expected tensor ${excerpt(name)} in ${file} as the index says, ` +
          `found it in ${found ?? "no file"}; download the index and the shards again`,
      );
    }
  }
  return joined;
}
