import { readRowStream, type ReadRowStreamOptions } from "./read_rows.ts";
import type { ReadRow, Row } from "./rows.ts";
import type { RowWriterOptions } from "./write_rows.ts";
import { writtenRow } from "./unwritable_row.ts";

/**
 * What goes in on one side and comes out on the other, for `pipeThrough`, made of a function over
 * iterables. Where the reading ends early, so does the writing.
 */
export function throughStream<In, Out>(
  through: (input: AsyncIterable<In>) => AsyncIterable<Out>,
): ReadableWritablePair<Out, In> {
  const { readable, writable } = new TransformStream<In, In>();
  return { writable, readable: ReadableStream.from(through(readable)) };
}

/**
 * Bytes in, rows out: what {@linkcode readRowStream} reads, for `pipeThrough`. A line that is no row is
 * an item with an error.
 */
export function rowsStream(
  options: ReadRowStreamOptions = {},
): ReadableWritablePair<ReadRow, Uint8Array> {
  return throughStream((bytes) => readRowStream(bytes, options));
}

/**
 * Rows in, JSON Lines out, a chunk for each row, as `jsonLinesWriter` writes them.
 *
 * @param options Who hears of rows that JSON can't hold.
 */
export function jsonLinesStream(options: RowWriterOptions = {}): TransformStream<Row, Uint8Array> {
  const encoder = new TextEncoder();
  return new TransformStream({
    transform(row, controller) {
      const { text, error } = writtenRow(row);
      if (error !== undefined) options.onUnwritable?.(error);
      controller.enqueue(encoder.encode(`${text}\n`));
    },
  });
}
