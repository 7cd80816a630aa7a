import { AssayError } from "../error.ts";
import { unsupported } from "./unsupported.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { readRope, type RopeSettings } from "./rope_frequencies.ts";

/** Everything that the arithmetic of a decoder backbone depends on. */
export interface DecoderConfig {
  /** `model_type` of `config.json`. */
  readonly family: "llama" | "mistral" | "qwen2" | "qwen3";
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly rmsEpsilon: number;
  readonly rope: RopeSettings;
  /** Sliding window of each layer, in tokens; 0 where a layer sees everything before it. */
  readonly windows: readonly number[];
  readonly biases: {
    readonly queryKeyValue: boolean;
    readonly attentionOutput: boolean;
    readonly feedForward: boolean;
  };
  /** Whether queries and keys are normed by head before they are turned (Qwen3). */
  readonly queryKeyNorms: boolean;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

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
  "^(architectures|model_type|_.*|dtype|torch_dtype|transformers_version|auto_map|use_cache|" +
    "(bos|eos|pad|sep|cls|unk)_token_id|initializer_range|.*dropout.*|pretraining_tp|id2label|" +
    "label2id|num_labels|problem_type|output_.*|return_dict|is_decoder|is_encoder_decoder|" +
    "max_length|min_length|task_specific_params|finetuning_task|tie_word_embeddings|" +
    "tie_encoder_decoder|torchscript|use_bfloat16|chunk_size_feed_forward|cross_attention.*|" +
    "add_cross_attention|pruned_heads|prefix|tokenizer_class|vhead_.*|objective_names|" +
    "num_objectives|gating_.*|max_window_layers|use_sliding_window|sliding_window)$",
);

/**
 * Reads the backbone's settings from a `config.json`, in the spellings of transformers 4 and 5.
 *
 * @param warn Told of keys that Assay does not know and therefore leaves out of account.
 * @throws {AssayError} `models/unsupported-architecture`, `models/unsupported-config`,
 *   `checkpoint/bad-config`.
 */
export function readDecoderConfig(
  config: Readonly<Record<string, unknown>>,
  name: string,
  warn: (message: string) => void = () => {},
): DecoderConfig {
  const reader = new ConfigReader(config, `${name}/config.json`);
  const family = readFamily(reader);
  refuseUnsupported(reader);
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  const headDim = reader.count("head_dim", family === "qwen3" ? 128 : hiddenSize / heads);
  const layers = reader.count("num_hidden_layers");
  const maxPositions = reader.count("max_position_embeddings");
  const rope = readRope(reader, maxPositions);
  const attentionBias = reader.flag("attention_bias", false);
  const decoder: DecoderConfig = {
    family,
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers,
    heads,
    keyHeads,
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    windows: readWindows(reader, family, layers),
    biases: {
      queryKeyValue: family === "qwen2" || attentionBias,
      attentionOutput: family !== "qwen2" && attentionBias,
      feedForward: reader.flag("mlp_bias", false),
    },
    queryKeyNorms: family === "qwen3",
    maxTokens: rope.type === "dynamic" ? Math.floor(maxPositions * rope.factor) : maxPositions,
  };
  checkSizes(decoder, reader);
  const unknown = reader.unread().filter((key) => !harmlessKeys.test(key));
  if (unknown.length > 0) {
    warn(`${reader.name} has keys that Assay does not know and leaves out: ${unknown.join(", ")}`);
  }
  return decoder;
}

function readFamily(reader: ConfigReader): DecoderConfig["family"] {
  const family = reader.text("model_type");
  switch (family) {
    case "llama":
    case "mistral":
    case "qwen2":
    case "qwen3":
      return family;
    default:
      throw new AssayError(
        "models/unsupported-architecture",
        `Cannot score with ${reader.name}: its model_type is "${family}"; Assay runs llama, ` +
          "mistral, qwen2 and qwen3 backbones",
      );
  }
}

function refuseUnsupported(reader: ConfigReader): void {
  for (const [key, neutral] of Object.entries(neutralValues)) {
    const value = reader.value(key);
    if (value === undefined || neutral.includes(value)) continue;
    const supported = neutral.length === 0 ? "only without it" : JSON.stringify(neutral[0]);
    throw unsupported(reader, key, supported, value);
  }
}

/** transformers 5 lists each layer's type; 4 has a window for all layers, or for those from one on. */
function readWindows(
  reader: ConfigReader,
  family: DecoderConfig["family"],
  layers: number,
): number[] {
  const types = reader.texts("layer_types");
  const window = reader.value("sliding_window") === undefined ? 0 : reader.count("sliding_window");
  if (types !== undefined) {
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
  if (family === "llama") {
    if (window !== 0) throw unsupported(reader, "sliding_window", "only without it", window);
    return new Array(layers).fill(0);
  }
  if (family === "mistral") return new Array(layers).fill(window);
  if (!reader.flag("use_sliding_window", false)) return new Array(layers).fill(0);
  const first = reader.value("max_window_layers") === 0 ? 0 : reader.count("max_window_layers", 28);
  return Array.from({ length: layers }, (_, layer) => layer >= first ? window : 0);
}

function checkSizes(decoder: DecoderConfig, reader: ConfigReader): void {
  const { heads, keyHeads, headDim, hiddenSize, intermediateSize } = decoder;
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  const sizes = { hidden_size: hiddenSize, intermediate_size: intermediateSize, head_dim: headDim };
  for (const [key, size] of Object.entries(sizes)) {
    if (size % 8 !== 0) throw unsupported(reader, key, "multiples of 8", size);
  }
}
