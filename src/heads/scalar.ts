import type { HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";
import { readsSteps } from "./process_reward.ts";

/** The head's weight, [labels, hidden]: one row in a reward model. */
export const scoreName = "score.weight";

/** What a Bayesian head has beside it: the factor of its weights' covariance, [hidden, hidden]. */
export const posteriorName = "posterior.weight";

/** What URM has beside a tensor of that name, and by which it is told from a head of many labels. */
export const urmWeightsName = "weights.fc.0.weight";

/**
 * The head of `*ForSequenceClassification`: score = weight · hidden[last token], with a bias where there
 * is one. Of several labels, `--label` names the score.
 */
export const scalarHead: HeadKind = {
  kind: "scalar",
  names: [scoreName],
  told: `"${scoreName}" (scalar)`,
  matches: (facts) =>
    facts.tensors.has(scoreName) && !readsSteps(facts) &&
    !facts.tensors.has(urmWeightsName) && !facts.tensors.has(posteriorName),
  plan: (facts) => planLabelHead(facts, { kind: "scalar", layers: ["score"] }),
};
