import { AssayError } from "../error.ts";
import { ownNames } from "./own_names.ts";
import { checkPath, type CheckpointFolder, folderAt } from "./folder.ts";
import { isHubName } from "./hub/hub_name.ts";
import type { HubOptions } from "./hub/hub_settings.ts";
import { refuseLfsPointer } from "./lfs_pointer.ts";
import { missingConfig, missingWeights } from "./missing_files.ts";
import { decodeUtf8 } from "./safetensors_header.ts";
import { SafetensorsReader } from "./safetensors_reader.ts";
import { joinShards, parseShardIndex, shardIndexFile, weightsFile } from "./shard_index.ts";
import type { Tensor, TensorInfo } from "./tensor.ts";

/** Largest text file read; the largest tokenizers have about 35 MB. */
const maxTextBytes = 256 * 1024 * 1024;
/** Shards opened at once. */
const openedAtOnce = 8;

/**
 * A checkpoint: a folder in Hugging Face layout with `config.json` and safetensors weights, in one
 * file or in shards. Weights are read when asked for, never all at once.
 *
 * @example
 * ```ts
 * import { blobFolder, Checkpoint, toFloat32, writeSafetensors } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
 * const weights = new Response(readable).blob();
 * const values = new Uint8Array(new Float32Array([0.5, -1, 2]).buffer);
 * await writeSafetensors(writable, [
 *   { name: "score.weight", dtype: "F32", shape: [1, 3], bytes: [values] },
 * ]);
 *
 * const folder = blobFolder("tiny", new Map([
 *   ["config.json", new Blob(['{"model_type": "llama"}'])],
 *   [`model.safetensors`, await weights],
 * ]));
 * using checkpoint = await Checkpoint.open(folder);
 * assert.equal(checkpoint.config.model_type, "llama");
 * assert.deepEqual([...toFloat32(await checkpoint.read("score.weight"))], [0.5, -1, 2]);
 * ```
 */
export class Checkpoint implements Disposable {
  /** Path or address of the folder. */
  readonly name: string;
  /** `config.json`, as parsed. */
  readonly config: Readonly<Record<string, unknown>>;
  /**
   * What the headers say of every tensor, by name: by that of transformers' own class, where the file has
   * a backbone's under another prefix.
   */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** What lies beside the weights and may mean another model; for whoever loads one to tell. */
  readonly warnings: readonly string[];
  readonly #folder: CheckpointFolder;
  readonly #readers: ReadonlyMap<string, SafetensorsReader>;
  /** Names in the files, where they are others. */
  readonly #stored: ReadonlyMap<string, string>;

  private constructor(
    folder: CheckpointFolder,
    config: Readonly<Record<string, unknown>>,
    tensors: ReadonlyMap<string, TensorInfo>,
    readers: ReadonlyMap<string, SafetensorsReader>,
    warnings: readonly string[],
  ) {
    this.name = folder.name;
    this.config = config;
    const named = ownNames(tensors);
    this.tensors = named.tensors;
    this.#stored = named.stored;
    this.warnings = warnings;
    this.#folder = folder;
    this.#readers = readers;
  }

