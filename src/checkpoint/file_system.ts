/**
 * The runtime's own files: Deno's functions, or those of `node:fs`, which Node and Bun have. Both are
 * looked for at run time and never imported, so that this file also checks and bundles for a browser.
 *
 * @module
 */
import { AssayError } from "../error.ts";

/** A file opened for reading. */
export interface OpenFile {
  /**
   * Reads bytes that begin at `position`, as many as come at once. Several reads may be under way at
   * once; each begins before the call returns, where no more than {@link readsAtOnce} are.
   *
   * @returns How many there were; 0 at the end of the file.
   */
  read(bytes: Uint8Array<ArrayBuffer>, position: number): Promise<number>;
  /** Lets the file go. */
  close(): void;
}

/** What is asked of a runtime's files. Errors are the runtime's; {@link lackOf} tells their meaning. */
export interface FileSystem {
  /** Opens a file for reading. */
  open(path: string | URL): Promise<OpenFile>;
  /** What lies at a path, links followed. */
  stat(path: string | URL): Promise<{ readonly isFile: boolean; readonly size: number }>;
  /** Names of what lies directly in a folder, in no order. */
  names(path: string | URL): Promise<string[]>;
  /** What the runtime wants before it lets a program read, as messages say it. */
  readonly permission: string;
}

/** A file that Deno has open. */
interface DenoFile extends Disposable {
  seekSync(offset: number, whence: 0): number;
  read(bytes: Uint8Array<ArrayBuffer>): Promise<number | null>;
  statSync(): { readonly dev: number; readonly ino: number | null; readonly size: number };
}

/** The part of Deno that reads files. */
interface DenoFiles {
  open(path: string | URL, options: { read: true }): Promise<DenoFile>;
  openSync(path: string | URL, options: { read: true }): DenoFile;
  stat(path: string | URL): Promise<{ isFile: boolean; size: number }>;
  readDir(path: string | URL): AsyncIterable<{ name: string }>;
}

/** The part of `node:fs/promises` that reads files. */
export interface NodeFiles {
  open(path: string | URL, flags: "r"): Promise<{
    read(
      bytes: Uint8Array<ArrayBuffer>,
      offset: number,
      length: number,
      position: number,
    ): Promise<{ bytesRead: number }>;
    close(): Promise<void>;
  }>;
  stat(path: string | URL): Promise<{ isFile(): boolean; size: number }>;
  readdir(path: string | URL): Promise<string[]>;
}

/** The most that Node reads at once. */
const mostOfNode = 2 ** 30;

/** The files of the runtime that this is; `undefined` where it has none, as a browser. */
export function fileSystem(): FileSystem | undefined {
  const runtime = globalThis as {
    Deno?: DenoFiles;
    process?: { getBuiltinModule?: (name: string) => unknown };
  };
  if (runtime.Deno !== undefined) return denoFileSystem(runtime.Deno);
  const node = runtime.process?.getBuiltinModule?.("node:fs/promises");
  return node === undefined ? undefined : nodeFileSystem(node as NodeFiles);
}

function denoFileSystem(deno: DenoFiles): FileSystem {
  return {
    permission: "run Deno with --allow-read and ",
    stat: (path) => deno.stat(path),
    names: (path) => Array.fromAsync(deno.readDir(path), ({ name }) => name),
    open: async (path) => new DenoOpenFile(deno, path, await deno.open(path, { read: true })),
  };
}

/** Reads of one file that are under way at once; further ones wait. */
export const readsAtOnce = 16;

/**
 * A file under Deno, where a read is a seek and a read that begins there: each read that is under way has
 * the file open for itself. It begins at once, and goes on while the thread computes.
 */
class DenoOpenFile implements OpenFile {
  readonly #idle: DenoFile[];
  readonly #waiting: ((file: DenoFile) => void)[] = [];
  #opened = 1;
  #closed = false;

  constructor(readonly deno: DenoFiles, readonly path: string | URL, readonly first: DenoFile) {
    this.#idle = [first];
  }

  async read(bytes: Uint8Array<ArrayBuffer>, position: number): Promise<number> {
    const taken = this.#take();
    const file = taken instanceof Promise ? await taken : taken; // no turn of the loop where none is needed
    try {
      file.seekSync(position, 0);
      return await file.read(bytes) ?? 0;
    } finally {
      this.#giveBack(file);
    }
  }

  #take(): DenoFile | Promise<DenoFile> {
    const idle = this.#idle.pop();
    if (idle !== undefined) return idle;
    if (this.#opened < readsAtOnce) return this.#another();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The same file, opened once more: what lies at its path may have been replaced meanwhile. */
  #another(): DenoFile {
    const file = this.deno.openSync(this.path, { read: true });
    const [one, other] = [this.first.statSync(), file.statSync()];
    if (one.dev === other.dev && one.ino === other.ino && one.size === other.size) {
      this.#opened++;
      return file;
    }
    file[Symbol.dispose]();
    throw new AssayError(
      "checkpoint/file-changed",
      `Cannot read ${this.path}: expected the file that was opened, found another in its place; ` +
        "open it again once nothing writes to it",
    );
  }

  #giveBack(file: DenoFile): void {
    const next = this.#waiting.shift();
    if (next !== undefined) next(file);
    else if (this.#closed) file[Symbol.dispose]();
    else this.#idle.push(file);
  }

  close(): void {
    this.#closed = true;
    for (const file of this.#idle.splice(0)) file[Symbol.dispose]();
  }
}

/** The files of Node, by its module `node:fs/promises`; Bun and Deno have that too. */
export function nodeFileSystem(node: NodeFiles): FileSystem {
  return {
    permission: "",
    async stat(path) {
      const found = await node.stat(path);
      return { isFile: found.isFile(), size: found.size };
    },
    names: (path) => node.readdir(path),
    async open(path) {
      const file = await node.open(path, "r");
      return {
        async read(bytes, position) {
          const length = Math.min(bytes.length, mostOfNode);
          return (await file.read(bytes, 0, length, position)).bytesRead;
        },
        close: () => void file.close().catch(() => {}), // it was read: nothing is lost
      };
    },
  };
}

/** What an error of a runtime's files means: nothing lies there, or it may not be read. */
export function lackOf(error: unknown): "absent" | "permission" | undefined {
  if (!(error instanceof Error)) return undefined;
  const { name, code } = error as { name: string; code?: unknown };
  if (name === "NotFound" || name === "NotADirectory") return "absent";
  if (code === "ENOENT" || code === "ENOTDIR") return "absent";
  if (name === "NotCapable" || name === "PermissionDenied") return "permission";
  if (code === "EACCES" || code === "EPERM" || code === "ERR_ACCESS_DENIED") return "permission";
  return undefined;
}
