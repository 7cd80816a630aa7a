import type { HeadFacts, HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";

/** The head's weight, [labels, hidden]: one row in a reward model. */
export const scoreName = "score.weight";

/**
 * The head of `*ForSequenceClassification`: score = weight · hidden[last token], with a bias where there
 * is one. Of several labels, `--label` names the score.
 */
export const scalarHead: HeadKind = {
  kind: "scalar",
  names: [scoreName],
  told: `"${scoreName}" (scalar)`,
  matches: (facts) => facts.tensors.has(scoreName) && !isTokenClassifier(facts),
  plan: (facts) => planLabelHead(facts, { kind: "scalar", layers: ["score"] }),
};

/** transformers' `*ForTokenClassification` has a tensor of that name too, and reads every token. */
function isTokenClassifier({ config }: HeadFacts): boolean {
  return JSON.stringify(config.architectures ?? null).includes("ForTokenClassification");
}
