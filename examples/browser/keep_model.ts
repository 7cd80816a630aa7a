import type { CheckpointFolder } from "../../mod.ts";
import { blobSource } from "../../src/checkpoint/blob_source.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { shardIndexFile } from "../../src/checkpoint/shard_index.ts";
import { askedOf } from "../../src/scoring/asked_head.ts";
import { planFor } from "../../src/scoring/model_plan.ts";
import {
  fileHandle,
  findKept,
  type KeptFile,
  type KeptModel,
  openKept,
  openWritable,
  room,
  type WritableFile,
  writeAbout,
} from "./kept_models.ts";
import type { ModelOrigin, OriginFile } from "./model_origin.ts";
import { bytesText } from "./elements.ts";

/** What scoring reads beside the weights; each may be missing. */
const textFiles = [
  "config.json",
  shardIndexFile,
  "tokenizer.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "chat_template.jinja",
  "adapter_config.json", // which is only warned of
];

/** How often a file is asked for again after its bytes stopped coming. */
const mostAttempts = 3;

/** How much of a model is kept. */
export interface KeepProgress {
  readonly file: string;
  readonly done: number;
  readonly total: number;
}

/** What of a model is to be kept, and how it will be loaded. */
export interface KeepOptions {
  /** Tells the source from others. */
  readonly source: string;
  readonly name: string;
  readonly label?: string | undefined;
  readonly onProgress: (progress: KeepProgress) => void;
}

/**
 * Keeps a model in this browser: only the files that scoring needs, only those that changed since the
 * last time, and each from the byte on at which an earlier try ended. A model that Assay does not know
 * is refused before its weights are read. In workers only.
 */
export async function keepModel(origin: ModelOrigin, options: KeepOptions): Promise<KeptModel> {
  const { source, name, label } = options;
  const known = new Map<string, KeptFile>();
  for (const file of (await findKept(source))?.files ?? []) known.set(file.path, file);
  const found = new Map<string, OriginFile>();
  await Promise.all(textFiles.map(async (path) => {
    const file = await origin.find(path);
    if (file !== undefined) found.set(path, file);
  }));
  for (const path of await weightFiles(origin, found, label)) {
    const file = found.get(path) ?? await origin.find(path);
    if (file !== undefined) found.set(path, file);
  }
  const files = [...found].map(([path, { source, tag }]) => ({
    path,
    size: source.byteLength,
    tag,
  }));
  const folder = await openKept(source);
  await checkRoom(folder, files);
  const model = { source, name, files };
  await writeAbout(folder, { ...model, isComplete: false });
  const total = files.reduce((sum, { size }) => sum + size, 0);
  let before = 0;
  for (const file of files) {
    const told = (done: number) =>
      options.onProgress({ file: file.path, done: before + done, total });
    await keepFile(folder, file, found.get(file.path)!, known.get(file.path), told);
    before += file.size;
  }
  const complete = { ...model, isComplete: true };
  await writeAbout(folder, complete);
  return complete;
}

/** The files of the weights, once it is sure that Assay can score with them. */
async function weightFiles(
  origin: ModelOrigin,
  texts: ReadonlyMap<string, OriginFile>,
  label: string | undefined,
): Promise<readonly string[]> {
  const blobs = new Map<string, Blob>();
  for (const [path, file] of texts) {
    blobs.set(path, new Blob([await file.source.read(0, file.source.byteLength)]));
  }
  const folder: CheckpointFolder = {
    name: origin.name,
    async open(path) {
      const blob = blobs.get(path);
      if (blob !== undefined) return blobSource(`${origin.name}/${path}`, blob);
      return textFiles.includes(path) ? undefined : (await origin.find(path))?.source;
    },
    ...(origin.list === undefined ? {} : { list: () => origin.list!() }),
  };
  using checkpoint = await Checkpoint.open(folder);
  const { name, config, tensors } = checkpoint;
  const asked = await askedOf(checkpoint, config, {});
  planFor({ name, config, tensors }, { head: "reward", label, asked });
  return [...new Set([...tensors.values()].map(({ file }) => file))];
}

/** Refuses what does not fit before it is begun. */
async function checkRoom(
  folder: FileSystemDirectoryHandle,
  files: readonly KeptFile[],
): Promise<void> {
  let needed = 0;
  for (const { path, size } of files) needed += size - await keptBytes(folder, path);
  const { used, quota } = await room();
  if (needed <= quota - used) return;
  throw new Error(
    `Cannot keep the model: expected room for ${bytesText(needed)}, found ` +
      `${bytesText(Math.max(0, quota - used))}: the browser lets this site hold ${
        bytesText(quota)
      }. ` +
      "Delete kept models, make room on the disk, or download the folder and pick it without keeping " +
      "a copy",
  );
}

async function keptBytes(folder: FileSystemDirectoryHandle, path: string): Promise<number> {
  try {
    return (await (await fileHandle(folder, path)).getFile()).size;
  } catch {
    return 0;
  }
}

async function keepFile(
  folder: FileSystemDirectoryHandle,
  { path, size, tag }: KeptFile,
  origin: OriginFile,
  known: KeptFile | undefined,
  told: (done: number) => void,
): Promise<void> {
  const file = await openWritable(await fileHandle(folder, path, true));
  try {
    const isSame = known !== undefined && known.size === size && known.tag === tag && tag !== "";
    let at = isSame ? Math.min(file.getSize(), size) : 0;
    file.truncate(at);
    for (let attempt = 1; at < size; attempt++) {
      try {
        at = await copy(await origin.read(at), file, at, told);
        if (at < size) {
          throw new Error(`Cannot read ${path}: the bytes ended after ${at} of ${size}`);
        }
      } catch (error) {
        at = file.getSize();
        if ((error as Error).name === "QuotaExceededError") throw noRoom(error);
        if (attempt === mostAttempts) throw error;
        await new Promise((resolve) => setTimeout(resolve, 1000 * attempt));
      }
    }
    if (at > size) throw new Error(`Cannot read ${path}: expected ${size} bytes, found ${at}`);
    file.flush();
    told(size);
  } finally {
    file.close();
  }
}

/** Writes a stream's bytes into a file, and says where they end. */
async function copy(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  file: WritableFile,
  at: number,
  told: (done: number) => void,
): Promise<number> {
  const reader = stream.getReader(); // not every browser iterates over a stream
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return at;
    // Chromium throws nothing where there is no room: it answers with an error's number.
    if (file.write(value, { at }) !== value.length) {
      throw new DOMException("The file could not be written.", "QuotaExceededError");
    }
    at += value.length;
    told(at);
  }
}

function noRoom(cause: unknown): Error {
  return new Error(
    "Cannot keep the model: the browser has no more room for this site. What came is kept; delete " +
      "other models or make room on the disk, and load it again",
    { cause },
  );
}
