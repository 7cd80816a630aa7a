import { checkOptions, oneOf, openShare, wholeFrom } from "../check_options.ts";
import { AssayError } from "../error.ts";
import { ownValue, setOwnValue } from "../own_value.ts";
import {
  certaintyVersion,
  checkConformal,
  type ConformalArtifact,
  type ConformalQuantile,
} from "./certainty_artifact.ts";

/** What one interval is made of. */
export interface ConformalInput {
  /** The score, or the margin. */
  readonly score: number;
  /** The row's group, where intervals are by group. */
  readonly group?: string | undefined;
  /** Quantiles of a head that gives them, ascending in level: the k-th of n at k / (n + 1). */
  readonly quantiles?: readonly number[] | undefined;
}

/** One row to fit on. */
export interface ConformalRow extends ConformalInput {
  /** What the score stands for, in its own units. */
  readonly target: number;
}

/** How {@linkcode fitConformal} fits. */
export interface ConformalOptions {
  /** α: the share of targets that may lie outside, between 0 and 1. */
  readonly alpha: number;
  /** What has an interval; `score` by default. */
  readonly of?: "score" | "margin" | undefined;
  /** Whether intervals start from the head's own quantiles (CQR). Default false. */
  readonly fromQuantiles?: boolean | undefined;
  /** Rows that a group needs for a quantile of its own. Default 50. */
  readonly leastGroup?: number | undefined;
  /** The columns that the rows come from, kept with the fit. */
  readonly columns?: Partial<ConformalArtifact["columns"]> | undefined;
}

/** An interval; infinite ends where too few rows were fitted on. */
export interface ConformalInterval {
  /** Lower end. */
  readonly low: number;
  /** Upper end. */
  readonly high: number;
  /** Whether the row's own group gave it, not all rows. */
  readonly byGroup: boolean;
}

/**
 * The ⌈(n + 1)(1 − α)⌉-th smallest of n errors: what a new error stays below with a chance of at least
 * 1 − α, if it is exchangeable with them (Vovk et al. 2005; Lei et al. 2018).
 *
 * @param errors Numbers, none NaN.
 * @param alpha α, between 0 and 1.
 * @returns The quantile; `Infinity` where n is too small to have one.
 *
 * @example
 * ```ts
 * import { conformalQuantile } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const errors = [5, 1, 4, 2, 3, 6, 9, 8, 7];
 * assert.equal(conformalQuantile(errors, 0.1), 9);
 * assert.equal(conformalQuantile(errors, 0.2), 8);
 * assert.equal(conformalQuantile(errors, 0.05), Infinity);
 * ```
 */
export function conformalQuantile(errors: ArrayLike<number>, alpha: number): number {
  // (n + 1) − ⌊(n + 1) α⌋, in which a decimal α loses no row to its last binary digit.
  const rank = errors.length + 1 - Math.floor((errors.length + 1) * alpha * (1 + 1e-12));
  if (rank > errors.length) return Infinity;
  return Float64Array.from(errors).sort()[Math.max(1, rank) - 1]!;
}

/**
 * Intervals of scores or margins that hold their target with a chance of at least 1 − α, whatever the
 * model, for rows that are exchangeable with those fitted on. Made by {@linkcode fitConformal}, kept as
 * JSON.
 */
export class ConformalIntervals {
  readonly #artifact: ConformalArtifact;

  /**
   * Makes intervals of their written form.
   *
   * @param artifact The intervals as they were written.
   */
  constructor(artifact: ConformalArtifact) {
    this.#artifact = artifact;
  }

  /**
   * Reads intervals from parsed JSON, checking everything.
   *
   * @param value Parsed JSON.
   * @param name What to call it in errors, usually the file's name.
   * @throws {AssayError} `calibration/unsupported-version`, `calibration/bad-calibrator`.
   */
  static fromJSON(value: unknown, name = "given"): ConformalIntervals {
    return new ConformalIntervals(checkConformal(value, name));
  }

  /** The intervals as plain data for `JSON.stringify`. */
  toJSON(): ConformalArtifact {
    return this.#artifact;
  }

  /**
   * The interval of one score or margin.
   *
   * @param input The score, its group, and its quantiles where intervals start from them.
   * @throws {AssayError} `calibration/bad-quantiles`.
   */
  interval(input: ConformalInput): ConformalInterval {
    const { groups, all, method, alpha } = this.#artifact;
    const own = input.group === undefined ? undefined : ownValue(groups, input.group);
    const reach = (own ?? all).quantile ?? Infinity;
    const [low, high] = method === "split"
      ? [input.score, input.score]
      : ownInterval(input.quantiles, alpha);
    // Where the reach is negative, the ends may pass each other: what is left is a point.
    const middle = (low + high) / 2;
    return {
      low: Math.min(low - reach, middle),
      high: Math.max(high + reach, middle),
      byGroup: own !== undefined,
    };
  }
}

