import { AssayError } from "../error.ts";

/**
 * What equal scores at the top count as: `"half"` the share of them that is right (a pair: one half;
 * RewardBench 2), `"wrong"` nothing where a wrong candidate is among them (RewardBench 1).
 */
export type TieRule = "half" | "wrong";

/**
 * How far scores pick a right candidate, from 0 to 1: the share of the highest scored candidates that
 * is right,
 *
 *   #{i < c : s_i = max s} / #{i : s_i = max s}
 *
 * for candidates of which the first c are right. For one right candidate of four this is the rule of
 * RewardBench 2 (arXiv 2506.01937): `1 / #ties` if the first one is at the maximum, else 0. A pair is
 * a row of two candidates, the chosen one first.
 *
 * @example
 * ```ts
 * import { bestOfNWin } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * assert.equal(bestOfNWin([2, 1, 0, 0], 1), 1);
 * assert.equal(bestOfNWin([2, 2, 0, 0], 1), 0.5);
 * assert.equal(bestOfNWin([2, 2, 0, 0], 1, "wrong"), 0);
 * ```
 *
 * @param scores One finite score per candidate, the right candidates first.
 * @param correct How many candidates are right, at least 1 and fewer than all.
 * @param tie What equal scores at the top count as. Default `"half"`.
 * @throws {AssayError} `evaluation/bad-row` for another number of right candidates or a score that is
 *   not finite.
 */
export function bestOfNWin(
  scores: readonly number[],
  correct: number,
  tie: TieRule = "half",
): number {
  checkCandidates(scores, correct);
  const highest = scores.reduce((most, score) => Math.max(most, score));
  const best = scores.flatMap((score, index) => score === highest ? [index] : []);
  const right = best.filter((index) => index < correct).length;
  return tie === "half" ? right / best.length : right === best.length ? 1 : 0;
}

/**
 * Makes sure that candidates can be evaluated.
 *
 * @throws {AssayError} `evaluation/bad-row`.
 */
export function checkCandidates(scores: readonly number[], correct: number): void {
  if (!Number.isInteger(correct) || correct < 1 || correct >= scores.length) {
    throw new AssayError(
      "evaluation/bad-row",
      `Cannot evaluate ${scores.length} candidates: expected at least one right and one wrong ` +
        `candidate, found ${correct} right`,
    );
  }
  const bad = scores.findIndex((score) => !Number.isFinite(score));
  if (bad === -1) return;
  throw new AssayError(
    "evaluation/bad-row",
    `Cannot evaluate candidate ${bad + 1}: expected a finite score, found ${scores[bad]}`,
  );
}
