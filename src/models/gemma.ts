import { ConfigReader } from "../checkpoint/config_reader.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { Family, ModelFacts } from "./family.ts";
import { planScaledDecoder, readSizes, type ScaledDecoderSettings } from "./scaled_decoder.ts";
import { unsupported } from "./unsupported.ts";

const activation = "gelu_pytorch_tanh";

/**
 * Gemma (Gemma Team 2024, arXiv 2403.08295), the first: Llama's layers with norms weighted by 1 + w and
 * gelu in the gate, after embeddings that are scaled by √hidden.
 */
export const gemma: Family = {
  modelType: "gemma",
  className: "Gemma",
  padToken: 0,
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const settings = readSettings(reader, facts, warn);
    refuseUnknown(reader, facts, warn);
    return { ...planScaledDecoder(gemma, settings), tiedByDefault: true };
  },
};

function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): ScaledDecoderSettings {
  refuseUnsupported(reader, ["hidden_act", "hidden_activation"]);
  refuseActivation(reader);
  const sizes = readSizes(reader, { facts, usual: { headDim: 256, maxPositions: 8192 }, warn });
  return {
    ...sizes,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    normOffset: 1,
    activation: "gelu_tanh",
    biases: { attention: reader.flag("attention_bias", false), feedForward: false },
    embeddingScale: Math.sqrt(sizes.hiddenSize),
    attentionScale: 1 / Math.sqrt(sizes.headDim),
    residualScale: 1,
    logitScale: 1,
  };
}

/** `hidden_act` of the first configs says "gelu" and means its tanh form, as `transformers` knows. */
function refuseActivation(reader: ConfigReader): void {
  const act = reader.value("hidden_act") ?? activation;
  if (act !== activation && act !== "gelu") {
    throw unsupported(reader, "hidden_act", activation, act);
  }
  const other = reader.value("hidden_activation") ?? activation;
  if (other !== activation) throw unsupported(reader, "hidden_activation", activation, other);
}
