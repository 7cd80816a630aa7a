/**
 * What the hub's cache needs of the runtime: files to write, hashes of streams, environment, locks. The
 * modules of Node serve, which Deno and Bun have too; they are looked for at run time and never imported,
 * so that this file also checks and bundles for a browser. Locks are Deno's own, where there is Deno.
 *
 * @module
 */
import { AssayError } from "../../error.ts";

/** A file opened for reading and writing. */
export interface WritableFile {
  read(
    bytes: Uint8Array<ArrayBuffer>,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesRead: number }>;
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>;
  stat(): Promise<{ size: number }>;
  truncate(length: number): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** The part of `node:fs/promises` that a cache is made with. */
export interface HostFiles {
  open(path: string, flags: "r+" | "wx" | "a+"): Promise<WritableFile>;
  stat(path: string): Promise<FileFacts>;
  readdir(path: string): Promise<string[]>;
  mkdir(path: string, options: { recursive: true }): Promise<unknown>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  symlink(target: string, path: string): Promise<void>;
  link(existing: string, path: string): Promise<void>;
  utimes(path: string, accessed: Date, modified: Date): Promise<void>;
  readFile(path: string, encoding: "utf8"): Promise<string>;
  writeFile(path: string, text: string): Promise<void>;
}

/** What is known of a file without opening it. */
export interface FileFacts {
  readonly size: number;
  readonly mtimeMs: number;
  isFile(): boolean;
  isDirectory(): boolean;
}

/** A hash that takes its bytes piece by piece. */
export interface RunningHash {
  update(bytes: Uint8Array | string): RunningHash;
  digest(encoding: "hex"): string;
}

/** A runtime with files. */
export interface HostSystem {
  readonly files: HostFiles;
  /** A variable of the environment; `undefined` where it is not set, or must not be read. */
  env(name: string): string | undefined;
  createHash(algorithm: "sha256" | "sha1"): RunningHash;
  /** Whether a file may be read without anybody being asked for the permission. */
  mayRead(path: string): boolean;
  /** Bytes that the disk of a folder has left; `undefined` where that can't be known. */
  freeBytes(folder: string): Promise<number | undefined>;
  /**
   * Locks a file for this process until it is disposed of, or the process ends in whatever way.
   *
   * @returns `undefined` where another process holds it.
   */
  readonly tryLock: ((path: string) => Promise<Disposable | undefined>) | undefined;
}

type Permission =
  | { name: "env"; variable: string }
  | { name: "read"; path: string }
  | { name: "sys"; kind: "statfs" };

interface DenoHost {
  readonly permissions: { querySync(of: Permission): { readonly state: string } };
  open(path: string, options: { write: true; create: true }): Promise<
    Disposable & { tryLock?(exclusive: boolean): Promise<boolean> }
  >;
}

interface SpaceOfDisk {
  readonly bavail: number;
  readonly bsize: number;
}

interface NodeProcess {
  readonly env: Readonly<Record<string, string | undefined>>;
  getBuiltinModule?(name: string): unknown;
}

/**
 * The runtime that this is.
 *
 * @param name What is wanted of it, as messages say it.
 * @throws {AssayError} `checkpoint/no-file-system`.
 */
export function hostSystem(name: string): HostSystem {
  const { Deno: deno, process } = globalThis as unknown as {
    Deno?: DenoHost;
    process?: NodeProcess;
  };
  const files = process?.getBuiltinModule?.("node:fs/promises");
  const crypto = process?.getBuiltinModule?.("node:crypto");
  if (process === undefined || files === undefined || crypto === undefined) {
    throw new AssayError(
      "checkpoint/no-file-system",
      `Cannot open ${name}: expected a runtime with files (Deno, Bun, Node from 20.16 on), which keep ` +
        "the hub's cache, found none; in a browser name the address of the model's files, " +
        "https://huggingface.co/org/name/resolve/main",
    );
  }
  return {
    files: files as HostFiles,
    createHash: (algorithm) =>
      (crypto as { createHash(name: string): RunningHash }).createHash(algorithm),
    // Nobody is asked for the permission to read what most people don't have.
    env: (variable) =>
      isGranted(deno, { name: "env", variable }) ? process.env[variable] : undefined,
    mayRead: (path) => isGranted(deno, { name: "read", path }),
    freeBytes: async (folder) => {
      if (!isGranted(deno, { name: "sys", kind: "statfs" })) return undefined;
      const { statfs } = files as { statfs?(path: string): Promise<SpaceOfDisk> };
      const { bavail, bsize } = await statfs?.(folder) ?? { bavail: NaN, bsize: NaN };
      return Number.isFinite(bavail * bsize) ? bavail * bsize : undefined;
    },
    tryLock: deno === undefined ? undefined : (path) => tryLock(deno, path),
  };
}

function isGranted(deno: DenoHost | undefined, permission: Permission): boolean {
  return deno === undefined || deno.permissions.querySync(permission).state === "granted";
}

async function tryLock(deno: DenoHost, path: string): Promise<Disposable | undefined> {
  const file = await deno.open(path, { write: true, create: true });
  try {
    if (await file.tryLock?.(true) ?? true) return file;
  } catch (error) {
    file[Symbol.dispose]();
    throw error;
  }
  file[Symbol.dispose]();
  return undefined;
}

/** Whether an error of the runtime's files says that the disk, or what one may use of it, is full. */
export function isDiskFull(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return code === "ENOSPC" || code === "EDQUOT" || /os error (28|122)\b/.test(error.message);
}

/** Whether an error says that something lies at the path already. */
export function isThere(error: unknown): boolean {
  const { name, code } = error as { name?: unknown; code?: unknown };
  return code === "EEXIST" || name === "AlreadyExists";
}
