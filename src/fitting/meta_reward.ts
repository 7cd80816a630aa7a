import { sigmoid } from "../numbers/sigmoid.ts";

/** How far responses to one prompt are told apart, and how that grows with each score. */
export interface ResponseDifference {
  /** J, from (k − 1) / 2k where all scores are equal to (k − 1) / k; 0 for one response. */
  readonly value: number;
  /** dJ by each score. */
  readonly slopes: Float64Array;
}

/**
 * MetaRM's difference of the k responses to one prompt (arXiv 2401.06080, section 4.1):
 *
 *     J = (2 / k²) Σ_{i<j} σ(|r_i − r_j|)
 *
 * Equal scores have slope 0. On a fixed set of responses, a J that falls as the policy shifts tells
 * that the reward model no longer tells its responses apart.
 *
 * @param scores The scores of the responses.
 *
 * @example
 * ```ts
 * import { responseDifference } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(responseDifference([1, 1]).value, 0.25);
 * assert.equal(responseDifference([3]).value, 0);
 * ```
 */
export function responseDifference(scores: ArrayLike<number>): ResponseDifference {
  const count = scores.length;
  const slopes = new Float64Array(count);
  let value = 0;
  for (let i = 0; i < count; i++) {
    for (let j = i + 1; j < count; j++) {
      const difference = scores[i]! - scores[j]!;
      const s = sigmoid(Math.abs(difference));
      value += 2 * s / count ** 2;
      const slope = 2 * s * (1 - s) * Math.sign(difference) / count ** 2;
      slopes[i]! += slope;
      slopes[j]! -= slope;
    }
  }
  return { value, slopes };
}
