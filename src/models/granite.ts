import { ConfigReader } from "../checkpoint/config_reader.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { Family, ModelFacts } from "./family.ts";
import { planScaledDecoder, readSizes, type ScaledDecoderSettings } from "./scaled_decoder.ts";

const multipliers = [
  "embedding_multiplier",
  "attention_multiplier",
  "residual_multiplier",
  "logits_scaling",
];

/**
 * Granite 3 (Granite Team, IBM 2024), as `transformers` names and stores it: Llama's layers, with
 * multipliers of embeddings, attention scores, blocks and logits.
 */
export const granite: Family = {
  modelType: "granite",
  className: "Granite",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    refuseUnsupported(reader, multipliers);
    const settings = readSettings(reader, facts, warn);
    refuseUnknown(reader, facts, warn);
    return planScaledDecoder(granite, settings);
  },
};

function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): ScaledDecoderSettings {
  return {
    ...readSizes(reader, { facts, usual: { maxPositions: 2048 }, warn }),
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    normOffset: 0,
    activation: "silu",
    biases: {
      attention: reader.flag("attention_bias", false),
      feedForward: reader.flag("mlp_bias", false),
    },
    embeddingScale: reader.positive("embedding_multiplier", 1),
    attentionScale: reader.positive("attention_multiplier", 1),
    residualScale: reader.positive("residual_multiplier", 1),
    logitScale: 1 / reader.positive("logits_scaling", 1),
  };
}
