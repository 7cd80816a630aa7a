import { AssayError } from "../error.ts";
import { allocateBytes, type ByteSource, checkRange } from "./byte_source.ts";

/** The part of Deno that reads files, declared here so that this file also checks for a browser. */
interface FileSystem {
  open(path: string | URL, options: { read: true }): Promise<OpenFile>;
  stat(path: string | URL): Promise<{ isFile: boolean; size: number }>;
  readDir(path: string | URL): AsyncIterable<{ name: string }>;
}

interface OpenFile extends Disposable {
  seek(offset: number, whence: 0): Promise<number>;
  read(buffer: Uint8Array<ArrayBuffer>): Promise<number | null>;
}

function fileSystem(path: string | URL): FileSystem {
  const deno = (globalThis as { Deno?: FileSystem }).Deno;
  if (deno === undefined) {
    throw new AssayError(
      "checkpoint/no-file-system",
      `Cannot open ${path}: local paths need Deno; in a browser use httpFolder() or blobFolder()`,
    );
  }
  return deno;
}

/** Turns an error of the operating system or of Deno's permissions into one that says what to do. */
function explain(error: unknown, path: string | URL): AssayError {
  if (error instanceof AssayError) return error;
  const name = error instanceof Error ? error.name : "";
  if (name === "NotCapable" || name === "PermissionDenied") {
    return new AssayError(
      "checkpoint/permission-denied",
      `Cannot read ${path}: expected permission to read it, found none; ` +
        `run Deno with --allow-read and check who may read the file`,
      { cause: error },
    );
  }
  return new AssayError("checkpoint/read-failed", `Cannot read ${path}: ${error}`, {
    cause: error,
  });
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && (error.name === "NotFound" || error.name === "NotADirectory");
}

/**
 * Opens a local file for reading; needs `--allow-read` only.
 *
 * @param path Path or `file:` URL. Symbolic links are followed: the hub's cache is made of them.
 * @returns The source, or `undefined` where no such file exists.
 * @throws {AssayError} `checkpoint/permission-denied`, `checkpoint/not-a-file`,
 * `checkpoint/no-file-system` outside Deno, `checkpoint/read-failed`.
 */
export async function fileSource(path: string | URL): Promise<ByteSource | undefined> {
  const files = fileSystem(path);
  try {
    // Asked before opening, because opening a named pipe waits for its writer.
    const { isFile, size } = await files.stat(path);
    if (!isFile) {
      throw new AssayError(
        "checkpoint/not-a-file",
        `Cannot read ${path}: expected a file, found a folder or a device`,
      );
    }
    return new FileSource(String(path), size, await files.open(path, { read: true }));
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw explain(error, path);
  }
}

/**
 * What lies at a local path, links followed.
 *
 * @throws {AssayError} `checkpoint/permission-denied`, `checkpoint/read-failed`.
 */
export async function kindAt(path: string | URL): Promise<"folder" | "file" | undefined> {
  try {
    return (await fileSystem(path).stat(path)).isFile ? "file" : "folder";
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw explain(error, path);
  }
}

/**
 * Names of what lies directly in a local folder, in no order; empty where there is no such folder.
 *
 * @throws {AssayError} `checkpoint/permission-denied`, `checkpoint/read-failed`.
 */
export async function listFiles(path: string | URL): Promise<string[]> {
  const names: string[] = [];
  try {
    for await (const entry of fileSystem(path).readDir(path)) names.push(entry.name);
  } catch (error) {
    if (!isAbsent(error)) throw explain(error, path);
  }
  return names;
}

class FileSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #file: OpenFile;
  /** Settles with the reads begun so far: a read is a seek and reads, and must not mix with others. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(name: string, byteLength: number, file: OpenFile) {
    this.name = name;
    this.byteLength = byteLength;
    this.#file = file;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const turn = this.#turn.then(() => this.#readNow(offset, length));
    this.#turn = turn.catch(() => {});
    return turn;
  }

  async #readNow(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#closed) {
      throw new AssayError("checkpoint/closed", `Cannot read ${this.name}: it has been closed`);
    }
    checkRange(this, offset, length);
    const bytes = allocateBytes(length, this.name);
    try {
      await this.#file.seek(offset, 0);
      for (let filled = 0; filled < length;) {
        const count = await this.#file.read(bytes.subarray(filled));
        if (count === null) {
          throw new AssayError(
            "checkpoint/file-changed",
            `Cannot read ${this.name}: expected ${this.byteLength} bytes as when it was opened, ` +
              `found its end at ${offset + filled}; open it again once nothing writes to it`,
          );
        }
        filled += count;
      }
    } catch (error) {
      throw explain(error, this.name);
    }
    return bytes;
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#file[Symbol.dispose]();
  }
}
