/**
 * Models that were kept in this browser: each has a folder in its private file system (OPFS), named by
 * its source, with its files and what is known of them.
 *
 * @module
 */
import { blobFolder, type CheckpointFolder } from "../../src/checkpoint/folder.ts";

/** A file of a model, as its source had it. */
export interface KeptFile {
  /** Its path in the checkpoint's folder. */
  readonly path: string;
  /** Its bytes. */
  readonly size: number;
  /** What changes with its content: an ETag, a date; empty where the source tells none. */
  readonly tag: string;
}

/** What is known of a kept model. */
export interface KeptModel {
  /** The address that it came from, or what tells a picked folder from others. */
  readonly source: string;
  /** What people call it. */
  readonly name: string;
  readonly files: readonly KeptFile[];
  /** Whether all of its files are there in full. */
  readonly isComplete: boolean;
}

const aboutFile = "about.json";

async function modelsFolder(): Promise<FileSystemDirectoryHandle> {
  const root = await navigator.storage.getDirectory();
  return await root.getDirectoryHandle("assay-models", { create: true });
}

/** The name of a source's folder. */
async function keyOf(source: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(source));
  return [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The folder of a source, made where there is none. */
export async function openKept(source: string): Promise<FileSystemDirectoryHandle> {
  const models = await modelsFolder();
  return await models.getDirectoryHandle(await keyOf(source), { create: true });
}

/** The handle of a model's file; a path's slashes would name folders. */
export async function fileHandle(
  folder: FileSystemDirectoryHandle,
  path: string,
  create = false,
): Promise<FileSystemFileHandle> {
  const files = await folder.getDirectoryHandle("files", { create });
  return await files.getFileHandle(encodeURIComponent(path), { create });
}

/** A file in which something is written from a worker. */
interface WritableHandle {
  createSyncAccessHandle(): Promise<WritableFile>;
}

/** What TypeScript knows only of workers. */
export interface WritableFile {
  getSize(): number;
  truncate(size: number): void;
  write(bytes: Uint8Array<ArrayBuffer>, options: { at: number }): number;
  flush(): void;
  close(): void;
}

/** Opens a file to write it; in workers only. */
export async function openWritable(handle: FileSystemFileHandle): Promise<WritableFile> {
  try {
    return await (handle as unknown as WritableHandle).createSyncAccessHandle();
  } catch (cause) {
    if ((cause as Error).name !== "NoModificationAllowedError") throw cause;
    throw new Error(
      "Cannot keep the model: another tab or window keeps it just now; wait for it, or close it",
      { cause },
    );
  }
}

/** Writes down what is known of a model; in workers only. */
export async function writeAbout(
  folder: FileSystemDirectoryHandle,
  model: KeptModel,
): Promise<void> {
  const file = await openWritable(await folder.getFileHandle(aboutFile, { create: true }));
  try {
    const bytes = new TextEncoder().encode(JSON.stringify(model));
    file.truncate(0);
    file.write(bytes, { at: 0 });
    file.flush();
  } finally {
    file.close();
  }
}

async function readAbout(folder: FileSystemDirectoryHandle): Promise<KeptModel | undefined> {
  try {
    const file = await (await folder.getFileHandle(aboutFile)).getFile();
    return JSON.parse(await file.text());
  } catch {
    return undefined; // none yet, or a page that was closed while it was written
  }
}

/** All models that are there, in part or in full. */
export async function keptModels(): Promise<KeptModel[]> {
  const models: KeptModel[] = [];
  for await (const handle of (await modelsFolder()).values()) {
    const about = await readAbout(handle as FileSystemDirectoryHandle);
    if (about !== undefined) models.push(about);
  }
  return models.sort((a, b) => a.name < b.name ? -1 : 1);
}

/** What is kept of a source. */
export async function findKept(source: string): Promise<KeptModel | undefined> {
  const models = await modelsFolder();
  try {
    return await readAbout(await models.getDirectoryHandle(await keyOf(source)));
  } catch {
    return undefined;
  }
}

/** A kept model as a checkpoint's folder. */
export async function keptFolder({ source, name, files }: KeptModel): Promise<CheckpointFolder> {
  const folder = await openKept(source);
  const blobs = new Map<string, Blob>();
  for (const { path, size } of files) {
    const file = await (await fileHandle(folder, path)).getFile();
    if (file.size !== size) {
      throw new Error(
        `Cannot open ${name}: expected ${size} bytes of ${path}, found ${file.size}; delete the model ` +
          "from this browser and load it again",
      );
    }
    blobs.set(path, file);
  }
  return blobFolder(name, blobs);
}

/** Deletes what is kept of a source. */
export async function forgetModel(source: string): Promise<void> {
  await (await modelsFolder()).removeEntry(await keyOf(source), { recursive: true });
}

/** How many bytes this site holds in the browser, and may hold. */
export async function room(): Promise<{ readonly used: number; readonly quota: number }> {
  const { usage = 0, quota = 0 } = await navigator.storage.estimate();
  return { used: usage, quota };
}
