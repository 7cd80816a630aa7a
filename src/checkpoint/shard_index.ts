import { AssayError } from "../error.ts";
import { checkPath } from "./folder.ts";
import { declaredBytes, type TensorDeclaration } from "./safetensors_writer.ts";
import { excerpt, type JsonValue, parseStrictJson } from "./strict_json.ts";
import type { TensorInfo } from "./tensor.ts";

/** The file that holds all weights of a checkpoint that is not divided. */
export const weightsFile = `model.safetensors`;

/** The index of a checkpoint in several files, as `transformers` writes it. */
export const shardIndexFile: string = `${weightsFile}.index.json`;

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
  const what = `${folder}/${shardIndexFile}`;
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

/**
 * Splits tensors into shards for writing, in the order given, named as `transformers` names them.
 *
 * @param tensors The tensors.
 * @param maxBytes Most bytes of tensors in a file; a larger tensor gets a file of its own.
 * @returns The tensors of each file, by its name: `model-00001-of-00002.safetensors` and so on.
 * @throws {AssayError} As {@linkcode declaredBytes}.
 */
export function planShards<T extends TensorDeclaration>(
  tensors: Iterable<T>,
  maxBytes: number,
): Map<string, T[]> {
  const shards: T[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = declaredBytes(tensor);
    if (bytes + size > maxBytes && shards.at(-1)!.length > 0) {
      shards.push([]);
      bytes = 0;
    }
    shards.at(-1)!.push(tensor);
    bytes += size;
  }
  const number = (n: number) => String(n).padStart(5, "0");
  return new Map(
    shards.map((shard, i) => [
      `model-${number(i + 1)}-of-${number(shards.length)}.safetensors`,
      shard,
    ]),
  );
}

/**
 * The text of `model.safetensors.index.json` for written shards.
 *
 * @param shards The tensors of each file, by its name.
 * @throws {AssayError} `checkpoint/duplicate-tensor`, and as {@linkcode declaredBytes}.
 */
export function formatShardIndex(
  shards: ReadonlyMap<string, readonly TensorDeclaration[]>,
): string {
  const headers = [...shards].map(([file, tensors]) =>
    new Map(tensors.map((tensor) => {
      return [tensor.name, { ...tensor, file, byteLength: declaredBytes(tensor) }];
    }))
  );
  const tensors = [...joinShards(new Map(), headers).values()];
  tensors.sort((a, b) => a.name < b.name ? -1 : 1);
  const index = {
    metadata: { total_size: tensors.reduce((total, { byteLength }) => total + byteLength, 0) },
    weight_map: Object.fromEntries(tensors.map(({ name, file }) => [name, file])),
  };
  return `${JSON.stringify(index, null, 2)}\n`;
}
