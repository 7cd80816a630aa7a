import { AssayError } from "../error.ts";
import { finiteOnly, mean, populationStd } from "../numbers/moments.ts";
import { sigmoid } from "../numbers/sigmoid.ts";

/** What an ensemble of voters says of one pair. */
export interface PreferenceStrength {
  /** μ: mean of the voters' margins; NaN where no voter scored the pair. */
  readonly mean: number;
  /** s: population standard deviation of the margins (divisor k); 0 for a single voter. */
  readonly std: number;
  /** Share of the voters that prefer the chosen response; a margin of exactly 0 counts one half. */
  readonly voteShare: number;
  /** μ / s; 0 where both are 0, ±Infinity where only the spread is 0. */
  readonly signalToNoise: number;
  /** Mean over the voters of σ(margin): the probability that the chosen response is the better. */
  readonly targetProbability: number;
  /** Number of voters that scored the pair. */
  readonly voters: number;
}

/**
 * Preference strength of one pair by voting ("Secrets of RLHF in Large Language Models, part II",
 * arXiv 2401.06080, section 2.2).
 *
 * With d_m = r_m(x, chosen) − r_m(x, rejected) for voter m of k:
 * μ = (1/k) Σ d_m and s = sqrt((1/k) Σ (d_m − μ)²). A voter whose margin is NaN or infinite takes no
 * part. The vote share, the signal-to-noise ratio and the target probability are this project's
 * additions.
 *
 * @param margins One margin per voter, in the voters' units.
 * @returns The strength; every number is NaN (and `voters` 0) where no margin is finite.
 *
 * @example
 * ```ts
 * import { preferenceStrength } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const strength = preferenceStrength([2, 1, -1, 2]);
 * assert.equal(strength.mean, 1);
 * assert.equal(strength.std, Math.sqrt(1.5));
 * assert.equal(strength.voteShare, 0.75);
 * ```
 */
export function preferenceStrength(margins: ArrayLike<number>): PreferenceStrength {
  const finite = finiteOnly(margins);
  const centre = mean(finite);
  const std = populationStd(finite, centre);
  const votes = finite.reduce((sum, margin) => sum + (Math.sign(margin) + 1) / 2, 0);
  return {
    mean: centre,
    std,
    voteShare: finite.length === 0 ? NaN : votes / finite.length,
    signalToNoise: std === 0 && centre === 0 ? 0 : centre / std,
    targetProbability: mean(finite.map(sigmoid)),
    voters: finite.length,
  };
}

/**
 * {@linkcode preferenceStrength} of every pair of a data set.
 *
 * @param voters Per voter, the margins of all pairs in the same order; NaN where a voter has none.
 * @returns One strength per pair.
 * @throws {AssayError} `voting/row-count` where the voters differ in their number of pairs.
 *
 * @example
 * ```ts
 * import { preferenceStrengths } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const [first, second] = preferenceStrengths([[1, -3], [3, NaN]]);
 * assert.equal(first?.mean, 2);
 * assert.deepEqual([second?.mean, second?.voters], [-3, 1]);
 * ```
 */
export function preferenceStrengths(voters: readonly ArrayLike<number>[]): PreferenceStrength[] {
  const pairs = voters[0]?.length ?? 0;
  voters.forEach((margins, index) => {
    if (margins.length !== pairs) {
      throw new AssayError(
        "voting/row-count",
        `Cannot vote: voter 1 has ${pairs} pairs, voter ${index + 1} has ${margins.length}; ` +
          "every voter must score the same pairs (NaN where it has no score)",
      );
    }
  });
  return Array.from(
    { length: pairs },
    (_, pair) => preferenceStrength(voters.map((margins) => margins[pair] ?? NaN)),
  );
}
