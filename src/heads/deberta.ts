import { ConfigReader } from "../checkpoint/config_reader.ts";
import { type Activation, namedActivations } from "../ops/activation.ts";
import type { HeadFacts, HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";

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
    const activation = readActivation(facts);
    const read = { at: "first" } as const;
    const plan = planLabelHead(facts, { kind: "deberta", layers, activation, biased: true, read });
    return { ...plan, settings: { activation } };
  },
};

function readActivation({ name, config }: HeadFacts): Activation {
  const reader = new ConfigReader(config, `${name}/config.json`);
  const given = reader.text("pooler_hidden_act", "gelu");
  const activation = Object.hasOwn(namedActivations, given) ? namedActivations[given] : undefined;
  if (activation !== undefined) return activation;
  const known = Object.keys(namedActivations).join(", ");
  throw reader.unexpected("pooler_hidden_act", `one of ${known}`, given);
}
