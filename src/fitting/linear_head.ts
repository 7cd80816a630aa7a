import { type Parameter, parameter } from "./adamw.ts";
import { bradleyTerry } from "./bradley_terry.ts";
import type { PairBatch } from "./preference_pairs.ts";

/** What learns a scalar head on frozen features: score = weight · features. */
export interface HeadLearner {
  /** What the optimiser moves. */
  readonly parameters: readonly Parameter[];
  /** Adds the gradient of a batch's mean loss to the parameters' and returns the loss. */
  accumulate(batch: PairBatch): number;
  /** The head as it stands, [dimension]. */
  weight(): Float64Array;
}

/** Scores of rows [rows, dimension]. */
export function linearScores(rows: Float64Array, weight: Float64Array): Float64Array {
  return Float64Array.from({ length: rows.length / weight.length }, (_, row) => {
    let sum = 0;
    for (let k = 0, at = row * weight.length; k < weight.length; k++) {
      sum += weight[k]! * rows[at + k]!;
    }
    return sum;
  });
}

/** Adds Σ factor_row · row to a gradient [dimension]. */
export function addWeightedRows(
  gradient: Float64Array,
  rows: Float64Array,
  factors: ArrayLike<number>,
): void {
  const dimension = gradient.length;
  for (let row = 0; row < factors.length; row++) {
    const factor = factors[row]!;
    for (let k = 0, at = row * dimension; k < dimension; k++) {
      gradient[k]! += factor * rows[at + k]!;
    }
  }
}

/**
 * Mean Bradley–Terry loss of a batch under a linear head, its gradient
 * Σ dL/dΔ · (h_chosen − h_rejected) added to `gradient`.
 */
export function linearPreferenceLoss(
  batch: PairBatch,
  weight: Float64Array,
  gradient: Float64Array,
): number {
  const rejected = linearScores(batch.rejected, weight);
  const deltas = linearScores(batch.chosen, weight).map((score, pair) => score - rejected[pair]!);
  const { loss, slopes } = bradleyTerry(deltas, batch);
  addWeightedRows(gradient, batch.chosen, slopes);
  addWeightedRows(gradient, batch.rejected, slopes.map((slope) => -slope));
  return loss;
}

/** Learns a linear head by the Bradley–Terry loss with each pair's smoothing and margin, from 0. */
export function linearHead(dimension: number, start?: Float64Array): HeadLearner {
  const head = parameter(start?.slice() ?? new Float64Array(dimension));
  return {
    parameters: [head],
    accumulate: (batch) => linearPreferenceLoss(batch, head.value, head.gradient),
    weight: () => head.value.slice(),
  };
}
