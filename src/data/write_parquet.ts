import { ByteWriter, type ColumnSource, ParquetWriter } from "hyparquet-writer";
import type { ByteSink } from "./byte_sink.ts";
import type { ColumnTypes } from "./column_types.ts";
import { parquetSchema } from "./parquet_schema.ts";
import type { Row } from "./rows.ts";

/** Rows of a row group, as Hugging Face's `datasets` writes them: enough to compress, few enough to page. */
const groupRows = 1000;

const encoder = new TextEncoder();
/** Columns of JSON take its bytes. */
const jsonBytes = (text: string): Uint8Array => encoder.encode(text);

/**
 * Writes rows as Parquet (Snappy), one row group at a time, with bounded memory.
 *
 * @param sink Where the bytes go; not closed.
 * @param types The columns; must have seen every row.
 * @param rows The rows.
 */
export async function writeParquet(
  sink: ByteSink,
  types: ColumnTypes,
  rows: AsyncIterable<Row>,
): Promise<void> {
  const bytes = new ByteWriter();
  const flush = async () => {
    await sink.write(bytes.getBytes() as Uint8Array<ArrayBuffer>);
    bytes.index = 0; // the buffer is used again; its `offset` goes on counting the file's bytes
  };
  const writer = new ParquetWriter({
    writer: bytes,
    schema: parquetSchema(types),
    createdBy: "assay",
  });
  let group: Row[] = [];
  const writeGroup = async () => {
    const columnData = [...types.fields.keys()].map((name): ColumnSource => ({
      name,
      data: group.map((row) => types.value(row, name, jsonBytes)),
    }));
    await writer.write({ columnData, rowGroupSize: groupRows });
    group = [];
    await flush();
  };
  for await (const row of rows) {
    group.push(row);
    if (group.length === groupRows) await writeGroup();
  }
  if (group.length > 0) await writeGroup();
  for (const element of writer.schema) {
    // Older readers know JSON by this. The writer itself would take it for a wish to encode values,
    // and would round a `bigint` in them, so it hears of it last.
    if (element.logical_type?.type === "JSON") element.converted_type = "JSON";
  }
  await writer.finish();
  await flush();
}
