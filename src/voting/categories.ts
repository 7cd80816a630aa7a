import { AssayError } from "../error.ts";
import { rankPositions } from "../numbers/ranks.ts";

/**
 * What a pair's strength makes of it: probably labelled wrongly, undecided, ordinary, clear, or never
 * scored (arXiv 2401.06080, section 2.2).
 */
export type Category = "incorrect" | "ambiguous" | "normal" | "strong" | "unscored";

/** Where the categories begin and end; either positions in the data set or strengths. */
export interface CategoryBounds {
  /**
   * Positions in (0, 1) of the ends of *incorrect* and *ambiguous* and of the start of *strong*.
   * Default: the paper's `[0.2, 0.4, 0.9]`.
   */
  readonly quantiles?: readonly [number, number, number] | undefined;
  /** The same three bounds as strengths (mean margins), in place of positions. */
  readonly thresholds?: readonly [number, number, number] | undefined;
  /**
   * Whether *incorrect* also needs a negative strength; a pair of the lowest positions that has none
   * is *ambiguous*. The paper goes by rank alone, which is the default.
   */
  readonly requireNegative?: boolean | undefined;
}

/** The paper's quantiles: lowest 20 % incorrect, up to 40 % ambiguous, top 10 % strong. */
export const PAPER_QUANTILES: readonly [number, number, number] = [0.2, 0.4, 0.9];

/** Fewer scored pairs than this have no quantiles worth the name. */
const FEWEST_FOR_QUANTILES = 5;

/**
 * Categories of all pairs of a data set by their mean strength.
 *
 * By position q = (average rank − 0.5) / n: *incorrect* for q < 0.2, *ambiguous* for q < 0.4, *strong*
 * for q > 0.9, else *normal*; equal strengths share a category. With fewer than five scored pairs
 * there are no quantiles: a negative strength is *incorrect*, 0 *ambiguous*, a positive one *normal*.
 * By threshold: the same comparisons with the strength itself.
 *
 * @param means Mean strength per pair; NaN where no voter scored it.
 * @param bounds Quantiles or thresholds.
 * @returns One category per pair, `unscored` for NaN.
 * @throws {AssayError} `voting/bad-bounds` where the bounds are not ascending, quantiles lie outside
 * [0, 1], or both kinds are given.
 *
 * @example
 * ```ts
 * import { categorize } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const thresholds = [0, 1, 5] as const;
 * assert.deepEqual(categorize([-2, 0.3, 2, 9, NaN], { thresholds }), [
 *   "incorrect",
 *   "ambiguous",
 *   "normal",
 *   "strong",
 *   "unscored",
 * ]);
 * ```
 */
export function categorize(means: ArrayLike<number>, bounds: CategoryBounds = {}): Category[] {
  checkBounds(bounds);
  const strengths = Array.from(means);
  const scored = strengths.filter(Number.isFinite).length;
  if (bounds.thresholds === undefined && scored < FEWEST_FOR_QUANTILES) {
    return strengths.map(categoryBySign);
  }
  const places = bounds.thresholds === undefined ? rankPositions(strengths) : strengths;
  const [low, middle, high] = bounds.thresholds ?? bounds.quantiles ?? PAPER_QUANTILES;
  return strengths.map((strength, pair) => {
    const place = places[pair]!;
    if (!Number.isFinite(strength)) return "unscored";
    if (place < low && (strength < 0 || bounds.requireNegative !== true)) return "incorrect";
    if (place < middle) return "ambiguous";
    return place > high ? "strong" : "normal";
  });
}

function categoryBySign(strength: number): Category {
  if (!Number.isFinite(strength)) return "unscored";
  if (strength < 0) return "incorrect";
  return strength === 0 ? "ambiguous" : "normal";
}

function checkBounds({ quantiles, thresholds }: CategoryBounds): void {
  if (quantiles !== undefined && thresholds !== undefined) {
    throw new AssayError(
      "voting/bad-bounds",
      "Cannot make categories: expected quantiles or thresholds, found both; give one of them",
    );
  }
  const bounds = quantiles ?? thresholds;
  if (bounds === undefined) return;
  const ascending = bounds.every((bound, place) => !(bound < (bounds[place - 1] ?? -Infinity)));
  const inRange = thresholds !== undefined || bounds.every((bound) => bound >= 0 && bound <= 1);
  if (bounds.length !== 3 || !bounds.every(Number.isFinite) || !ascending || !inRange) {
    throw new AssayError(
      "voting/bad-bounds",
      `Cannot make categories: expected three ascending ${
        quantiles === undefined ? "strengths" : "positions in [0, 1]"
      } (ends of incorrect and ambiguous, start of strong), found ${bounds.join(", ")}`,
    );
  }
}
