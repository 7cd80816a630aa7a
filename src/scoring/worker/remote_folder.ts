import type { ByteSource } from "../../checkpoint/byte_source.ts";
import { checkPath, type CheckpointFolder } from "../../checkpoint/folder.ts";
import type { RemoteCalls } from "./remote_calls.ts";

/** What is known of an opened file. */
interface FileFacts {
  readonly file: number;
  readonly name: string;
  readonly byteLength: number;
}

/** What a worker may ask of a folder that can't be cloned. */
export type FolderProcedures = {
  openFile(file: string): Promise<FileFacts | undefined>;
  readFile(file: number, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
  closeFile(file: number): void;
  listFiles(): Promise<readonly string[]>;
};

/** Answers for a folder. */
export function folderProcedures(folder: CheckpointFolder): FolderProcedures {
  const files: (ByteSource | undefined)[] = [];
  return {
    async openFile(path) {
      const source = await folder.open(path);
      if (source === undefined) return undefined;
      const { name, byteLength } = source;
      return { file: files.push(source) - 1, name, byteLength };
    },
    readFile: (file, offset, length) => files[file]!.read(offset, length),
    closeFile(file) {
      files[file]?.[Symbol.dispose]();
      files[file] = undefined;
    },
    listFiles: async () => await folder.list?.() ?? [],
  };
}

/** A folder whose bytes come from the other end of a line. */
export function remoteFolder(
  name: string,
  isListed: boolean,
  calls: RemoteCalls<FolderProcedures>,
): CheckpointFolder {
  return {
    name,
    async open(path) {
      checkPath(name, path);
      const facts = await calls.call("openFile", path);
      if (facts === undefined) return undefined;
      return {
        name: facts.name,
        byteLength: facts.byteLength,
        read: (offset, length) => calls.call("readFile", facts.file, offset, length),
        [Symbol.dispose]: () => void calls.call("closeFile", facts.file).catch(() => {}),
      };
    },
    ...(isListed ? { list: () => calls.call("listFiles") } : {}),
  };
}
