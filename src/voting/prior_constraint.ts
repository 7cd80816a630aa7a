import { AssayError } from "../error.ts";
import { logSigmoid, sigmoid } from "../numbers/sigmoid.ts";

/** Constants of the cap δ* = scale / (similarity + offset) + shift. */
export interface PriorConstraint {
  /** β₁. */
  readonly scale: number;
  /** β₂. */
  readonly offset: number;
  /** β₃. */
  readonly shift: number;
}

/** The constants of the paper's settings, by data set and similarity. */
export const priorConstraints: Readonly<
  Record<"alpaca-cosine" | "tldr-cosine" | "tldr-length" | "alpaca-length", PriorConstraint>
> = {
  "alpaca-cosine": { scale: 20, offset: 0.001, shift: -15 },
  "tldr-cosine": { scale: 30, offset: 0.001, shift: -25 },
  "tldr-length": { scale: 10, offset: 0.001, shift: -5 },
  "alpaca-length": { scale: 20, offset: 0.001, shift: -17 },
};

/**
 * Length ratio of two responses, min / max, counted in tokens from the first token in which they
 * differ: 1 for equally long rests and for identical responses, 0 where one is a prefix of the other.
 *
 * @param chosen Tokens of the chosen response (ids or strings).
 * @param rejected Tokens of the rejected response.
 * @returns A number in [0, 1].
 *
 * @example
 * ```ts
 * import { lengthRatio } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(lengthRatio([1, 2, 3], [1, 2, 4, 5, 6, 7]), 0.25);
 * ```
 */
export function lengthRatio(
  chosen: ArrayLike<number | string>,
  rejected: ArrayLike<number | string>,
): number {
  let same = 0;
  while (same < chosen.length && same < rejected.length && chosen[same] === rejected[same]) same++;
  const shorter = Math.min(chosen.length, rejected.length) - same;
  const longer = Math.max(chosen.length, rejected.length) - same;
  return longer === 0 ? 1 : shorter / longer;
}

/**
 * Angular similarity of two embeddings, 1 − arccos(clip(cos, 0, 1)) / π: in [0.5, 1].
 *
 * @param chosen Embedding of the chosen response.
 * @param rejected Embedding of the rejected response, of the same length.
 * @returns The similarity; 0.5 where one of them is all zeros.
 * @throws {AssayError} `voting/bad-embedding` where the lengths differ.
 */
export function cosineSimilarity(chosen: ArrayLike<number>, rejected: ArrayLike<number>): number {
  if (chosen.length !== rejected.length) {
    throw new AssayError(
      "voting/bad-embedding",
      `Cannot compare embeddings: expected two of one length, found ${chosen.length} and ` +
        `${rejected.length} numbers`,
    );
  }
  let dot = 0, chosenSquare = 0, rejectedSquare = 0;
  for (let i = 0; i < chosen.length; i++) {
    dot += chosen[i]! * rejected[i]!;
    chosenSquare += chosen[i]! ** 2;
    rejectedSquare += rejected[i]! ** 2;
  }
  const norms = Math.sqrt(chosenSquare) * Math.sqrt(rejectedSquare);
  const cosine = norms === 0 ? 0 : dot / norms;
  return 1 - Math.acos(Math.min(1, Math.max(0, cosine))) / Math.PI;
}

/**
 * Cap of a pair's margin, δ* = β₁ / (s + β₂) + β₃ (PCRM, arXiv 2404.00978): the more alike two
 * responses are, the less far apart their scores may lie.
 *
 * @param similarity s, from {@linkcode lengthRatio} or {@linkcode cosineSimilarity}.
 * @param constraint The constants; see {@linkcode priorConstraints}.
 * @returns δ*, in the units of the scores.
 *
 * @example
 * ```ts
 * import { priorConstraints, priorMargin } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.ok(Math.abs(priorMargin(1, priorConstraints["tldr-length"]) - 4.99001) < 1e-5);
 * ```
 */
export function priorMargin(similarity: number, constraint: PriorConstraint): number {
  return constraint.scale / (similarity + constraint.offset) + constraint.shift;
}

/** Where a margin lies beside its cap: inside [0, δ*], above it, or on the wrong side of 0. */
export type MarginFlag = "within" | "over" | "negative";

/**
 * Where a measured margin lies beside its cap. This project's own reading of the paper, whose cap
 * belongs to training.
 *
 * @param delta Δ, the margin of the scores.
 * @param cap δ*, from {@linkcode priorMargin}.
 * @returns `negative` for Δ < 0, `over` for Δ > δ*, else `within`.
 */
export function flagMargin(delta: number, cap: number): MarginFlag {
  return delta < 0 ? "negative" : delta > cap ? "over" : "within";
}

/**
 * Margin squeezed into (0, δ*): δ* · σ(4Δ / δ* − 2). Monotone, and with slope 1 in the middle. This
 * project's own, not the paper's.
 *
 * @param delta Δ, the margin of the scores.
 * @param cap δ* > 0, from {@linkcode priorMargin}.
 * @returns The squeezed margin; NaN where the cap is not positive.
 */
export function squashMargin(delta: number, cap: number): number {
  return cap > 0 ? cap * sigmoid(4 * delta / cap - 2) : NaN;
}

/**
 * PCRM's loss of one pair, L = −log σ(Δ) − log σ(δ* − Δ): least at Δ = δ* / 2.
 *
 * @param delta Δ, the margin of the scores.
 * @param cap δ*, from {@linkcode priorMargin}.
 * @returns The loss in nats.
 */
export function priorConstraintLoss(delta: number, cap: number): number {
  return -logSigmoid(delta) - logSigmoid(cap - delta);
}
