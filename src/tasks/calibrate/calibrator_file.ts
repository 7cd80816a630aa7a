import { Calibrator } from "../../calibration/calibrator.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { type CalibratedRow, calibrateRow, ScoredRowReader } from "./calibrate_rows.ts";

/**
 * Reads a calibrator that `assay calibrate --fit` saved.
 *
 * @param path The file.
 * @throws {AssayError} `calibration/bad-calibrator`, `calibration/unsupported-version`.
 */
export async function readCalibrator(path: string): Promise<Calibrator> {
  return Calibrator.parse(await readText(path), path);
}

/**
 * Calibrates rows that have just been scored, as `assay calibrate --apply` does.
 *
 * @param calibrator Corrects the scores.
 * @returns Adds the calibrated columns to one scored row.
 */
export function rowCalibration(calibrator: Calibrator): (row: Row) => CalibratedRow {
  const reader = new ScoredRowReader({
    features: calibrator.features,
    columns: new Map(),
    subset: "subset",
  });
  return (row) => calibrateRow({ line: 0, row, error: undefined }, reader, calibrator);
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (cause) {
    const reason = cause instanceof Deno.errors.NotFound
      ? "there is no such file"
      : cause instanceof Deno.errors.NotCapable
      ? `Deno was not given the permission; add --allow-read=${path}`
      : String(cause);
    throw new AssayError(
      "calibration/bad-calibrator",
      `Cannot read the calibrator ${path}: ${reason}`,
      { cause },
    );
  }
}