/**
 * Fits conformal intervals on rows whose target is known: split conformal, where the scores were not
 * fitted on these rows, by group (Mondrian) where rows have one, and conformalised quantile regression
 * (Romano et al. 2019, arXiv 1905.03222) from a head's own quantiles:
 *
 *     split      q = quantile of |y − r|                        r ± q
 *     quantiles  Q = quantile of max(q_lo − y, y − q_hi)        [q_lo − Q, q_hi + Q]
 *
 * @param rows The rows.
 * @param options α, groups, method.
 * @returns The intervals. A group with fewer rows than `leastGroup` has the quantile of all rows.
 * @throws {AssayError} `calibration/bad-option`; `calibration/too-few-rows` where no finite interval
 *   has that coverage; `calibration/not-finite`, `calibration/bad-quantiles`.
 *
 * @example
 * ```ts
 * import { fitConformal } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const rows = Array.from({ length: 99 }, (_, i) => ({ score: i, target: i + (i % 10) / 10 }));
 * const intervals = fitConformal(rows, { alpha: 0.1 });
 * const { low, high } = intervals.interval({ score: 5 });
 * assert.ok(Math.abs(low - 4.2) < 1e-9 && Math.abs(high - 5.8) < 1e-9);
 * ```
 */
export function fitConformal(
  rows: readonly ConformalRow[],
  options: ConformalOptions,
): ConformalIntervals {
  checkConformalOptions(options);
  const { alpha, of = "score", fromQuantiles = false, leastGroup = 50 } = options;
  const errors = new Float64Array(rows.length);
  const byGroup = new Map<string, number[]>();
  rows.forEach((row, index) => {
    const error = errorOf(row, alpha, fromQuantiles);
    errors[index] = error;
    if (row.group === undefined) return;
    const group = byGroup.get(row.group);
    if (group === undefined) byGroup.set(row.group, [error]);
    else group.push(error);
  });
  const all = quantileOf(errors, alpha);
  if (all.quantile === null) throw tooFewRows(rows.length, alpha);
  const groups: Record<string, ConformalQuantile> = {};
  for (const [name, own] of byGroup) {
    const quantile = quantileOf(own, alpha);
    if (own.length >= leastGroup && quantile.quantile !== null) setOwnValue(groups, name, quantile);
  }
  const { target = null, group = null, quantiles = null } = options.columns ?? {};
  return new ConformalIntervals({
    format: "assay-conformal",
    version: certaintyVersion,
    alpha,
    of,
    method: fromQuantiles ? "quantiles" : "split",
    columns: { target, group, quantiles },
    leastGroup,
    all,
    groups,
  });
}

function quantileOf(errors: ArrayLike<number>, alpha: number): ConformalQuantile {
  const quantile = conformalQuantile(errors, alpha);
  return { rows: errors.length, quantile: quantile === Infinity ? null : quantile };
}

function errorOf(row: ConformalRow, alpha: number, fromQuantiles: boolean): number {
  const { score, target, quantiles } = row;
  if (!Number.isFinite(score) || !Number.isFinite(target)) {
    throw new AssayError(
      "calibration/not-finite",
      `Cannot fit intervals: expected a finite score and target, found ${score} and ${target}`,
    );
  }
  if (!fromQuantiles) return Math.abs(target - score);
  const [low, high] = ownInterval(quantiles, alpha);
  return Math.max(low - target, target - high);
}

/** A head's quantiles at α/2 and 1 − α/2, linear between its levels k / (n + 1), constant beyond. */
function ownInterval(quantiles: readonly number[] | undefined, alpha: number): [number, number] {
  if (quantiles === undefined || quantiles.length === 0 || !quantiles.every(Number.isFinite)) {
    throw new AssayError(
      "calibration/bad-quantiles",
      `Cannot use quantiles: expected a list of finite numbers, found ${
        quantiles === undefined ? "none" : `a list of ${quantiles.length}`
      }; assay score --explain writes those of a quantile head`,
    );
  }
  const at = (level: number) => {
    const place = Math.min(Math.max(level * (quantiles.length + 1) - 1, 0), quantiles.length - 1);
    const lower = quantiles[Math.floor(place)]!;
    return lower + (quantiles[Math.ceil(place)]! - lower) * (place - Math.floor(place));
  };
  return [at(alpha / 2), at(1 - alpha / 2)];
}

function checkConformalOptions(options: ConformalOptions): void {
  checkOptions("calibration/bad-option", "fit intervals", {
    ...options,
    alpha: options.alpha ?? null,
  }, {
    alpha: openShare,
    leastGroup: wholeFrom(1),
    of: oneOf("score", "margin"),
  });
}

function tooFewRows(found: number, alpha: number): AssayError {
  return new AssayError(
    "calibration/too-few-rows",
    `Cannot fit intervals: expected at least ${
      Math.ceil(1 / alpha - 1e-9) - 1
    } rows with a target, ` +
      `since with fewer no finite interval holds ${100 * (1 - alpha)} % of targets; found ${found}`,
  );
}
