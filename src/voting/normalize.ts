import { finiteOnly, mean, populationStd } from "../numbers/moments.ts";

/** One voter's numbers brought to a common scale. */
export interface NormalizedVoter {
  /** The numbers after normalisation, in their order; NaN where the voter had none. */
  readonly values: Float64Array<ArrayBuffer>;
  /** What was subtracted: always 0 for margins. */
  readonly centre: number;
  /** What the numbers were divided by, in the voter's units; NaN for a voter that was left out. */
  readonly scale: number;
}

/** Below this share of the largest size a spread is rounding, not spread. */
const roundingShare = 1e-12;

/**
 * Divides a voter's margins by their own population standard deviation over the data set.
 *
 * For voters of different kinds, of which the one with the largest scale would else decide alone.
 * No mean is subtracted, because the sign of a margin is the voter's vote: it never changes, not even
 * where the quotient underflows. A voter whose margins are all alike has no spread; its margins are
 * divided by their size, so that each becomes −1, 0 or 1.
 *
 * @param margins One voter's margins of all pairs; NaN or infinite where it has none.
 * @returns The normalised margins and the scale used.
 *
 * @example
 * ```ts
 * import { normalizeMargins } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const { values, scale } = normalizeMargins([10, 30, NaN]);
 * assert.equal(scale, 10);
 * assert.deepEqual(Array.from(values), [1, 3, NaN]);
 * ```
 */
export function normalizeMargins(margins: ArrayLike<number>): NormalizedVoter {
  const finite = finiteOnly(margins);
  const largest = finite.reduce((size, margin) => Math.max(size, Math.abs(margin)), 0);
  const spread = scaledStd(finite, largest);
  const scale = spread > roundingShare * largest ? spread : largest === 0 ? 1 : largest;
  const values = Float64Array.from(margins, (margin) => {
    if (!Number.isFinite(margin)) return NaN;
    const quotient = margin / scale;
    return quotient === 0 && margin !== 0 ? Math.sign(margin) * Number.MIN_VALUE : quotient;
  });
  return { values, centre: 0, scale };
}

/**
 * Standardises a voter's scores, z = (score − mean) / std over all of its scores (chosen and rejected
 * together, divisor n), as RewardBench's offline ensembles do. For scores of single responses and of
 * best of N; margins have {@linkcode normalizeMargins}.
 *
 * @param scores One voter's scores; NaN or infinite where it has none.
 * @returns The standardised scores. A voter whose scores are all alike says nothing of any response:
 * all of its values are NaN, so that it takes part in no vote, and `scale` is NaN.
 *
 * @example
 * ```ts
 * import { standardizeScores } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(Array.from(standardizeScores([2, 6]).values), [-1, 1]);
 * assert.deepEqual(Array.from(standardizeScores([5, 5]).values), [NaN, NaN]);
 * ```
 */
export function standardizeScores(scores: ArrayLike<number>): NormalizedVoter {
  const finite = finiteOnly(scores);
  const centre = mean(finite);
  const largest = finite.reduce((size, score) => Math.max(size, Math.abs(score)), 0);
  const spread = scaledStd(finite, largest);
  const scale = spread > roundingShare * largest ? spread : NaN;
  const values = Float64Array.from(
    scores,
    (score) => Number.isFinite(score) ? (score - centre) / scale : NaN,
  );
  return { values, centre, scale };
}

/** Standard deviation of numbers whose squares may overflow or vanish. */
function scaledStd(values: readonly number[], largest: number): number {
  const isOrdinary = largest > 1e-100 && largest < 1e100;
  if (isOrdinary || largest === 0) return populationStd(values);
  return largest * populationStd(values.map((value) => value / largest));
}
