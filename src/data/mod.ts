/**
 * Rows in and out: JSON Lines, CSV, Parquet and Arrow, and the conversations that rows hold.
 *
 * Needs `--allow-read` for the files that it reads and `--allow-write` for those that it writes.
 *
 * @module
 */

export { type ByteSink, checkWritable } from "./byte_sink.ts";
export { numberInColumn, numbersInColumn } from "./column_values.ts";
export { AssayError } from "../error.ts";
export type { Conversation, Message } from "../text/conversation.ts";
export type { BytesRead } from "./input_bytes.ts";
export { parseJson, stringifyJson } from "./json_text.ts";
export {
  readRows,
  type ReadRowsOptions,
  readRowStream,
  type ReadRowStreamOptions,
} from "./read_rows.ts";
export { arrowStream, type ArrowStreamOptions } from "./arrow_stream.ts";
export { type ArrowRecordBatch, readRecordBatches, type RecordBatches } from "./record_batches.ts";
export {
  conversationsInOrder,
  conversationsOfRow,
  type RowConversations,
} from "./row_conversations.ts";
export { jsonLinesStream, rowsStream } from "./row_streams.ts";
export { formatOfName, type ReadRow, type Row, type RowFormat } from "./rows.ts";
export {
  jsonLinesWriter,
  type RowFileOptions,
  type RowWriter,
  type RowWriterOptions,
  writeRowFile,
} from "./write_rows.ts";
