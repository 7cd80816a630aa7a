import { ConfigReader } from "../checkpoint/config_reader.ts";
import { layerWindows, refuseUnknown, windowOrDefault } from "./config_keys.ts";
import type { Family } from "./family.ts";
import { checkSizes, type GemmaSettings, planGemma, refuseOthers } from "./gemma2.ts";
import { longestConversation, readSection, type RopeSettings } from "./rope_settings.ts";
import { unsupported } from "./unsupported.ts";

/**
 * Gemma 3 (Gemma Team 2025, arXiv 2503.19786), its part for text: Gemma 2 with queries and keys normed
 * by head, in place of soft caps; five layers with a window to one without; and two ropes, of which that
 * with the smaller base is for the layers with a window.
 */
export const gemma3: Family = {
  modelType: "gemma3_text",
  className: "Gemma3Text",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const settings = readSettings(reader, warn);
    refuseUnknown(reader, facts, warn);
    return planGemma(gemma3, settings);
  },
};

/**
 * Reads the settings, in the spellings of transformers 4 and 5. What a config leaves out has the value
 * that transformers gives it: published ones leave out whatever is as in Gemma 3 4B.
 */
function readSettings(reader: ConfigReader, warn: (message: string) => void): GemmaSettings {
  refuseOthers(reader);
  refuseSoftcap(reader);
  const logitSoftcap = reader.value("final_logit_softcapping");
  const layers = reader.count("num_hidden_layers", 26);
  const maxPositions = reader.count("max_position_embeddings", 131072);
  const headDim = reader.count("head_dim", 256);
  const [rope, localRope] = readRopes(reader, { maxPositions, headDim, warn });
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
    windows: readWindows(reader, layers),
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

/** A window in all layers but each `sliding_window_pattern`th, where the config lists no types. */
function readWindows(reader: ConfigReader, layers: number): readonly number[] {
  const pattern = reader.count("sliding_window_pattern", 6);
  const types = reader.value("layer_types");
  // The class's own window where the config has no such key, whether it lists types or not.
  const given = reader.value("sliding_window") === undefined ? 0 : reader.count("sliding_window");
  const window = windowOrDefault(reader, given);
  const config = { ...reader.config, ...(window === 0 ? {} : { sliding_window: window }) };
  const filled = new ConfigReader(config, reader.name);
  if (types !== undefined) return layerWindows(filled, layers, () => []);
  const windows = Array.from(
    { length: layers },
    (_, layer) => (layer + 1) % pattern === 0 ? 0 : window,
  );
  if (window === 0 && pattern !== 1) {
    throw reader.unexpected("sliding_window", "a positive whole number", null);
  }
  return windows;
}

interface RopesReading {
  readonly maxPositions: number;
  readonly headDim: number;
  readonly warn: (message: string) => void;
}

/**
 * The ropes of layers without a window, and of those with one: by type of layer in transformers 5;
 * before that, `rope_theta` with `rope_scaling`, and `rope_local_base_freq`.
 */
function readRopes(
  reader: ConfigReader,
  reading: RopesReading,
): readonly [full: RopeSettings, windowed: RopeSettings] {
  const older = reader.section("rope_scaling");
  const newer = reader.section("rope_parameters");
  // transformers computes with the sections of the two types, and with nothing beside them.
  const stray = newer &&
    Object.keys(newer.config).find((key) =>
      key !== "full_attention" && key !== "sliding_attention"
    );
  if (newer !== undefined && stray !== undefined) {
    const supported = "full_attention and sliding_attention, with a rope each";
    throw unsupported(newer, stray, supported, newer.value(stray));
  }
  const one = (type: string, base: number, scaling: ConfigReader | undefined): RopeSettings => {
    const given = newer?.section(type)?.config ?? { rope_type: "default" };
    const name = scaling?.name ?? `${reader.name}, the rope of ${type}`;
    const section = new ConfigReader({ ...given, ...scaling?.config }, name);
    const rope = readSection(section, { ...reading, theta: base });
    // transformers looks for this key beside the sections of types, where it never is.
    if (rope.type === "yarn" && !rope.truncate) {
      throw unsupported(section, "truncate", "true", false);
    }
    return rope;
  };
  return [
    one("full_attention", reader.positive("rope_theta", 1e6), older),
    one("sliding_attention", reader.positive("rope_local_base_freq", 1e4), undefined),
  ];
}
