import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { unsupported } from "./unsupported.ts";

/** Keys that change the arithmetic in other models, and the only values under which they don't. */
const neutralValues: Readonly<Record<string, readonly unknown[]>> = {
  hidden_act: ["silu"],
  hidden_activation: ["silu"],
  partial_rotary_factor: [1],
  quantization_config: [],
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
  parallel_attn: [false],
};

/** Keys that say nothing about the backbone's arithmetic: training, generation, bookkeeping, heads. */
const harmlessKeys = new RegExp(
  "^(architectures|model_type|_.*|dtype|torch_dtype|transformers_version|auto_map|use_cache|cache_implementation|" +
    "(bos|eos|pad|sep|cls|unk)_token_id|initializer_range|.*dropout.*|pretraining_tp|id2label|" +
    "label2id|num_labels|problem_type|output_.*|return_dict|is_decoder|is_encoder_decoder|" +
    "max_length|min_length|task_specific_params|finetuning_task|tie_word_embeddings|" +
    "tie_encoder_decoder|torchscript|use_bfloat16|chunk_size_feed_forward|cross_attention.*|" +
    "add_cross_attention|pruned_heads|prefix|tokenizer_class|vhead_.*|objective_names|" +
    "num_objectives|gating_.*|max_window_layers|use_sliding_window|sliding_window)$",
);

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
    if (value === undefined || neutral.includes(value)) continue;
    const supported = neutral.length === 0 ? "only without it" : JSON.stringify(neutral[0]);
    throw unsupported(reader, key, supported, value);
  }
}

/** Tells of keys that no family reads and that are not known to be harmless. */
export function warnOfUnknown(reader: ConfigReader, warn: (message: string) => void): void {
  const unknown = reader.unread().filter((key) => !harmlessKeys.test(key));
  if (unknown.length === 0) return;
  warn(`${reader.name} has keys that Assay does not know and leaves out: ${unknown.join(", ")}`);
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
    if (window === 0) throw reader.unexpected("sliding_window", "a positive whole number", null);
    return window;
  });
}
