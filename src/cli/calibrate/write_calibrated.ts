import type { OutputRow } from "../../tasks/output_row.ts";
import type { Output } from "../output.ts";
import { rowOutput } from "../row_output.ts";
import type { CalibrateFlags } from "./calibrate_flags.ts";
import { calibrateTable } from "./calibrate_table.ts";

/** Writes calibrated rows where the flags say, and tells how many there were. */
export async function writeCalibrated(
  rows: AsyncIterable<OutputRow>,
  flags: CalibrateFlags,
  output: Output,
): Promise<void> {
  const writer = await rowOutput(output, flags, calibrateTable);
  let count = 0;
  let failures = 0;
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
  await output.note(`${count} rows${failures === 0 ? "" : `, ${failures} failed`}`);
}
