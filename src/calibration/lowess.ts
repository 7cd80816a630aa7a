import { AssayError } from "../error.ts";
import { DirectRegression, GroupedRegression, type LocalRegression } from "./local_regression.ts";
import { ascendingOrder, median } from "../numbers/ranks.ts";

/** What a fitted value is where a window has fewer than two points of positive weight. */
export type DegenerateRule = "first" | "mean";

/** Options of {@linkcode lowess}. */
export interface LowessOptions {
  /** Share of the rows that each local regression sees, from 0 to 1. Default 2/3, as statsmodels. */
  readonly frac?: number | undefined;
  /** Robustness passes after the first fit. Default 3. */
  readonly iterations?: number | undefined;
  /**
   * Distance in units of x within which fits are interpolated instead of computed. Default 0: a
   * regression for every distinct x.
   */
  readonly delta?: number | undefined;
  /**
   * What the fit is at an x whose window has fewer than two points of positive weight (all of its
   * nearest rows share one x, or the robustness weights are zero): `"first"` copies the score of
   * the row being fitted, which among equal x is the first in input order, exactly as statsmodels
   * does on stably sorted rows; `"mean"` takes the robustness-weighted mean score of all the rows
   * at that x, which depends on no order. Default `"first"`.
   */
  readonly degenerate?: DegenerateRule | undefined;
}

/** The result of {@linkcode lowess}, in ascending order of x. */
export interface LowessFit {
  /** Feature values of the rows that were used, ascending. */
  readonly x: Float64Array;
  /** Fitted score at each of them. Rows of equal x have equal fits. */
  readonly fit: Float64Array;
  /** For each of them, the index of its row in the input. */
  readonly order: Uint32Array;
  /** Rows left out because x or y was NaN or infinite. */
  readonly dropped: number;
}

/** Multiplications below which every row is summed in statsmodels' own order, to the last bit. */
const directLimit = 4e7;

/**
 * LOWESS, robust locally weighted linear regression (Cleveland 1979), equal to
 * `statsmodels.nonparametric.lowess` (0.15) on stably sorted rows.
 *
 * Rows with a NaN or an infinity are dropped first. A regression runs once per distinct x: with
 * integer lengths the cost is (distinct lengths)² · (iterations + 1), whatever the number of rows.
 * Small inputs are summed in statsmodels' order, to the last bit; large ones with duplicates are
 * summed per distinct x, which changes the rounding only (below 1e-9 for scores of any ordinary
 * scale).
 *
 * @example
 * ```ts
 * import { lowess } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * // Local-linear fits reproduce a straight line.
 * const { fit } = lowess([1, 2, 3, 4, 5], [2, 4, 6, 8, 10], { frac: 1 });
 * assert.ok(Math.abs(fit[2]! - 6) < 1e-12);
 * ```
 *
 * @param x Feature values, one per row.
 * @param y Scores, one per row.
 * @param options Share of rows per window, robustness passes, interpolation distance.
 * @returns The fits in ascending order of x.
 * @throws {AssayError} `calibration/bad-option` for options out of range,
 *   `calibration/length-mismatch` for columns of different length, `calibration/too-few-rows` when
 *   no row is finite.
 */
export function lowess(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  options: LowessOptions = {},
): LowessFit {
  const { frac = 2 / 3, iterations = 3, delta = 0, degenerate = "first" } = options;
  checkOptions(frac, iterations, delta);
  const { order, dropped } = finiteOrder(x, y);
  const count = order.length;
  const sortedX = Float64Array.from(order, (row) => x[row]!);
  const sortedY = Float64Array.from(order, (row) => y[row]!);
  const neighbours = Math.min(Math.max(Math.trunc(frac * count + 1e-10), 2), count);
  const robustness = new Float64Array(count).fill(1);
  const regression = chooseRegression(sortedX, sortedY, robustness, neighbours, iterations + 1);
  const fit = new Float64Array(count);
  for (let pass = 0; pass <= iterations; pass++) {
    regression.prepare();
    smooth(sortedX, sortedY, robustness, neighbours, delta, degenerate, regression, fit);
    if (pass < iterations) updateRobustness(sortedY, fit, robustness);
  }
  return { x: sortedX, fit, order, dropped };
}

/** Passes of a fit at most: robust weights settle in a handful. */
export const mostPasses = 1000;

function checkOptions(frac: number, iterations: number, delta: number): void {
  if (!(frac >= 0 && frac <= 1)) {
    throw new AssayError(
      "calibration/bad-option",
      `Cannot fit LOWESS: expected frac from 0 to 1, found ${frac}`,
    );
  }
  if (!Number.isInteger(iterations) || iterations < 0 || iterations > mostPasses) {
    throw new AssayError(
      "calibration/bad-option",
      `Cannot fit LOWESS: expected iterations as a whole number from 0 to ${mostPasses}, found ` +
        `${iterations}`,
    );
  }
  if (!(delta >= 0 && Number.isFinite(delta))) {
    throw new AssayError(
      "calibration/bad-option",
      `Cannot fit LOWESS: expected delta of 0 or more, found ${delta}`,
    );
  }
}

