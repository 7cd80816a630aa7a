import type { Row } from "../../data/rows.ts";
import { jsonLinesWriter } from "../../data/write_rows.ts";
import type { Output } from "../output.ts";

/** Writes a report's rows as JSON Lines, on standard output. */
export async function writeReportRows(rows: readonly Row[], output: Output): Promise<void> {
  const writer = jsonLinesWriter({
    write: (bytes) => output.write(bytes),
    close: () => Promise.resolve(),
  });
  for (const row of rows) await writer.write(row);
  await writer.close();
}
