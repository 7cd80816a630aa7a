import type { Row } from "../data/rows.ts";
import { jsonLinesWriter } from "../data/write_rows.ts";
import type { RowCounts } from "../tasks/evaluate/taken_rows.ts";
import type { Output } from "./output.ts";

/** Tells how many rows a report leaves out, and why the first. */
export async function tellLeftOut(
  { rows, firstFailure }: RowCounts,
  output: Output,
  where = "",
): Promise<void> {
  if (firstFailure === undefined) return;
  output.rowFailed();
  const { code, message } = firstFailure;
  await output.warn(
    `${where}${rows.failed} of ${rows.read} rows are left out. The first: ${message} [${code}]`,
  );
}

/** Writes a report's rows as JSON Lines, on standard output. */
export async function writeReportRows(rows: readonly Row[], output: Output): Promise<void> {
  const writer = jsonLinesWriter({
    write: (bytes) => output.write(bytes),
    close: () => Promise.resolve(),
  });
  for (const row of rows) await writer.write(row);
  await writer.close();
}
