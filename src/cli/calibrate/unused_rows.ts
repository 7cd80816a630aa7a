import type { UsedRows } from "../../tasks/calibrate/certain_rows.ts";
import type { Output } from "../output.ts";

/** Warns of rows that a fit passed over. */
export async function reportUnused(
  { read, failed, firstFailure }: UsedRows,
  output: Output,
): Promise<void> {
  if (firstFailure === null) return;
  const { code, message } = firstFailure;
  await output.warn(`${failed} of ${read} rows are not fitted on. The first: ${message} [${code}]`);
}
