import { AssayError } from "../error.ts";

/** Where bytes go: a file, standard output, a list in a test. */
export interface ByteSink {
  /** Writes all of the bytes, in the order of the calls. */
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Ends the output. */
  close(): Promise<void>;
}

/**
 * Makes sure that a file can be written, before long work is done for it. Its content stays as it is;
 * a file that does not exist is created, empty.
 *
 * @throws {AssayError} `data/cannot-write`.
 */
export async function checkWritable(path: string): Promise<void> {
  const file = await openForWriting(path, { write: true, create: true });
  file.close();
}

/**
 * Creates a file, or empties it, as a sink of bytes; gzipped where the name ends in `.gz`.
 *
 * @throws {AssayError} `data/cannot-write` where the file can't be created.
 */
export async function fileSink(path: string): Promise<ByteSink> {
  const file = await openForWriting(path, { write: true, create: true, truncate: true });
  if (path.endsWith(".gz")) return gzipSink(file.writable);
  return {
    async write(bytes: Uint8Array): Promise<void> {
      for (let offset = 0; offset < bytes.length;) {
        offset += await file.write(bytes.subarray(offset));
      }
    },
    close(): Promise<void> {
      file.close();
      return Promise.resolve();
    },
  };
}

async function openForWriting(path: string, options: Deno.OpenOptions): Promise<Deno.FsFile> {
  try {
    return await Deno.open(path, options);
  } catch (error) {
    throw new AssayError("data/cannot-write", `Cannot write ${path}: ${reasonOf(error, path)}`, {
      cause: error,
    });
  }
}

function gzipSink(file: WritableStream<Uint8Array>): ByteSink {
  const gzip = new CompressionStream("gzip");
  const written = gzip.readable.pipeTo(file);
  const writer = gzip.writable.getWriter();
  return {
    write: (bytes: Uint8Array<ArrayBuffer>): Promise<void> => writer.write(bytes),
    async close(): Promise<void> {
      await writer.close();
      await written;
    },
  };
}

function reasonOf(error: unknown, path: string): string {
  if (error instanceof Deno.errors.NotCapable) {
    return `Deno was not given the permission; add --allow-write=${path}`;
  }
  if (error instanceof Deno.errors.NotFound) return "there is no such folder";
  return error instanceof Error ? error.message : String(error);
}