  /**
   * Opens a checkpoint and checks the headers of all its weights.
   *
   * `model.safetensors.index.json` is preferred to `model.safetensors` where both exist, which
   * {@linkcode Checkpoint.warnings} tells.
   *
   * @param source A local path, a `file:`, `http:` or `https:` URL, a model of the hub by its name
   *   (`hf:org/name[@revision]`, which is downloaded where the cache lacks it), or a folder.
   * @param hub Of a model of the hub: who is told of the download, and what is said in place of the
   *   environment.
   * @throws {AssayError} `checkpoint/missing-config`, `checkpoint/bad-config`,
   * `checkpoint/no-safetensors`, `checkpoint/missing-shard`, and what {@linkcode hubFolder},
   * {@linkcode SafetensorsReader.open}, {@linkcode parseShardIndex} and {@linkcode joinShards} throw.
   */
  static async open(
    source: string | URL | CheckpointFolder,
    hub: HubOptions = {},
  ): Promise<Checkpoint> {
    const folder = await openFolder(source, hub);
    const config = await readConfig(folder);
    const index = await readText(folder, shardIndexFile);
    const warnings = await oddFiles(folder, index);
    if (index !== undefined) {
      const shards = parseShardIndex(index, folder.name);
      const readers = await openShards(folder, [...shards.keys()]);
      try {
        const headers = [...readers.values()].map((reader) => reader.tensors);
        return new Checkpoint(folder, config, joinShards(shards, headers), readers, warnings);
      } catch (error) {
        closeAll(readers.values());
        throw error;
      }
    }
    const single = await folder.open(weightsFile);
    if (single === undefined) throw await missingWeights(folder);
    const reader = await SafetensorsReader.open(single, weightsFile);
    const readers = new Map([[weightsFile, reader]]);
    return new Checkpoint(folder, config, reader.tensors, readers, warnings);
  }

  /**
   * Reads a text file of the folder, such as `tokenizer.json`.
   *
   * @returns The text, or `undefined` where there is no such file.
   * @throws {AssayError} `checkpoint/path-leaves-folder`, `checkpoint/text-too-large`,
   * `checkpoint/not-utf8`, and what reading throws.
   */
  readText(file: string): Promise<string | undefined> {
    return readText(this.#folder, file);
  }

  /**
   * Reads a whole tensor, as one allocation.
   *
   * @throws {AssayError} `checkpoint/missing-tensor`, and what reading throws.
   */
  async read(name: string): Promise<Tensor> {
    return await this.#readerOf(name).read(this.storedName(name));
  }

  /**
   * Reads `count` rows from row `start` on; a row is what the first dimension counts.
   *
   * @returns A tensor of shape `[count, ...rest]`.
   * @throws {AssayError} `checkpoint/missing-tensor`, `checkpoint/no-rows`,
   * `checkpoint/row-out-of-range`, and what reading throws.
   */
  async readRows(name: string, start: number, count: number): Promise<Tensor> {
    return await this.#readerOf(name).readRows(this.storedName(name), start, count);
  }

  /**
   * Reads single rows, in the order asked for, duplicates allowed; close rows are read together.
   *
   * @param name Name of the tensor.
   * @param rows Row numbers, from 0.
   * @returns A tensor of shape `[rows.length, ...rest]`.
   * @throws {AssayError} `checkpoint/missing-tensor`, `checkpoint/no-rows`,
   * `checkpoint/row-out-of-range`, and what reading throws.
   */
  async gatherRows(name: string, rows: ArrayLike<number>): Promise<Tensor> {
    return await this.#readerOf(name).gatherRows(this.storedName(name), rows);
  }

  /** The name that a tensor has in its file: another where the backbone's prefix is another. */
  storedName(name: string): string {
    return this.#stored.get(name) ?? name;
  }

  /** Closes the files. */
  [Symbol.dispose](): void {
    closeAll(this.#readers.values());
  }

  #readerOf(name: string): SafetensorsReader {
    const reader = this.#readers.get(this.tensors.get(name)?.file ?? "");
    if (reader === undefined) {
      throw new AssayError(
        "checkpoint/missing-tensor",
        `Cannot read tensor ${name}: expected it in ${this.name}, ` +
          `found none of that name among ${this.tensors.size} tensors`,
      );
    }
    return reader;
  }
}

/**
 * The folder that a source means; a model of the hub is in the cache then.
 *
 * @throws {AssayError} `checkpoint/bad-address`, and what {@linkcode hubFolder} throws.
 */
export async function openFolder(
  source: string | URL | CheckpointFolder,
  hub: HubOptions = {},
): Promise<CheckpointFolder> {
  if (isHubName(source)) {
    // Only who names such a model waits for what it takes.
    const { hubFolder } = await import("./hub/hub_folder.ts");
    return await hubFolder(source, hub);
  }
  return typeof source === "string" || source instanceof URL ? folderAt(source) : source;
}

async function readText(folder: CheckpointFolder, file: string): Promise<string | undefined> {
  checkPath(folder.name, file);
  using source = await folder.open(file);
  if (source === undefined) return undefined;
  if (source.byteLength > maxTextBytes) {
    throw new AssayError(
      "checkpoint/text-too-large",
      `Cannot read ${source.name}: expected a text of at most ${maxTextBytes} bytes, ` +
        `found ${source.byteLength}`,
    );
  }
  const text = decodeUtf8(await source.read(0, source.byteLength), source.name);
  refuseLfsPointer(text, source.name);
  return text;
}

/** Files that would make another model of the folder, for other programs. */
async function oddFiles(
  folder: CheckpointFolder,
  index: string | undefined,
): Promise<readonly string[]> {
  const has = async (file: string): Promise<boolean> => {
    using source = await folder.open(file);
    return source !== undefined;
  };
  const warnings: string[] = [];
  if (index !== undefined && !index.includes(`"${weightsFile}"`) && await has(weightsFile)) {
    warnings.push(
      `${folder.name} has its weights twice: Assay reads the shards of ${shardIndexFile}, ` +
        `transformers reads ${weightsFile}; remove the ones that are not meant`,
    );
  }
  // Not worth a request of its own over HTTP.
  if ((await folder.list?.())?.includes("modules.json")) {
    warnings.push(
      `${folder.name} is a sentence-transformers model (modules.json): Assay reads the transformer ` +
        "and a head beside it, and leaves its pooling and dense modules out",
    );
  }
  if (await has("adapter_config.json")) {
    warnings.push(
      `${folder.name} has an adapter_config.json beside its weights: Assay leaves the adapter out, ` +
        "transformers would load it on its base; --adapter puts one on a model, and a merged " +
        "checkpoint needs none",
    );
  }
  return warnings;
}

async function readConfig(folder: CheckpointFolder): Promise<Readonly<Record<string, unknown>>> {
  const text = await readText(folder, "config.json");
  if (text === undefined) throw await missingConfig(folder);
  let config: unknown;
  let cause: unknown;
  try {
    config = JSON.parse(text);
  } catch (error) {
    cause = error;
  }
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new AssayError(
      "checkpoint/bad-config",
      `Cannot read ${folder.name}/config.json: expected a JSON object, ` +
        `found ${cause ?? (Array.isArray(config) ? "a list" : String(config))}`,
      { cause },
    );
  }
  return config as Readonly<Record<string, unknown>>;
}

