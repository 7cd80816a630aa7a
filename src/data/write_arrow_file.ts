import { RecordBatchFileWriter } from "apache-arrow";
import type { ByteSink } from "./byte_sink.ts";
import type { ColumnTypes } from "./column_types.ts";
import type { Row } from "./rows.ts";
import { arrowChunks } from "./write_arrow.ts";

/** Rows of a record batch. */
const rowsPerBatch = 1000;

/**
 * Writes rows as an Arrow file (Feather version 2, not packed), batch by batch, with bounded memory.
 *
 * @param sink Where the bytes go; not closed.
 * @param types The columns; must have seen every row.
 * @param rows The rows.
 */
export async function writeArrowFile(
  sink: ByteSink,
  types: ColumnTypes,
  rows: AsyncIterable<Row>,
): Promise<void> {
  const content = { types, rows, rowsPerBatch };
  for await (const chunk of arrowChunks(new RecordBatchFileWriter(), content)) {
    if (chunk.length > 0) await sink.write(chunk);
  }
}
