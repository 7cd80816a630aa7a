import type { FileInfo, Files, FolderEntry, OpenedFile, OpenOptions } from "./file_types.ts";
import { requireBuiltin } from "./builtin.ts";

/** The part of `node:fs` that is used. */
interface NodeFs {
  readonly constants: Readonly<Record<string, number>>;
  writeSync(descriptor: number, bytes: Uint8Array): number;
  readonly promises: {
    open(path: string, flags: number, mode?: number): Promise<Handle>;
    stat(path: string): Promise<Stats>;
    lstat(path: string): Promise<Stats>;
    realpath(path: string): Promise<string>;
    opendir(path: string): Promise<AsyncIterable<Named>>;
    readFile(path: string, encoding: "utf8"): Promise<string>;
    mkdir(path: string, options: { recursive: true }): Promise<unknown>;
    unlink(path: string): Promise<void>;
    rename(from: string, to: string): Promise<void>;
    chmod(path: string, mode: number): Promise<void>;
    symlink(target: string, path: string): Promise<void>;
  };
}

interface Kind {
  isFile(): boolean;
  isDirectory(): boolean;
  isSymbolicLink(): boolean;
}

interface Stats extends Kind {
  readonly size: number;
  readonly mode: number;
  readonly dev: number;
  readonly ino: number;
}

interface Named extends Kind {
  readonly name: string;
}

interface Handle {
  readonly fd: number;
  read(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesRead: number }>;
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number | null,
  ): Promise<{ bytesWritten: number }>;
  stat(): Promise<Stats>;
  truncate(length: number): Promise<void>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

const fs = (): NodeFs => requireBuiltin<NodeFs>("node:fs");

/** The most that is read or written at once: Node takes no more than 2 GiB. */
const mostAtOnce = 2 ** 30;
/** Bytes of a piece of a stream. */
const pieceBytes = 2 ** 16;

function kindOf(of: Kind): Pick<FileInfo, "isFile" | "isDirectory" | "isSymlink"> {
  return { isFile: of.isFile(), isDirectory: of.isDirectory(), isSymlink: of.isSymbolicLink() };
}

function infoOf(stats: Stats): FileInfo {
  const { size, mode, dev, ino } = stats;
  return { ...kindOf(stats), size, mode, dev, ino };
}

function flagsOf(options: OpenOptions): number {
  const { O_RDONLY, O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_EXCL, O_TRUNC } = fs().constants;
  const isWritten = options.write || options.append;
  let flags = !isWritten ? O_RDONLY! : options.read ? O_RDWR! : O_WRONLY!;
  if (options.append) flags |= O_APPEND!;
  if (options.create || options.createNew) flags |= O_CREAT!;
  if (options.createNew) flags |= O_EXCL!;
  if (options.truncate) flags |= O_TRUNC!;
  return flags;
}

/** A file of Node's; where it is read and written is counted here once somebody asked for a place. */
class NodeFile implements OpenedFile {
  readonly #handle: Handle;
  /** Where the next read begins; `null` while the system counts, as it must for pipes and appending. */
  #position: number | null = null;

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  async read(bytes: Uint8Array): Promise<number | null> {
    if (bytes.length === 0) return 0;
    const length = Math.min(bytes.length, mostAtOnce);
    const { bytesRead } = await this.#handle.read(bytes, 0, length, this.#position);
    if (this.#position !== null) this.#position += bytesRead;
    return bytesRead === 0 ? null : bytesRead;
  }

  async write(bytes: Uint8Array): Promise<number> {
    const length = Math.min(bytes.length, mostAtOnce);
    const { bytesWritten } = await this.#handle.write(bytes, 0, length, this.#position);
    if (this.#position !== null) this.#position += bytesWritten;
    return bytesWritten;
  }

  writeSync(bytes: Uint8Array): number {
    return fs().writeSync(this.#handle.fd, bytes);
  }

  seek(offset: number, _whence: 0): Promise<number> {
    this.#position = offset;
    return Promise.resolve(offset);
  }

  async stat(): Promise<FileInfo> {
    return infoOf(await this.#handle.stat());
  }

  async truncate(length = 0): Promise<void> {
    await this.#handle.truncate(length);
  }

  async syncData(): Promise<void> {
    await this.#handle.datasync();
  }

  close(): void {
    this.#handle.close().catch(() => {}); // a second time, or nothing that a write has not told
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return new ReadableStream({
      pull: async (controller) => {
        const bytes = new Uint8Array(pieceBytes);
        const count = await this.read(bytes);
        if (count !== null) return controller.enqueue(bytes.subarray(0, count));
        this.close();
        controller.close();
      },
      cancel: () => this.close(),
    }, { highWaterMark: 0 });
  }
}

/** The files of Node and Bun, by `node:fs`; Deno has that module too. */
export const nodeFiles: Files = {
  open: async (path, options = { read: true }) =>
    new NodeFile(await fs().promises.open(path, flagsOf(options), options.mode)),
  stat: async (path) => infoOf(await fs().promises.stat(path)),
  lstat: async (path) => infoOf(await fs().promises.lstat(path)),
  realPath: (path) => fs().promises.realpath(path),
  async *readDir(path): AsyncGenerator<FolderEntry> {
    for await (const entry of await fs().promises.opendir(path)) {
      yield { name: entry.name, ...kindOf(entry) };
    }
  },
  readTextFile: (path) => fs().promises.readFile(path, "utf8"),
  mkdir: async (path, options) => void await fs().promises.mkdir(path, options),
  remove: (path) => fs().promises.unlink(path),
  rename: (from, to) => fs().promises.rename(from, to),
  chmod: (path, mode) => fs().promises.chmod(path, mode),
  symlink: (target, path) => fs().promises.symlink(target, path),
};
