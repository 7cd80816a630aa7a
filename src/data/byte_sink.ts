import { cannotWrite } from "./cannot_write.ts";
import { failureOf } from "../runtime/failure.ts";
import type { OpenedFile } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";

/** Where bytes go: a file, standard output, a list in a test. */
export interface ByteSink {
  /** Writes all of the bytes, in the order of the calls. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends the output. */
  close(): Promise<void>;
}

/**
 * Makes sure that a file can be written, before long work is done for it. Its content stays as it is;
 * a file that does not exist still doesn't.
 *
 * @throws {AssayError} `data/cannot-write`.
 */
export async function checkWritable(path: string): Promise<void> {
  try {
    const file = await files.open(path, { write: true, createNew: true });
    file.close();
    await files.remove(path);
    return;
  } catch (cause) {
    if (failureOf(cause) !== "already-exists") throw cannotWrite(path, cause);
  }
  try {
    (await files.open(path, { write: true })).close();
  } catch (cause) {
    // A link to a file that is not there yet: writing makes that file.
    if (failureOf(cause) !== "not-found") throw cannotWrite(path, cause);
  }
}

/**
 * Creates a file, or empties it, as a sink of bytes that stand in the file as they come; gzipped
 * where the name ends in `.gz`. Where a write fails, the file is cut back to the writes that were
 * whole, and goes where none was, or where half a gzip stream is of no use.
 *
 * @throws {AssayError} `data/cannot-write` where the file can't be created, or written any further.
 */
export async function fileSink(path: string): Promise<ByteSink> {
  let file: OpenedFile;
  let isFile: boolean;
  try {
    file = await files.open(path, { write: true, create: true, truncate: true });
    isFile = await isRegular(file);
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
  const isGzip = path.endsWith(".gz");
  const whole = { bytes: 0 };
  const sink = new OpenFile(path, file, async () => {
    if (!isFile) return file.close();
    await file.truncate(isGzip ? 0 : whole.bytes);
    file.close();
    if (isGzip || whole.bytes === 0) await files.remove(path);
  });
  if (isGzip) return gzipSink(sink);
  return {
    async write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
      await sink.write(bytes);
      whole.bytes += bytes.length;
    },
    close: () => sink.close(),
  };
}

/** A file being written: after a write that failed it is given up, and whoever goes on hears why. */
export class OpenFile implements ByteSink {
  readonly #path: string;
  readonly #file: OpenedFile;
  readonly #giveUp: () => void | Promise<void>;
  #failure: unknown;

  /**
   * @param path What errors call it.
   * @param file The file; closed by `close`.
   * @param giveUp Closes the file and takes back what was written, as far as it should be.
   */
  constructor(path: string, file: OpenedFile, giveUp: () => void | Promise<void>) {
    this.#path = path;
    this.#file = file;
    this.#giveUp = giveUp;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      await writeAll(this.#file, bytes);
    } catch (cause) {
      throw await this.fail(cause);
    }
  }

  close(): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    this.#file.close();
    return Promise.resolve();
  }

  /** Gives the file up; returns the error to throw. */
  async fail(cause: unknown): Promise<unknown> {
    if (this.#failure !== undefined) return this.#failure;
    this.#failure = cannotWrite(this.#path, cause);
    try {
      await this.#giveUp();
    } catch {
      // The first failure is the one to tell.
    }
    return this.#failure;
  }
}

/**
 * Whether a file that was just emptied is a file, and no device or pipe: only files can be cut. To
 * look at it would need the permission to read it.
 */
export async function isRegular(file: OpenedFile): Promise<boolean> {
  return await file.truncate(0).then(() => true, () => false);
}

/** Writes all of the bytes: a file may take fewer at once. */
export async function writeAll(file: OpenedFile, bytes: Uint8Array): Promise<void> {
  for (let offset = 0; offset < bytes.length;) {
    offset += await file.write(bytes.subarray(offset));
  }
}

/** A sink whose bytes are gzipped on their way into another. */
export function gzipSink(sink: ByteSink): ByteSink {
  const gzip = new CompressionStream("gzip");
  const written = gzip.readable.pipeTo(
    new WritableStream({ write: (bytes) => sink.write(bytes as Uint8Array<ArrayBuffer>) }),
  );
  written.catch(() => {}); // told by the next write or by close
  const writer = gzip.writable.getWriter();
  const told = async (doing: Promise<void>): Promise<void> => {
    try {
      await doing;
    } catch (cause) {
      await written; // throws the file's own reason
      throw cause;
    }
  };
  return {
    write: (bytes: Uint8Array<ArrayBuffer>): Promise<void> => told(writer.write(bytes)),
    async close(): Promise<void> {
      await told(writer.close());
      await written;
      await sink.close();
    },
  };
}
