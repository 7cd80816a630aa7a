import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { HeadFacts, HeadKind } from "./head.ts";
import { planLabelHead } from "./label_head.ts";

/** The head's weight, [1, hidden]. */
const weightName = "out_proj.weight";

/**
 * The head of OpenAssistant's reward models on GPT-NeoX, as `model_training/models/reward_model.py` there
 * has it: score = weight · pooled + bias. `pooling` says what is pooled: the last token's final hidden
 * state, or the mean of all tokens'.
 */
export const outProjHead: HeadKind = {
  kind: "out_proj",
  names: [weightName],
  told: `"${weightName}" (OpenAssistant's)`,
  matches: ({ tensors }) => tensors.has(weightName),
  plan: (facts) =>
    planLabelHead(facts, {
      kind: "out_proj",
      layers: ["out_proj"],
      read: { at: poolingOf(facts) },
    }),
};

/** `last` where the config says nothing, as in the published class. */
function poolingOf({ name, config }: HeadFacts): "last" | "mean" {
  const reader = new ConfigReader(config, `${name}/config.json`);
  const pooling = reader.text("pooling", "last");
  if (pooling === "last" || pooling === "mean") return pooling;
  throw reader.unexpected("pooling", '"last" or "mean"', pooling);
}
