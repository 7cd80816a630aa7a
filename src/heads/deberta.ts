import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";
import { activationOf } from "./linear_layers.ts";

const layers = ["pooler.dense", "classifier"];

/**
 * The head of `DebertaV2ForSequenceClassification`: logits = classifier(gelu(dense(hidden[first token]))),
 * both maps with biases. Raw logits, as everywhere.
 */
export const debertaHead: HeadKind = {
  kind: "deberta",
  names: [`${layers[0]}.weight`],
  told: `"${layers.map((name) => `${name}.weight`).join('" with "')}" (DeBERTa)`,
  matches: ({ tensors }) => layers.every((name) => tensors.has(`${name}.weight`)),
  plan: (facts) => {
    const config = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const activation = activationOf(config, "pooler_hidden_act", "gelu");
    const read = { at: "first" } as const;
    const plan = planLabelHead(facts, { kind: "deberta", layers, activation, biased: true, read });
    return { ...plan, settings: { activation } };
  },
};
