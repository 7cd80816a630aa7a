/** What is known of what lies at a path. */
export interface FileInfo {
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
  /** Bytes. */
  readonly size: number;
  /** Who may do what with it, where the system tells. */
  readonly mode: number | null;
  /** The device that it lies on. */
  readonly dev: number;
  /** Its number there, where the system tells. */
  readonly ino: number | null;
}

/** A file that is open. Reads and writes go on from where the last one ended. */
export interface OpenedFile extends Disposable {
  /** Reads some bytes; `null` at the end. */
  read(bytes: Uint8Array): Promise<number | null>;
  /** Writes some of the bytes; tells how many. */
  write(bytes: Uint8Array): Promise<number>;
  /** As {@link OpenedFile.write}, at once. */
  writeSync(bytes: Uint8Array): number;
  /** Goes to a byte counted from the beginning. */
  seek(offset: number, whence: 0): Promise<number>;
  stat(): Promise<FileInfo>;
  /** Cuts the file off after so many bytes, or fills it up to there. */
  truncate(length?: number): Promise<void>;
  /** Waits until the bytes are on the disk. */
  syncData(): Promise<void>;
  close(): void;
  /** The bytes from here on; closes the file when it is read or given up. */
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
}

/** How to open a file. */
export interface OpenOptions {
  readonly read?: boolean;
  readonly write?: boolean;
  /** Writes go to the end. */
  readonly append?: boolean;
  /** Makes it where it is not there. */
  readonly create?: boolean;
  /** Makes it; fails where something stands there. */
  readonly createNew?: boolean;
  /** Empties it. */
  readonly truncate?: boolean;
  /** Who may do what with a file that is made. */
  readonly mode?: number;
}

/** What lies in a folder. */
export interface FolderEntry {
  readonly name: string;
  readonly isFile: boolean;
  readonly isDirectory: boolean;
  readonly isSymlink: boolean;
}

/** The part of Deno's files that Assay uses. `failureOf` tells what their errors mean. */
export interface Files {
  open(path: string, options?: OpenOptions): Promise<OpenedFile>;
  /** What lies at a path, links followed. */
  stat(path: string): Promise<FileInfo>;
  /** What lies at a path, a link as a link. */
  lstat(path: string): Promise<FileInfo>;
  /** The path without links. */
  realPath(path: string): Promise<string>;
  readDir(path: string): AsyncIterable<FolderEntry>;
  readTextFile(path: string): Promise<string>;
  mkdir(path: string, options: { readonly recursive: true }): Promise<void>;
  /** Removes a file or a link. */
  remove(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  chmod(path: string, mode: number): Promise<void>;
  /** Makes a link that leads to a target. */
  symlink(target: string, path: string): Promise<void>;
}
