import type { OutputRow } from "../../tasks/output_row.ts";
import type { Output } from "../output.ts";
import { rowOutput, type RowTable } from "../row_output.ts";
import type { CalibrateFlags } from "./calibrate_flags.ts";
import { calibrateTable } from "./calibrate_table.ts";

/** Writes rows where the flags say, and counts them. */
export async function writeRows(
  rows: AsyncIterable<OutputRow>,
  table: RowTable,
  flags: CalibrateFlags,
  output: Output,
): Promise<{ readonly count: number; readonly failures: number }> {
  const writer = await rowOutput(output, flags, table);
  let [count, failures] = [0, 0];
  try {
    for await (const { row, failed } of rows) {
      count++;
      if (failed) failures++;
      if (failed) output.rowFailed();
      await writer.write(row);
    }
  } finally {
    await writer.close();
  }
  return { count, failures };
}

/** Writes calibrated rows where the flags say, and tells how many there were. */
export async function writeCalibrated(
  rows: AsyncIterable<OutputRow>,
  flags: CalibrateFlags,
  output: Output,
): Promise<void> {
  const { count, failures } = await writeRows(rows, calibrateTable, flags, output);
  await output.note(`${count} rows${failures === 0 ? "" : `, ${failures} failed`}`);
}
