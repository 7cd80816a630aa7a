import { AssayError } from "../error.ts";

/** How one objective's ratings relate to rewards: rating = scale · reward + offset. */
export interface LabelMap {
  /** Rating points to a reward of 1; not 0. */
  readonly scale: number;
  /** Rating of the reward 0. */
  readonly offset: number;
}

/** Ratings taken as they are. */
export const identityMap: LabelMap = { scale: 1, offset: 0 };

/**
 * The maps of ArmoRM that its release tells: HelpSteer's ratings from 0 to 4 become 0.1 to 0.9 (rating
 * = 5 · reward − 0.5). The maps of its other objectives were never released; ratings from `low` to
 * `high` go to [0, 1] with {@link rangeMap}.
 */
export const armoLabelMaps: Readonly<Record<string, LabelMap>> = Object.fromEntries(
  ["helpfulness", "correctness", "coherence", "complexity", "verbosity"]
    .map((name) => [`helpsteer-${name}`, { scale: 5, offset: -0.5 }]),
);

/** The map that takes ratings from `low` to `high` to rewards from 0 to 1. */
export function rangeMap(low: number, high: number): LabelMap {
  return { scale: high - low, offset: low };
}

/**
 * The reward that a rating stands for: reward = (rating − offset) / scale.
 *
 * @param rating A number, `true` (1) or `false` (0); `null` and `undefined` are missing.
 * @param map Scale and offset of the ratings; by default a rating is the reward.
 * @returns The reward; NaN where the rating is missing.
 * @throws {AssayError} `fitting/bad-label` for anything else.
 *
 * @example
 * ```ts
 * import { armoLabelMaps, rewardOfRating } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(rewardOfRating(4, armoLabelMaps["helpsteer-helpfulness"]), 0.9);
 * assert.equal(rewardOfRating(true), 1);
 * assert.equal(rewardOfRating(null), NaN);
 * ```
 */
export function rewardOfRating(rating: unknown, map: LabelMap = identityMap): number {
  if (rating === null || rating === undefined) return NaN;
  const number = typeof rating === "boolean" ? Number(rating) : rating;
  if (typeof number !== "number" || !Number.isFinite(number)) {
    throw new AssayError(
      "fitting/bad-label",
      `Cannot read a rating: expected a finite number, true, false or null, found ${
        JSON.stringify(rating) ?? String(rating)
      }`,
    );
  }
  return (number - map.offset) / map.scale;
}
