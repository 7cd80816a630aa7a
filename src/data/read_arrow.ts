import { zstdDecompressSync } from "node:zlib";
import {
  type AsyncRecordBatchFileReader,
  compressionRegistry,
  CompressionType,
  RecordBatchReader,
} from "apache-arrow";
import { AssayError } from "../error.ts";
import type { FileBytes } from "./indexed_file.ts";
import "./arrow_headers.ts";
import { decodeLz4Frame } from "./lz4_frames.ts";
import { rowsOfBatch } from "./batch_rows.ts";
import type { ReadRow } from "./rows.ts";

/** What one packed buffer may make at most: Arrow's own offsets of 32 bits reach no further. */
const mostBytes = 2 ** 31;

compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: decodeLz4Frame });
compressionRegistry.set(CompressionType.ZSTD, {
  decode: (data) => new Uint8Array(zstdDecompressSync(data, { maxOutputLength: mostBytes })),
});

/** Reads rows from a stream of Arrow record batches; no more than a batch is held. */
export async function* readArrowStream(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly ReadRow[]> {
  const input = chunks[Symbol.asyncIterator]();
  try {
    const reader = await RecordBatchReader.from({ [Symbol.asyncIterator]: () => input });
    await reader.open();
    if (reader.schema === undefined) throw new Error("it does not begin with a schema");
    let line = 1;
    for await (const batch of reader) {
      yield rowsOfBatch(batch, line);
      line += batch.numRows;
    }
  } catch (error) {
    throw arrowError(name, error);
  } finally {
    await input.return?.(); // the reader forgets to, where it is left early
  }
}

/** Reads rows from an Arrow file (Feather version 2), which has its index at its end. */
export async function* readArrowFile(
  name: string,
  file: FileBytes,
): AsyncGenerator<readonly ReadRow[]> {
  try {
    const reader = await RecordBatchReader.from(handleOf(file)) as AsyncRecordBatchFileReader;
    if (!reader.isFile()) throw new Error("it is cut short");
    await reader.open();
    let line = 1;
    for (let index = 0; index < reader.numRecordBatches; index++) {
      const batch = await reader.readRecordBatch(index);
      if (batch === null) throw new Error("its index names batches that are not there");
      yield rowsOfBatch(batch, line);
      line += batch.numRows;
    }
  } catch (error) {
    throw arrowError(name, error);
  }
}

/** A file as `apache-arrow` wants it: what it uses of a file handle of Node. */
function handleOf(file: FileBytes): never {
  const handle = {
    fd: -1, // by which it knows a handle
    stat: () => Promise.resolve({ size: file.byteLength }),
    async read(buffer: Uint8Array, offset: number, length: number, position: number) {
      const bytes = new Uint8Array(await file.slice(position, position + length));
      if (bytes.length === 0) throw new Error("it points past its end"); // else it is asked for ever
      buffer.set(bytes, offset);
      return { bytesRead: bytes.length, buffer };
    },
    close: () => Promise.resolve(),
  };
  return handle as never;
}

function arrowError(name: string, cause: unknown): AssayError {
  if (cause instanceof AssayError) return cause;
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new AssayError("data/bad-file", `Cannot read ${name} as Arrow: ${reason}`, { cause });
}
