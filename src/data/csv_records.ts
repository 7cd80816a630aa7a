import { ownValue } from "../own_value.ts";
import type { ByteSink } from "./byte_sink.ts";
import { stringifyJson } from "./json_text.ts";
import type { Row } from "./rows.ts";

/**
 * Writes rows as CSV records under their columns' names: `null` and absent are empty, lists and objects
 * are JSON text.
 *
 * @param sink Where the bytes go; it is not closed.
 * @param columns Names of the columns, in their order.
 * @param rows The rows.
 * @param delimiter What stands between fields.
 */
export async function writeRecords(
  sink: Pick<ByteSink, "write">,
  columns: readonly string[],
  rows: AsyncIterable<Row>,
  delimiter: string,
): Promise<void> {
  const { stringify } = await import("csv-stringify/sync");
  const encoder = new TextEncoder();
  let records: string[][] = [[...columns]];
  const flush = async () => {
    const bytes = encoder.encode(stringify(records, { delimiter }));
    records = [];
    await sink.write(bytes);
  };
  for await (const row of rows) {
    records.push(columns.map((column) => cellOf(ownValue(row, column))));
    if (records.length >= 256) await flush();
  }
  if (records.length > 0) await flush();
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? stringifyJson(value) : String(value);
}
