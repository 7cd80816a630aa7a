import { logSigmoid } from "../numbers/sigmoid.ts";

/** How one pair enters a Bradley–Terry loss: the two columns that `curate` writes. */
export interface LossTerms {
  /** α: the probability that the label is wrong, in [0, 1]. Default 0. */
  readonly labelSmoothing?: number | undefined;
  /** μ̂: what the chosen response must be ahead by. Default 0. */
  readonly margin?: number | undefined;
}

/**
 * Bradley–Terry loss of one pair with label smoothing and margin (arXiv 2401.06080, section 2.3):
 *
 *   L = −[(1 − α) · log σ(Δ − μ̂) + α · log σ(−(Δ − μ̂))]
 *
 * α = 0, μ̂ = 0 is the plain loss. The paper prints the margin outside of log σ, where it would have no
 * gradient; this is the form it must mean (Llama 2's). With a soft label p, α is 1 − p.
 *
 * @param delta Δ, the score of the chosen response minus that of the rejected one.
 * @param terms Label smoothing and margin.
 * @returns The loss in nats, at least 0.
 *
 * @example
 * ```ts
 * import { preferenceLoss } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(preferenceLoss(0), Math.LN2);
 * assert.equal(preferenceLoss(3, { margin: 3 }), Math.LN2);
 * ```
 */
export function preferenceLoss(delta: number, terms: LossTerms = {}): number {
  const { labelSmoothing = 0, margin = 0 } = terms;
  const ahead = delta - margin;
  return -((1 - labelSmoothing) * logSigmoid(ahead) + labelSmoothing * logSigmoid(-ahead));
}

/**
 * Where the smoothed loss is least: Δ* = μ̂ + log((1 − α) / α), infinite for α = 0.
 *
 * @param terms Label smoothing and margin.
 * @returns The margin of scores that a model is trained towards.
 */
export function preferredDelta(terms: LossTerms): number {
  const { labelSmoothing = 0, margin = 0 } = terms;
  return margin + Math.log((1 - labelSmoothing) / labelSmoothing);
}
