import { AssayError } from "../error.ts";
import { sigmoid } from "../numbers/sigmoid.ts";
import type { StepReduction } from "./asked.ts";
import type { Judgement } from "./head.ts";

/** The part that holds a probability for each step, in their order. */
export const stepScores = "step_scores";

/**
 * The judgement of a conversation from the probabilities that its steps are right: each by itself as the
 * part `step_scores`, and one score of all.
 *
 * @param probabilities In the order of the steps, at least one.
 * @param reduction What the score is: the last step's, the least, the mean or the product.
 */
export function judgementOfSteps(
  probabilities: Float64Array,
  reduction: StepReduction,
): Judgement {
  if (probabilities.length === 0) {
    throw new AssayError(
      "heads/no-steps",
      "Cannot judge a conversation by its steps: expected at least one step, found none",
    );
  }
  return { score: reduce(probabilities, reduction), parts: { [stepScores]: probabilities } };
}

function reduce(probabilities: Float64Array, reduction: StepReduction): number {
  switch (reduction) {
    case "last":
      return probabilities.at(-1)!;
    case "min":
      return probabilities.reduce((least, p) => Math.min(least, p));
    case "mean":
      return probabilities.reduce((sum, p) => sum + p, 0) / probabilities.length;
    case "product":
      return probabilities.reduce((product, p) => product * p, 1);
  }
}

/** The first of two classes' probability under a softmax of their logits, which is a sigmoid. */
export function firstOfTwo(first: number, second: number): number {
  return sigmoid(first - second);
}
