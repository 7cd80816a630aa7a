import { AssayError } from "../error.ts";
import { RangeSum } from "./range_sum.ts";
import { ascendingOrder } from "../numbers/ranks.ts";
import { seededShuffle } from "../numbers/seeded_random.ts";

/** Options of {@linkcode binMean}. */
export interface BinMeanOptions {
  /** Half the window's width, in units of the feature. */
  readonly halfWidth: number;
  /**
   * `"closed"`: all rows in [x − halfWidth, x + halfWidth]. `"repo"`: as the authors' released code,
   * which leaves out the last of those rows in sorted order. Default `"closed"`.
   */
  readonly window?: "closed" | "repo" | undefined;
  /**
   * With `"repo"`: shuffle the rows by this seed before the stable sort, because that decides which
   * of several equal rows is left out. Without a seed they stay in input order.
   */
  readonly seed?: number | undefined;
}

/** The result of {@linkcode binMean}: one entry per distinct feature value, ascending. */
export interface BinMeanFit {
  /** Distinct feature values. */
  readonly x: Float64Array;
  /** Mean score of the window around each; NaN where the window is empty (only with `"repo"`). */
  readonly mean: Float64Array;
  /** Rows in each window. */
  readonly count: Uint32Array;
  /** Rows left out because x or y was NaN or infinite. */
  readonly dropped: number;
}

/**
 * RC-Mean's estimate of the bias at each feature value: the mean score in a uniform window around
 * it (arXiv 2409.17407, RC-Mean), a moving average over the feature.
 *
 * @example
 * ```ts
 * import { binMean } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const { mean, count } = binMean([10, 12, 20], [1, 3, 7], { halfWidth: 2 });
 * assert.deepEqual([...mean], [2, 2, 7]);
 * assert.deepEqual([...count], [2, 2, 1]);
 * ```
 *
 * @param x Feature values, one per row.
 * @param y Scores, one per row.
 * @param options The window.
 * @returns Window mean and size at each distinct feature value.
 * @throws {AssayError} `calibration/bad-option` for a negative or infinite half width,
 *   `calibration/length-mismatch` for columns of different length.
 */
export function binMean(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  options: BinMeanOptions,
): BinMeanFit {
  const { halfWidth, window = "closed", seed } = options;
  if (!(halfWidth >= 0 && Number.isFinite(halfWidth))) {
    throw new AssayError(
      "calibration/bad-option",
      `Cannot average in windows: expected a half width of 0 or more, found ${halfWidth}`,
    );
  }
  if (x.length !== y.length) {
    throw new AssayError(
      "calibration/length-mismatch",
      `Cannot average in windows: expected as many scores as feature values, found ${y.length} scores and ${x.length} values`,
    );
  }
  const { sortedX, sortedY } = sortedFinite(x, y, window === "repo" ? seed : undefined);
  const total = new RangeSum(sortedY);
  const distinct: number[] = [];
  const means: number[] = [];
  const counts: number[] = [];
  let start = 0;
  let end = 0;
  for (let i = 0; i < sortedX.length; i++) {
    const at = sortedX[i]!;
    if (i > 0 && at === sortedX[i - 1]) continue;
    while (sortedX[start]! < at - halfWidth) start++;
    while (end < sortedX.length && sortedX[end]! <= at + halfWidth) end++;
    const last = window === "repo" ? end - 1 : end;
    distinct.push(at);
    counts.push(last - start);
    means.push(total.sum(start, last) / (last - start));
  }
  return {
    x: Float64Array.from(distinct),
    mean: Float64Array.from(means),
    count: Uint32Array.from(counts),
    dropped: x.length - sortedX.length,
  };
}

function sortedFinite(
  x: ArrayLike<number>,
  y: ArrayLike<number>,
  seed: number | undefined,
): { sortedX: Float64Array; sortedY: Float64Array } {
  const arrival = seed === undefined ? undefined : seededShuffle(x.length, seed);
  const finiteX: number[] = [];
  const finiteY: number[] = [];
  for (let i = 0; i < x.length; i++) {
    const row = arrival?.[i] ?? i;
    if (!Number.isFinite(x[row]) || !Number.isFinite(y[row])) continue;
    finiteX.push(x[row]!);
    finiteY.push(y[row]!);
  }
  const order = ascendingOrder(finiteX);
  return {
    sortedX: Float64Array.from(order, (row) => finiteX[row]!),
    sortedY: Float64Array.from(order, (row) => finiteY[row]!),
  };
}

/**
 * RC-Mean's window half width: the mean distance between the two feature values of a pair, over a
 * ratio.
 *
 * @param x Feature values, one per row.
 * @param pairs Row indices of the two sides of each pair; without pairs, the mean distance between
 *   any two rows (Gini's mean difference) stands in, which is this project's choice.
 * @param ratio Divisor, 4 in the paper's RewardBench runs, 8 in its AlpacaEval runs.
 * @returns Half width in units of the feature; 0 where there is nothing to measure.
 */
export function windowHalfWidth(
  x: ArrayLike<number>,
  pairs: { readonly chosen: ArrayLike<number>; readonly rejected: ArrayLike<number> } | undefined,
  ratio: number,
): number {
  if (pairs === undefined) return meanDifference(x) / ratio;
  let sum = 0;
  let count = 0;
  for (let pair = 0; pair < pairs.chosen.length; pair++) {
    const distance = Math.abs(x[pairs.chosen[pair]!]! - x[pairs.rejected[pair]!]!);
    if (!Number.isFinite(distance)) continue;
    sum += distance;
    count++;
  }
  return count === 0 ? 0 : sum / count / ratio;
}

/** Mean |x_i − x_j| over all pairs of rows: 2 Σ (2i − n + 1) x_(i) / (n(n − 1)), x sorted. */
function meanDifference(x: ArrayLike<number>): number {
  const sorted = Float64Array.from(x).filter((value) => Number.isFinite(value)).sort();
  const count = sorted.length;
  if (count < 2) return 0;
  let sum = 0;
  for (let i = 0; i < count; i++) sum += (2 * i - count + 1) * (sorted[i]! - sorted[0]!);
  return 2 * sum / (count * (count - 1));
}
