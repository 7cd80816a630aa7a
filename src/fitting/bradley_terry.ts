import { type LossTerms, preferenceLoss } from "../voting/preference_losses.ts";
import { sigmoid } from "../numbers/sigmoid.ts";
import type { PairBatch } from "./preference_pairs.ts";

/**
 * Derivative of the Bradley–Terry loss with label smoothing α and margin μ̂ by Δ:
 *
 *     L = −[(1 − α) log σ(Δ − μ̂) + α log σ(−(Δ − μ̂))],  dL/dΔ = σ(Δ − μ̂) − (1 − α)
 *
 * @param delta Δ, the score of the chosen response minus that of the rejected one.
 * @param terms α and μ̂, 0 by default.
 *
 * @example
 * ```ts
 * import { preferenceSlope } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(preferenceSlope(0), -0.5);
 * assert.equal(preferenceSlope(2, { margin: 2, labelSmoothing: 0.5 }), 0);
 * ```
 */
export function preferenceSlope(delta: number, terms: LossTerms = {}): number {
  return sigmoid(delta - (terms.margin ?? 0)) - (1 - (terms.labelSmoothing ?? 0));
}

/** The mean loss of some pairs and its slope by the score of each. */
export interface PairLoss {
  /** In nats. */
  readonly loss: number;
  /** By the chosen response's score; by the rejected one's it is the negative. */
  readonly slopes: Float64Array;
}

/** Mean Bradley–Terry loss of a batch whose scores differ by `deltas`. */
export function bradleyTerry(
  deltas: Float64Array,
  terms: Pick<PairBatch, "labelSmoothing" | "margin">,
): PairLoss {
  let loss = 0;
  const slopes = deltas.map((delta, pair) => {
    const of = { labelSmoothing: terms.labelSmoothing(pair), margin: terms.margin(pair) };
    loss += preferenceLoss(delta, of) / deltas.length;
    return preferenceSlope(delta, of) / deltas.length;
  });
  return { loss, slopes };
}
