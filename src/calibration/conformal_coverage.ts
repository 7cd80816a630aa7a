import { checkOptions, wholeFrom } from "../check_options.ts";
import { clopperPearsonLower, clopperPearsonUpper } from "../numbers/binomial.ts";
import type { Interval } from "../numbers/bootstrap.ts";
import { seededShuffle } from "../numbers/seeded_random.ts";
import {
  type ConformalIntervals,
  type ConformalOptions,
  type ConformalRow,
  fitConformal,
} from "./conformal.ts";

/** How many targets some intervals hold; plain data for `JSON.stringify`. */
export interface ConformalCoverage {
  /** The share that they are made to hold, 1 − α. */
  readonly nominal: number;
  /** Rows with a target. */
  readonly rows: number;
  /** The share of targets inside, with exact (Clopper–Pearson) ends at 95 %. */
  readonly coverage: Interval;
  /** Mean width of the intervals; `null` without rows, or where one has no bound. */
  readonly meanWidth: number | null;
  /** The same by group, where rows have one. */
  readonly groups: Readonly<Record<string, { readonly rows: number; readonly coverage: Interval }>>;
}

/** Counts how many targets lie in their intervals, a row at a time. */
export class CoverageCount {
  readonly #intervals: ConformalIntervals;
  readonly #all = { rows: 0, inside: 0 };
  readonly #groups = new Map<string, { rows: number; inside: number }>();
  #width = 0;

  /**
   * A count of nothing yet.
   *
   * @param intervals What is counted.
   */
  constructor(intervals: ConformalIntervals) {
    this.#intervals = intervals;
  }

  /** Counts one row. */
  add(row: ConformalRow): void {
    const { low, high } = this.#intervals.interval(row);
    const tallies = [this.#all];
    if (row.group !== undefined) {
      let own = this.#groups.get(row.group);
      if (own === undefined) this.#groups.set(row.group, own = { rows: 0, inside: 0 });
      tallies.push(own);
    }
    for (const tally of tallies) {
      tally.rows++;
      if (low <= row.target && row.target <= high) tally.inside++;
    }
    this.#width += high - low;
  }

  /** What was counted so far. */
  report(): ConformalCoverage {
    const { rows } = this.#all;
    const width = this.#width / rows;
    return {
      nominal: 1 - this.#intervals.toJSON().alpha,
      rows,
      coverage: shareOf(this.#all),
      meanWidth: Number.isFinite(width) ? width : null,
      groups: Object.fromEntries(
        [...this.#groups].map(([name, own]) => [name, { rows: own.rows, coverage: shareOf(own) }]),
      ),
    };
  }
}

/**
 * What conformal intervals hold on rows that they were not fitted on: fits on a random half and counts
 * on the other.
 *
 * @param rows Rows with a target.
 * @param options As for {@linkcode fitConformal}, and the seed of the halves (0 by default).
 * @throws {AssayError} What {@linkcode fitConformal} throws.
 *
 * @example
 * ```ts
 * import { heldOutCoverage } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const rows = Array.from({ length: 400 }, (_, i) => ({ score: i, target: i + (7 * i % 101) / 101 }));
 * const { coverage, nominal } = heldOutCoverage(rows, { alpha: 0.2 });
 * assert.ok(Math.abs(coverage.estimate! - nominal) < 0.1);
 * ```
 */
export function heldOutCoverage(
  rows: readonly ConformalRow[],
  options: ConformalOptions & { readonly seed?: number | undefined },
): ConformalCoverage {
  checkOptions("calibration/bad-option", "measure coverage", options, { seed: wholeFrom(0) });
  const order = seededShuffle(rows.length, options.seed ?? 0);
  const half = rows.length >> 1;
  const count = new CoverageCount(
    fitConformal(Array.from(order.subarray(0, half), (row) => rows[row]!), options),
  );
  for (const row of order.subarray(half)) count.add(rows[row]!);
  return count.report();
}

function shareOf({ rows, inside }: { rows: number; inside: number }): Interval {
  if (rows === 0) return { estimate: null, low: null, high: null };
  return {
    estimate: inside / rows,
    low: clopperPearsonLower(inside, rows, 0.025),
    high: clopperPearsonUpper(inside, rows, 0.025),
  };
}
