import { seededRandom } from "../numbers/seeded_random.ts";

/**
 * What a pair of equal scores counts as in an accuracy: `"half"` a half, `"wrong"` nothing (as
 * RewardBench), `"random"` a repeatable coin toss (as the old ArmoRM evaluation).
 */
export type TieRule = "half" | "wrong" | "random";

/**
 * How far a margin counts as a win of the chosen side.
 *
 * @param tie What an equal pair counts as.
 * @param seed Seed of the coin for `"random"`.
 * @returns A function from margin (chosen minus rejected) to 1, 0 or the tie's value.
 */
export function winOf(tie: TieRule, seed = 0): (margin: number) => number {
  const random = seededRandom(seed);
  return (margin) => {
    if (margin > 0) return 1;
    if (margin < 0) return 0;
    if (tie === "random") return random() < 0.5 ? 1 : 0;
    return tie === "half" ? 0.5 : 0;
  };
}
