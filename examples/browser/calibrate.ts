/**
 * Calibrates a file of scores, as `assay calibrate` does. Loaded when it is asked for: it draws with
 * Observable Plot, which is large.
 *
 * @module
 */
import {
  type CalibrationMethod,
  calibrationPanel,
  drawCalibration,
} from "../../src/calibration/mod.ts";
import { diagnosticLines } from "../../src/cli/calibrate/calibrate_table.ts";
import { ownValue } from "../../src/own_value.ts";
import { calibrateRows } from "../../src/tasks/calibrate/calibrate_rows.ts";
import { fitCalibrator } from "../../src/tasks/calibrate/fit_calibrator.ts";
import { OutputRows, rowsOfFile } from "./row_files.ts";
import type { Row } from "../../src/data/rows.ts";

/** What to calibrate, and how. */
export interface CalibrateFile {
  readonly file: File;
  readonly method: CalibrationMethod;
  readonly features: readonly string[];
  /** How much of what was found is taken out. */
  readonly gamma: number | "auto";
  /** The column that holds the scores, where it has another name. */
  readonly column: string | undefined;
}

/** What came of it. */
export interface Calibrated {
  readonly rows: OutputRows;
  /** The first rows, to be shown. */
  readonly shown: readonly Row[];
  /** What the calibration did, in words. */
  readonly lines: readonly string[];
  readonly warnings: readonly string[];
  /** A picture of scores against each feature, before and after. */
  readonly svg: string;
  /** The calibrator, as `assay calibrate --apply` reads it. */
  readonly calibrator: string;
}

/** Fits a calibrator on the rows of a file, and applies it to them. */
export async function calibrateFile(
  { file, method, features, gamma, column }: CalibrateFile,
  mostShown: number,
): Promise<Calibrated> {
  const columns = column === undefined ? undefined : new Map([["score", column]]);
  const fitted = await fitCalibrator(rowsOfFile(file), { method, features, gamma, columns });
  const { calibrator, pool, scores, diagnostics } = fitted;
  const panels = calibrator.features.map((name) =>
    calibrationPanel(calibrator, name, {
      x: ownValue(pool.features, name) ?? [],
      before: pool.scores,
      after: scores,
    })
  );
  const { svg } = await drawCalibration(panels);
  const rows = new OutputRows();
  const shown: Row[] = [];
  for await (const { row, failed } of calibrateRows(rowsOfFile(file), calibrator, { columns })) {
    rows.add(row, failed);
    if (shown.length < mostShown) shown.push(row);
  }
  return {
    rows,
    shown,
    lines: diagnosticLines(diagnostics),
    warnings: diagnostics.warnings,
    svg,
    calibrator: `${JSON.stringify(calibrator, null, 2)}\n`,
  };
}
