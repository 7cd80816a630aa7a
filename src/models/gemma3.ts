import { ConfigReader } from "../checkpoint/config_reader.ts";
import { readLayers, refuseUnknown } from "./config_keys.ts";
import type { Family, ModelFacts } from "./family.ts";
import { checkSizes, type GemmaSettings, planGemma, refuseOthers } from "./gemma2.ts";
import { readLayerRopes, windowsButEach } from "./layer_ropes.ts";
import { longestConversation } from "./rope_settings.ts";
import { unsupported } from "./unsupported.ts";

/**
 * Gemma 3 (Gemma Team 2025, arXiv 2503.19786), its part for text: Gemma 2 with queries and keys normed
 * by head, in place of soft caps; five layers with a window to one without; and two ropes, of which that
 * with the smaller base is for the layers with a window.
 */
export const gemma3: Family = {
  modelType: "gemma3_text",
  className: "Gemma3Text",
  padToken: 0,
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const settings = readGemma3(reader, facts, warn);
    refuseUnknown(reader, facts, warn);
    return planGemma(gemma3, settings);
  },
};

/**
 * Reads the settings, in the spellings of transformers 4 and 5. What a config leaves out has the value
 * that transformers gives it: published ones leave out whatever is as in Gemma 3 4B.
 */
export function readGemma3(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): GemmaSettings {
  refuseOthers(reader);
  refuseSoftcap(reader);
  const logitSoftcap = reader.value("final_logit_softcapping");
  const layers = readLayers(reader, facts, 26);
  const maxPositions = reader.count("max_position_embeddings", 131072);
  const headDim = reader.count("head_dim", 256);
  const theta = { full: 1e6, windowed: reader.positive("rope_local_base_freq", 1e4) };
  const [rope, localRope] = readLayerRopes(reader, { maxPositions, headDim, warn, theta });
  const settings: GemmaSettings = {
    vocabularySize: reader.count("vocab_size", 262208),
    hiddenSize: reader.count("hidden_size", 2304),
    intermediateSize: reader.count("intermediate_size", 9216),
    layers,
    heads: reader.count("num_attention_heads", 8),
    keyHeads: reader.count("num_key_value_heads", 4),
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    localRope,
    windows: windowsButEach(reader, layers, reader.count("sliding_window_pattern", 6)),
    attentionBiases: reader.flag("attention_bias", false),
    queryKeyNorms: true,
    queryScalar: reader.positive("query_pre_attn_scalar", 256),
    attentionSoftcap: 0,
    logitSoftcap: logitSoftcap === undefined ? 0 : reader.positive("final_logit_softcapping"),
    maxTokens: longestConversation(rope, maxPositions),
  };
  checkSizes(settings, reader);
  return settings;
}

/** A cap of attention scores: transformers' class has the key, and leaves it out of the arithmetic. */
function refuseSoftcap(reader: ConfigReader): void {
  const cap = reader.value("attn_logit_softcapping");
  if (cap === undefined) return;
  throw unsupported(reader, "attn_logit_softcapping", "null, as published", cap);
}