/** Indices of the finite rows in stable ascending order of x. */
function finiteOrder(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
): { order: Uint32Array; dropped: number } {
  if (x.length !== y.length) {
    throw new AssayError(
      "calibration/length-mismatch",
      `Cannot fit LOWESS: expected as many scores as feature values, found ${y.length} scores and ${x.length} values`,
    );
  }
  const finite: number[] = [];
  for (let row = 0; row < x.length; row++) {
    if (Number.isFinite(x[row]) && Number.isFinite(y[row])) finite.push(row);
  }
  if (finite.length === 0) {
    throw new AssayError(
      "calibration/too-few-rows",
      `Cannot fit LOWESS: expected at least one row with a finite score and feature, found none among ${x.length}`,
    );
  }
  return { order: ascendingOrder(x, Uint32Array.from(finite)), dropped: x.length - finite.length };
}

function chooseRegression(
  x: Float64Array,
  y: Float64Array,
  robustness: Float64Array,
  neighbours: number,
  passes: number,
): LocalRegression {
  let distinct = 1;
  for (let i = 1; i < x.length; i++) if (x[i] !== x[i - 1]) distinct++;
  const small = distinct * neighbours * passes <= directLimit;
  return small || distinct === x.length
    ? new DirectRegression(x, y, robustness)
    : new GroupedRegression(x, y, robustness);
}

/** One pass over all rows: a window that only moves right, a regression per distinct x. */
function smooth(
  x: Float64Array,
  y: Float64Array,
  robustness: Float64Array,
  neighbours: number,
  delta: number,
  degenerate: DegenerateRule,
  regression: LocalRegression,
  fit: Float64Array,
): void {
  const count = x.length;
  let left = 0;
  let right = neighbours;
  let current = 0;
  let lastFitted = -1;
  while (lastFitted < count - 1) {
    const at = x[current]!;
    // The strict comparison keeps the window where both its neighbours are equally far.
    while (right < count && at > (x[left]! + x[right]!) / 2) {
      left++;
      right++;
    }
    const radius = Math.max(at - x[left]!, x[right - 1]! - at);
    const value = regression.fitAt(at, left, right, radius);
    if (!Number.isNaN(value)) fit[current] = value;
    else if (degenerate === "first") fit[current] = y[current]!;
    else fit[current] = meanOfEqualX(x, y, robustness, current);
    if (lastFitted < current - 1) interpolate(x, fit, lastFitted, current);
    // Copy the fit to rows of equal x, then skip the rows within delta (none when delta is 0).
    const reach = at + delta;
    lastFitted = current;
    let next = current + 1;
    for (; next < count && x[next]! <= reach; next++) {
      if (x[next] === x[lastFitted]) {
        fit[next] = fit[lastFitted]!;
        lastFitted = next;
      }
    }
    // statsmodels goes on from one row before where its search stopped; at the end of the rows its
    // loop variable stands on the last row, not behind it.
    const stopped = next < count ? next : count - 1;
    current = Math.max(stopped - 1, lastFitted + 1);
  }
}

/** Linear interpolation between two fitted rows, for the rows that delta skipped. */
function interpolate(x: Float64Array, fit: Float64Array, from: number, to: number): void {
  const span = x[to]! - x[from]!;
  for (let row = from + 1; row < to; row++) {
    const share = (x[row]! - x[from]!) / span;
    fit[row] = share * fit[to]! + (1 - share) * fit[from]!;
  }
}

function meanOfEqualX(
  x: Float64Array,
  y: Float64Array,
  robustness: Float64Array,
  row: number,
): number {
  let first = row;
  while (first > 0 && x[first - 1] === x[row]) first--;
  let weights = 0;
  let weighted = 0;
  let sum = 0;
  let end = first;
  for (; end < x.length && x[end] === x[row]; end++) {
    weights += robustness[end]!;
    weighted += robustness[end]! * y[end]!;
    sum += y[end]!;
  }
  return weights > 0 ? weighted / weights : sum / (end - first);
}

/** Bisquare weights of the residuals: (1 − (e / 6·median(e))²)², 0 beyond six medians. */
function updateRobustness(y: Float64Array, fit: Float64Array, robustness: Float64Array): void {
  const count = y.length;
  const residuals = new Float64Array(count);
  for (let i = 0; i < count; i++) residuals[i] = Math.abs(y[i]! - fit[i]!);
  const middle = median(residuals);
  const scale = 6 * middle;
  for (let i = 0; i < count; i++) {
    const residual = residuals[i]!;
    const unit = middle === 0 ? (residual > 0 ? 1 : 0) : Math.min(residual / scale, 1);
    const root = 1 - unit * unit;
    robustness[i] = root * root;
  }
}
