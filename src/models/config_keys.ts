import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { AssayError } from "../error.ts";
import { type Activation, namedActivations } from "../ops/activation.ts";
import type { ModelFacts } from "./family.ts";
import { isHarmless } from "./harmless_keys.ts";
import { unsupported } from "./unsupported.ts";

/** Keys that change the arithmetic in other models, and the only values under which they don't. */
const neutralValues: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ["silu", "swish"],
  hidden_activation: ["silu", "swish"],
  partial_rotary_factor: [1],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  query_pre_attn_scalar: [],
  attention_multiplier: [1],
  residual_multiplier: [1],
  embedding_multiplier: [1],
  logits_scaling: [1],
  scale_emb: [1],
  scale_depth: [],
  clip_qkv: [],
  qk_layernorm: [false],
  use_qk_norm: [false],
  no_rope_layers: [],
  no_rope_layer_interval: [],
  attention_chunk_size: [],
  num_experts: [0],
  num_local_experts: [0],
  n_routed_experts: [0],
  kv_lora_rank: [],
  rope_interleaved: [false],
  use_bidirectional_attention: [false],
  is_causal: [true],
  use_mrope: [false],
  alibi: [false],
  bias: [false],
  parallel_attn: [false],
  lm_head_bias: [false],
  full_attn_mod: [1],
  interpolate_factor: [1],
  per_layer_config: [],
  output_gate_type: ["swish"], // Qwen3.5's own, which no class reads
  normalize_reward: [false], // OpenRLHF's, with its mean and spread
  is_encoder_decoder: [false],
  add_cross_attention: [false],
  pruned_heads: [{}],
};

/**
 * Refuses keys that would change the arithmetic in silence.
 *
 * @param understood Keys of these that the family reads itself, so that any value may stand there.
 * @throws {AssayError} `models/unsupported-config`.
 */
export function refuseUnsupported(reader: ConfigReader, understood: readonly string[] = []): void {
  for (const [key, neutral] of Object.entries(neutralValues)) {
    if (understood.includes(key)) continue;
    const value = reader.value(key);
    if (value === undefined) continue;
    const text = JSON.stringify(value);
    if (neutral.some((one) => JSON.stringify(one) === text)) continue;
    const supported = neutral.length === 0 ? "only without it" : JSON.stringify(neutral[0]);
    throw unsupported(reader, key, supported, value);
  }
}

/**
 * Refuses keys that the family has not read and that are not known to be harmless: what they say might
 * change every score. `null` says nothing. Comes last, when everything else was read.
 *
 * @param facts Keys that somebody said are of no meaning for scores, in `ignoreConfigKeys`; told of by `warn`.
 * @throws {AssayError} `models/unknown-config-key`.
 */
export function refuseUnknown(
  reader: ConfigReader,
  { ignoreConfigKeys = [] }: Pick<ModelFacts, "ignoreConfigKeys">,
  warn: (message: string) => void,
): void {
  const unknown = reader.unread().filter((key) =>
    !isHarmless(key) && reader.value(key) !== undefined
  );
  const refused = unknown.filter((key) => !ignoreConfigKeys.includes(key));
  if (refused.length > 0) {
    const [first] = refused;
    throw new AssayError(
      "models/unknown-config-key",
      `Cannot score with ${reader.name}: expected keys that Assay knows, found ${
        refused.map((key) => JSON.stringify(key)).join(", ")
      }, which might change the arithmetic; if the model's own code computes no score with it, take ` +
        `it out of config.json, or say so with --ignore-config-key ${first}`,
    );
  }
  const left = unknown.filter((key) => ignoreConfigKeys.includes(key));
  if (left.length === 0) return;
  warn(`${reader.name}: ${left.join(", ")} left out, as asked; scores are wrong if it counts`);
}

/** More layers than any model has; a config may ask for more only with the tensors at hand. */
const manyLayers = 1024;

/** The number of layers, of each of which tensors are then listed. */
export function readLayers(
  reader: ConfigReader,
  { tensors }: Pick<ModelFacts, "tensors">,
  fallback?: number,
): number {
  return reader.count("num_hidden_layers", fallback, Math.max(manyLayers, tensors.size));
}

/**
 * An activation by the name that transformers gives it.
 *
 * @throws {AssayError} `models/unsupported-config` for one that no kernel computes.
 */
export function readActivation(reader: ConfigReader, key: string, fallback: string): Activation {
  const name = reader.text(key, fallback);
  const activation = Object.hasOwn(namedActivations, name) ? namedActivations[name] : undefined;
  if (activation !== undefined) return activation;
  throw unsupported(reader, key, Object.keys(namedActivations).join(", "), name);
}

/** The window of transformers where the config has no such key; `null` there means none. */
const defaultWindow = 4096;

/** The window that a family means where its layers have one: transformers' own where none is given. */
export function windowOrDefault(reader: ConfigReader, window: number): number {
  return Object.hasOwn(reader.config, "sliding_window") ? window : defaultWindow;
}

/**
 * The sliding window of each layer, in tokens, 0 where a layer sees everything before it. transformers
 * 5 lists each layer's type; 4 has a window for all layers, or for those from one on.
 *
 * @param otherwise The windows where no types are listed, by the window that the config gives (0 for
 *   none).
 */
export function layerWindows(
  reader: ConfigReader,
  layers: number,
  otherwise: (window: number) => readonly number[],
): readonly number[] {
  const types = reader.texts("layer_types");
  const window = reader.value("sliding_window") === undefined ? 0 : reader.count("sliding_window");
  if (types === undefined) return otherwise(window);
  if (types.length !== layers) {
    throw reader.unexpected("layer_types", `a list of ${layers} layer types`, types);
  }
  return types.map((type) => {
    if (type === "full_attention") return 0;
    if (type !== "sliding_attention") {
      throw unsupported(reader, "layer_types", "full_attention, sliding_attention", type);
    }
    if (window === 0) {
      const given = reader.config.sliding_window;
      throw reader.unexpected("sliding_window", "a positive whole number", given);
    }
    return window;
  });
}
