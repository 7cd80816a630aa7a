import { AssayError } from "../error.ts";
import { finiteOnly, mean, populationStd, populationVariance } from "../numbers/moments.ts";

/** Aggregations that need only the voters' scores of one response. */
export type PointwiseAggregation =
  | "mean"
  | "median"
  | "trimmed-mean"
  | "worst-case"
  | "uncertainty-weighted"
  | "lower-confidence-bound";

/** Settings of the aggregations; each is read by the one it names. */
export interface AggregateOptions {
  /** `trimmed-mean`: share of the voters cut off at each end, in [0, 0.5). Default 0.2. */
  readonly trim?: number | undefined;
  /** `uncertainty-weighted`: λ, the weight of the variance. Default 0.5. */
  readonly varianceWeight?: number | undefined;
  /** `lower-confidence-bound`: β, the weight of the standard deviation. Default 1. */
  readonly stdWeight?: number | undefined;
}

/** What a committee says of one response. */
export interface AggregateScore {
  /** The aggregate, in the voters' units; NaN where no voter scored the response. */
  readonly score: number;
  /** Population standard deviation of the voters' scores: how far they disagree. */
  readonly std: number;
  /** Number of voters that scored the response. */
  readonly voters: number;
}

/**
 * Puts the voters' scores of one response together. With R_1..R_k the finite scores:
 *
 * - `mean`: R̄ = (1/k) Σ R_i;
 * - `median`: the middle one, or the mean of the middle two;
 * - `trimmed-mean`: the mean without the ⌊trim · k⌋ lowest and as many highest (SciPy's `trim_mean`);
 * - `worst-case` (WCO, Coste et al., arXiv 2310.02743): min R_i;
 * - `uncertainty-weighted` (UWO, the same): R̄ − λ · (1/k) Σ (R_i − R̄)²;
 * - `lower-confidence-bound` (LCB, Zhang et al., arXiv 2401.16635): R̄ − β · std.
 *
 * With one voter, each is that voter's score. The order of the voters has no say.
 *
 * @param scores One score per voter; NaN or infinite where a voter has none.
 * @param how The aggregation.
 * @param options Its settings.
 * @returns The aggregate with the voters' spread.
 * @throws {AssayError} `voting/bad-option` where a setting is out of its range.
 *
 * @example
 * ```ts
 * import { aggregate } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(aggregate([1, 2, 6], "median").score, 2);
 * assert.equal(aggregate([1, 3], "uncertainty-weighted", { varianceWeight: 0.5 }).score, 1.5);
 * assert.deepEqual(aggregate([1, NaN, 3], "worst-case"), { score: 1, std: 1, voters: 2 });
 * ```
 */
export function aggregate(
  scores: ArrayLike<number>,
  how: PointwiseAggregation,
  options: AggregateOptions = {},
): AggregateScore {
  const finite = finiteOnly(scores);
  const centre = mean(finite);
  const std = populationStd(finite, centre);
  return { score: aggregateFinite(finite, centre, how, options), std, voters: finite.length };
}

function aggregateFinite(
  scores: readonly number[],
  centre: number,
  how: PointwiseAggregation,
  options: AggregateOptions,
): number {
  const { trim = 0.2, varianceWeight = 0.5, stdWeight = 1 } = options;
  if (scores.length === 0) return NaN;
  switch (how) {
    case "mean":
      return centre;
    case "median":
      return middle(scores);
    case "trimmed-mean":
      return trimmedMean(scores, trim);
    case "worst-case":
      return scores.reduce((lowest, score) => Math.min(lowest, score));
    case "uncertainty-weighted":
      return centre - checkWeight("varianceWeight", varianceWeight) *
          populationVariance(scores, centre);
    case "lower-confidence-bound":
      return centre - checkWeight("stdWeight", stdWeight) * populationStd(scores, centre);
  }
}

function middle(scores: readonly number[]): number {
  const sorted = scores.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

function trimmedMean(scores: readonly number[], trim: number): number {
  if (!(trim >= 0 && trim < 0.5)) {
    throw new AssayError(
      "voting/bad-option",
      `Cannot take a trimmed mean: expected a share in [0, 0.5) to cut off at each end, found ${trim}`,
    );
  }
  const cut = Math.floor(trim * scores.length);
  return mean(scores.toSorted((a, b) => a - b).slice(cut, scores.length - cut));
}

function checkWeight(name: string, weight: number): number {
  if (Number.isFinite(weight) && weight >= 0) return weight;
  throw new AssayError(
    "voting/bad-option",
    `Cannot aggregate scores: expected ${name} to be a finite number of at least 0, found ${weight}`,
  );
}
