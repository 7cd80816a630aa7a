import { AsyncByteQueue, type RecordBatchWriter } from "apache-arrow";
import { arrowSchema, recordBatchOf } from "./arrow_columns.ts";
import type { ColumnTypes } from "./column_types.ts";
import type { Row } from "./rows.ts";

/** The writer's bytes until they are taken: its own queue would hold all of them. */
class WrittenBytes extends AsyncByteQueue<Uint8Array> {
  #chunks: Uint8Array<ArrayBuffer>[] = [];

  override write(chunk: Uint8Array): void {
    this.#chunks.push(chunk as Uint8Array<ArrayBuffer>);
  }

  override close(): never {
    return undefined as never; // nobody waits for more
  }

  async take(): Promise<Uint8Array<ArrayBuffer>> {
    const chunks = this.#chunks;
    this.#chunks = [];
    return new Uint8Array(await new Blob(chunks).arrayBuffer());
  }
}

/** What is written, and how it is divided. */
export interface ArrowContent {
  /** The columns; must have seen every row. */
  readonly types: ColumnTypes;
  readonly rows: AsyncIterable<Row> | Iterable<Row>;
  /** Rows of a record batch at most. */
  readonly rowsPerBatch: number;
}

/**
 * Rows as Arrow's bytes, not packed: the schema, then a chunk for each record batch, then the end. No
 * more than a batch is held.
 *
 * @param writer A `RecordBatchFileWriter` or a `RecordBatchStreamWriter`.
 */
export async function* arrowChunks(
  writer: RecordBatchWriter,
  { types, rows, rowsPerBatch }: ArrowContent,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const schema = arrowSchema(types);
  const bytes = new WrittenBytes();
  writer.reset(bytes, schema); // writes the schema, be there rows or none
  let batch: Row[] = [];
  for await (const row of rows) {
    batch.push(row);
    if (batch.length < rowsPerBatch) continue;
    writer.write(recordBatchOf(schema, types, batch));
    batch = [];
    yield await bytes.take();
  }
  if (batch.length > 0) writer.write(recordBatchOf(schema, types, batch));
  writer.finish();
  yield await bytes.take();
}
