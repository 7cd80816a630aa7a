import type { HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";

/** The map that BERT's pooled state comes from, and the one that gives the logits. */
const bertLayers = ["bert.pooler.dense", "classifier"];
/** The same of RoBERTa and those that have its layers. */
const robertaLayers = ["classifier.dense", "classifier.out_proj"];

/**
 * The head of `BertForSequenceClassification`: score = classifier(tanh(pooler(hidden[first token]))), both
 * with biases. The raw logit: cross-encoders are often shown with a sigmoid, which is left to the caller.
 */
export const bertHead: HeadKind = {
  kind: "bert",
  names: [`${bertLayers[0]}.weight`],
  told: `"${bertLayers.join('" and "')}" (BERT)`,
  matches: ({ tensors }) =>
    tensors.has("classifier.weight") && tensors.has("bert.pooler.dense.weight"),
  plan: (facts) =>
    planLabelHead(facts, {
      kind: "bert",
      layers: bertLayers,
      activation: "tanh",
      biased: true,
      read: { at: "first" },
    }),
};

/**
 * The head of `RobertaForSequenceClassification` and XLM-R's: score = out_proj(tanh(dense(hidden[first
 * token]))), both with biases. ELECTRA's has the same tensors, and gelu for tanh.
 */
export const robertaHead: HeadKind = {
  kind: "roberta",
  names: [`${robertaLayers[1]}.weight`],
  told: `"${robertaLayers.join('" and "')}" (RoBERTa)`,
  matches: ({ tensors }) => robertaLayers.every((name) => tensors.has(`${name}.weight`)),
  plan: (facts) =>
    planLabelHead(facts, {
      kind: "roberta",
      layers: robertaLayers,
      activation: facts.config.model_type === "electra" ? "gelu" : "tanh",
      biased: true,
      read: { at: "first" },
    }),
};
