import { type Fit, fit, type FitReportOptions } from "../../calibration/fit.ts";
import { type Pool, PoolBuilder } from "../../calibration/pool.ts";
import type { FitOptions } from "../../calibration/settings.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { addToPool, type ScoredColumns, ScoredRowReader } from "./scored_responses.ts";

/** How to fit a calibrator on rows; the features are `["length"]` by default. */
export interface FitCalibratorOptions extends FitOptions, FitReportOptions, ScoredColumns {}

/** A calibrator that was fitted on rows. */
export interface FittedCalibrator extends Fit {
  /** The scores and features that it was fitted on. */
  readonly pool: Pool;
}

/**
 * Fits a calibrator on scored rows, as `assay calibrate` does before it writes them. Rows that can't
 * be used are passed over; {@linkcode calibrateRows} gives them their `error`.
 *
 * @param rows The scored rows.
 * @param options Method and settings of the fit, and where scores and features stand.
 * @throws {AssayError} What the fit throws; where no row can be used, why the first one can't.
 */
export async function fitCalibrator(
  rows: AsyncIterable<ReadRow>,
  options: FitCalibratorOptions = {},
): Promise<FittedCalibrator> {
  const { columns, subset, measures, ...given } = options;
  const fitOptions = { ...given, features: options.features ?? ["length"] };
  const features = neededFeatures(fitOptions);
  const pool = await readPool(rows, new ScoredRowReader({ features, columns, subset, measures }));
  return { ...fit(pool, fitOptions), pool };
}

/** Features that rows must give for a fit: the fitted ones and the penalty's. */
function neededFeatures(options: FitOptions & { features: readonly string[] }): readonly string[] {
  const { method, features, penaltyFeature } = options;
  const penalty = method === "penalty" || method === "lwr-penalty";
  const extra = penalty && penaltyFeature !== undefined ? [penaltyFeature] : [];
  return [...new Set([...features, ...extra])];
}

/** The pool of all rows that can be used; the others are reported when rows are written. */
async function readPool(rows: AsyncIterable<ReadRow>, reader: ScoredRowReader): Promise<Pool> {
  const builder = new PoolBuilder();
  let count = 0;
  let first: AssayError | undefined;
  for await (const { row, error } of rows) {
    count++;
    try {
      if (row === undefined) throw error!;
      addToPool(builder, reader.read(row));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      first ??= error;
    }
  }
  if (builder.size > 0) return builder.build();
  throw new AssayError(
    first?.code ?? "calibration/too-few-rows",
    first === undefined
      ? "Cannot fit a calibrator: expected rows with scores, found none"
      : `Cannot fit a calibrator on any of ${count} rows. The first: ${first.message}`,
  );
}
