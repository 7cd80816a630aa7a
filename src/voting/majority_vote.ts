import { finiteOnly, mean } from "../numbers/moments.ts";

/** What a vote that ends level comes to. */
export type MajorityTie =
  /** The mean margin decides; level there too: a tie. */
  | "mean"
  /** A tie stays a tie and counts one half, as in RewardBench 2. */
  | "half"
  /** A tie counts against the chosen response, as in RewardBench. */
  | "wrong";

/** Outcome of a majority vote on one pair. */
export interface MajorityVote {
  /** The response that won; `null` where no voter scored the pair. */
  readonly winner: "chosen" | "rejected" | "tie" | null;
  /** 1 where the chosen response won, 0 where it lost, 0.5 for a tie; NaN without voters. */
  readonly outcome: number;
  /** |Σ votes| / k: 1 where all agree, 0 where the vote ends level. */
  readonly voteMargin: number;
  /** 1 − the larger share of the votes, between 0 (all agree) and 0.5. */
  readonly disagreement: number;
}

/**
 * Majority vote on one pair: each voter votes sign(margin), a margin of 0 abstains; the winner is the
 * sign of the sum.
 *
 * @param margins One margin per voter; NaN or infinite where a voter has none.
 * @param tie What a level vote comes to; default: the mean margin decides.
 * @returns The winner and how clear it was.
 *
 * @example
 * ```ts
 * import { majorityVote } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(majorityVote([0.1, 0.2, -5]).winner, "chosen");
 * assert.equal(majorityVote([1, -5]).winner, "rejected");
 * assert.equal(majorityVote([1, -5], "half").outcome, 0.5);
 * ```
 */
export function majorityVote(margins: ArrayLike<number>, tie: MajorityTie = "mean"): MajorityVote {
  const finite = finiteOnly(margins);
  if (finite.length === 0) {
    return { winner: null, outcome: NaN, voteMargin: NaN, disagreement: NaN };
  }
  const votes = finite.reduce((sum, margin) => sum + Math.sign(margin), 0);
  const sign = votes !== 0
    ? Math.sign(votes)
    : tie === "wrong"
    ? -1
    : tie === "half"
    ? 0
    : Math.sign(mean(finite));
  const voteMargin = Math.abs(votes) / finite.length;
  return {
    winner: sign > 0 ? "chosen" : sign < 0 ? "rejected" : "tie",
    outcome: (sign + 1) / 2,
    voteMargin,
    disagreement: (1 - voteMargin) / 2,
  };
}