/** Opens all shards, several at once; where one fails the others are closed again. */
async function openShards(
  folder: CheckpointFolder,
  files: readonly string[],
): Promise<Map<string, SafetensorsReader>> {
  const readers = new Map<string, SafetensorsReader>();
  for (let i = 0; i < files.length; i += openedAtOnce) {
    const opened = await Promise.allSettled(
      files.slice(i, i + openedAtOnce).map(async (file) => {
        readers.set(file, await openShard(folder, file));
      }),
    );
    const failed = opened.find((outcome) => outcome.status === "rejected");
    if (failed !== undefined) {
      closeAll(readers.values());
      throw failed.reason;
    }
  }
  return new Map(files.map((file) => [file, readers.get(file)!]));
}

async function openShard(folder: CheckpointFolder, file: string): Promise<SafetensorsReader> {
  const source = await folder.open(file);
  if (source === undefined) {
    throw new AssayError(
      "checkpoint/missing-shard",
      `Cannot open checkpoint ${folder.name}: expected ${file} as ${shardIndexFile} says, ` +
        `found no such file; download it`,
    );
  }
  return await SafetensorsReader.open(source, file);
}

function closeAll(readers: Iterable<SafetensorsReader>): void {
  for (const reader of readers) reader[Symbol.dispose]();
}
