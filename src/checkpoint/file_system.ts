/**
 * The runtime's own files: Deno's functions, or those of `node:fs`, which Node and Bun have. Both are
 * looked for at run time and never imported, so that this file also checks and bundles for a browser.
 *
 * @module
 */

/** A file opened for reading. */
export interface OpenFile {
  /**
   * Reads bytes that begin at `position`, as many as come at once.
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

/** The part of Deno that reads files. */
interface DenoFiles {
  open(path: string | URL, options: { read: true }): Promise<
    Disposable & {
      seek(offset: number, whence: 0): Promise<number>;
      read(bytes: Uint8Array<ArrayBuffer>): Promise<number | null>;
    }
  >;
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
    async open(path) {
      const file = await deno.open(path, { read: true });
      return {
        async read(bytes, position) {
          await file.seek(position, 0);
          return await file.read(bytes) ?? 0;
        },
        close: () => file[Symbol.dispose](),
      };
    },
  };
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
