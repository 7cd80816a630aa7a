import { AssayError } from "../error.ts";
import { type BytesRead, inputError } from "./input_bytes.ts";
import { folderFound } from "../runtime/failure.ts";
import type { OpenedFile } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";

/** A file that is read at any place. */
export interface FileBytes {
  readonly byteLength: number;
  /** The bytes from `start` to before `end`; to the file's end by default. */
  slice(start: number, end?: number): Promise<ArrayBuffer>;
}

/** A file with its index at its end, and what reads such a one. */
export interface IndexedFile<Item> {
  readonly path: string;
  /** Its format, as error messages call it. */
  readonly kind: string;
  /** Told how much of the file has been read. */
  readonly onBytes: ((bytes: BytesRead) => void) | undefined;
  read(name: string, file: FileBytes): AsyncIterable<Item>;
}

/**
 * What is read of a file that has its index at its end.
 *
 * @throws {AssayError} `data/bad-file` for standard input; what {@linkcode inputError} makes of a file
 *   that can't be opened.
 */
export async function* indexedFile<Item>(
  { path, kind, onBytes, read }: IndexedFile<Item>,
): AsyncGenerator<Item> {
  if (path === "-") throw notInOrder("standard input", kind);
  let file: OpenedFile | undefined;
  try {
    file = await files.open(path, { read: true });
    const { size, isFile } = await file.stat();
    if (!isFile) throw folderFound(path);
    yield* read(path, fileBytes(file, size, onBytes));
  } catch (error) {
    throw inputError(path, error);
  } finally {
    file?.close();
  }
}

/** The error of bytes that come in order, where a format needs its end first. */
export function notInOrder(name: string, kind: string): AssayError {
  return new AssayError(
    "data/bad-file",
    `Cannot read ${kind} from ${name}: its index stands at its end; save it as a file first`,
  );
}

/** Whether a file begins with some ASCII text. */
export async function startsWith(path: string, text: string): Promise<boolean> {
  let file: OpenedFile | undefined;
  try {
    file = await files.open(path, { read: true });
    const { size, isFile } = await file.stat();
    if (!isFile || size < text.length) return false;
    const bytes = await fileBytes(file, size, undefined).slice(0, text.length);
    return new TextDecoder().decode(bytes) === text;
  } catch (error) {
    throw inputError(path, error);
  } finally {
    file?.close();
  }
}

/** A file as hyparquet and others want it: positional reads, one at a time. */
function fileBytes(
  file: OpenedFile,
  byteLength: number,
  onBytes: ((bytes: BytesRead) => void) | undefined,
): FileBytes {
  let last: Promise<unknown> = Promise.resolve();
  let read = 0;
  const readRange = async (start: number, end: number): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(end - start);
    await file.seek(start, 0);
    for (let offset = 0; offset < bytes.length;) {
      const count = await file.read(bytes.subarray(offset));
      if (count === null) throw new Error("the file ends before its data");
      offset += count;
    }
    read += bytes.length;
    onBytes?.({ read: Math.min(read, byteLength), byteLength });
    return bytes.buffer;
  };
  return {
    byteLength,
    slice(start: number, end: number = byteLength): Promise<ArrayBuffer> {
      // One after another, because a seek and its read must not be torn apart by another's.
      const range = last.then(() => readRange(start, Math.min(end, byteLength)));
      last = range.catch(() => undefined);
      return range;
    },
  };
}
