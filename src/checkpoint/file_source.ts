import { AssayError } from "../error.ts";
import { allocateBytes, type ByteSource, checkRange } from "./byte_source.ts";
import { type FileSystem, fileSystem, lackOf, type OpenFile } from "./file_system.ts";

/**
 * The runtime's files.
 *
 * @throws {AssayError} `checkpoint/no-file-system`.
 */
function filesFor(path: string | URL): FileSystem {
  const files = fileSystem();
  if (files !== undefined) return files;
  throw new AssayError(
    "checkpoint/no-file-system",
    `Cannot open ${path}: expected a runtime with files (Deno, Bun, Node from 20.16 on), found none; ` +
      "in a browser use httpFolder() or blobFolder()",
  );
}

/** Turns an error of the runtime's files into one that says what to do. */
function explain(error: unknown, path: string | URL): AssayError {
  if (error instanceof AssayError) return error;
  if (lackOf(error) === "permission") {
    return new AssayError(
      "checkpoint/permission-denied",
      `Cannot read ${path}: expected permission to read it, found none; ` +
        `${fileSystem()?.permission ?? ""}check who may read the file`,
      { cause: error },
    );
  }
  return new AssayError("checkpoint/read-failed", `Cannot read ${path}: ${error}`, {
    cause: error,
  });
}

/**
 * Opens a local file for reading; under Deno it needs `--allow-read` only.
 *
 * @param path Path or `file:` URL. Symbolic links are followed: the hub's cache is made of them.
 * @returns The source, or `undefined` where no such file exists.
 * @throws {AssayError} `checkpoint/permission-denied`, `checkpoint/not-a-file`,
 * `checkpoint/no-file-system` in a browser, `checkpoint/read-failed`.
 */
export async function fileSource(path: string | URL): Promise<ByteSource | undefined> {
  return await fileSourceIn(filesFor(path), path);
}

/** As {@link fileSource}, with the files of some runtime. */
export async function fileSourceIn(
  files: FileSystem,
  path: string | URL,
): Promise<ByteSource | undefined> {
  try {
    // Asked before opening, because opening a named pipe waits for its writer.
    const { isFile, size } = await files.stat(path);
    if (!isFile) {
      throw new AssayError(
        "checkpoint/not-a-file",
        `Cannot read ${path}: expected a file, found a folder or a device`,
      );
    }
    return new FileSource(String(path), size, await files.open(path));
  } catch (error) {
    if (lackOf(error) === "absent") return undefined;
    throw explain(error, path);
  }
}

/**
 * What lies at a local path, links followed.
 *
 * @throws {AssayError} `checkpoint/permission-denied`, `checkpoint/read-failed`.
 */
export async function kindAt(
  path: string | URL,
  files: FileSystem = filesFor(path),
): Promise<"folder" | "file" | undefined> {
  try {
    return (await files.stat(path)).isFile ? "file" : "folder";
  } catch (error) {
    if (lackOf(error) === "absent") return undefined;
    throw explain(error, path);
  }
}

/**
 * Names of what lies directly in a local folder, in no order; empty where there is no such folder.
 *
 * @throws {AssayError} `checkpoint/permission-denied`, `checkpoint/read-failed`.
 */
export async function listFiles(
  path: string | URL,
  files: FileSystem = filesFor(path),
): Promise<string[]> {
  try {
    return await files.names(path);
  } catch (error) {
    if (lackOf(error) === "absent") return [];
    throw explain(error, path);
  }
}

class FileSource implements ByteSource {
  readonly name: string;
  readonly byteLength: number;
  readonly #file: OpenFile;
  #closed = false;

  constructor(name: string, byteLength: number, file: OpenFile) {
    this.name = name;
    this.byteLength = byteLength;
    this.#file = file;
  }

  async read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#closed) {
      throw new AssayError("checkpoint/closed", `Cannot read ${this.name}: it has been closed`);
    }
    checkRange(this, offset, length);
    const bytes = allocateBytes(length, this.name);
    try {
      for (let filled = 0; filled < length;) {
        const count = await this.#file.read(bytes.subarray(filled), offset + filled);
        if (count === 0) {
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
    this.#file.close();
  }
}
