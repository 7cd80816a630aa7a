import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { readLayers } from "./config_keys.ts";
import type { ModelFacts } from "./family.ts";
import { longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { oddHeadDim, unsupported } from "./unsupported.ts";

/** The states of linear attention, one for each head: [keyDim, valueDim]. */
export interface StateSettings {
  readonly heads: number;
  /** Heads of queries and keys, which neighbouring heads share. */
  readonly keyHeads: number;
  readonly keyDim: number;
  readonly valueDim: number;
  /** Tokens that the convolution before it sees. */
  readonly taps: number;
  /** Numbers of all queries, or of all keys, and of all values. */
  readonly keys: number;
  readonly values: number;
}

/** Everything that the arithmetic of Qwen3.5 depends on. */
export interface Qwen35Settings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  /** Of each layer, whether its attention is linear. */
  readonly linear: readonly boolean[];
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly states: StateSettings;
  readonly rmsEpsilon: number;
  readonly rope: RopeSettings;
  /** Whether the maps of softmax attention have biases. */
  readonly biases: boolean;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

/** The largest head whose numbers a kernel keeps for each column of a state. */
const mostKeyDim = 256;

/** Reads the settings; what is absent is as in transformers 5. */
export function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): Qwen35Settings {
  const heads = reader.count("num_attention_heads", 16);
  const keyHeads = divisor(reader, "num_key_value_heads", 4, heads);
  const headDim = reader.count("head_dim", 256);
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const maxPositions = reader.count("max_position_embeddings", 32768);
  const partialFactor = reader.positive("partial_rotary_factor", 0.25);
  const rope = readRope(reader, { maxPositions, headDim, partialFactor, warn });
  if (!reader.flag("attn_output_gate", true)) {
    throw unsupported(reader, "attn_output_gate", "true", false);
  }
  // Keys of published configs that say nothing here: of layers that foretell more tokens, which are no
  // part of a classifier, and of the type of the states, which are f32 as everything.
  for (const key of ["mtp_num_hidden_layers", "mtp_use_dedicated_embeddings", "mamba_ssm_dtype"]) {
    reader.value(key);
  }
  // A list of the layers without experts, in a family that has none.
  reader.value("mlp_only_layers");
  const layers = readLayers(reader, facts);
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize: reader.count("hidden_size"),
    intermediateSize: reader.count("intermediate_size"),
    layers,
    linear: readLayerTypes(reader, layers),
    heads,
    keyHeads,
    headDim,
    states: readStates(reader),
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    biases: reader.flag("attention_bias", false),
    maxTokens: longestConversation(rope, maxPositions),
  };
}

function divisor(reader: ConfigReader, key: string, fallback: number, of: number): number {
  const count = reader.count(key, fallback);
  if (of % count === 0) return count;
  throw reader.unexpected(key, `a divisor of ${of} heads`, count);
}

/** Which layers have linear attention: as they are listed, or all but every `full_attention_interval`th. */
function readLayerTypes(reader: ConfigReader, layers: number): readonly boolean[] {
  const interval = reader.count("full_attention_interval", 4);
  const types = reader.texts("layer_types");
  if (types === undefined) {
    return Array.from({ length: layers }, (_, layer) => (layer + 1) % interval !== 0);
  }
  if (types.length !== layers) {
    throw reader.unexpected("layer_types", `a list of ${layers} layer types`, types);
  }
  return types.map((type) => {
    if (type === "linear_attention" || type === "full_attention") return type !== "full_attention";
    throw unsupported(reader, "layer_types", "linear_attention, full_attention", type);
  });
}

function readStates(reader: ConfigReader): StateSettings {
  const heads = reader.count("linear_num_value_heads", 32);
  const keyHeads = divisor(reader, "linear_num_key_heads", 16, heads);
  const size = (key: string): number => {
    const found = reader.count(key, 128);
    if (found % 8 === 0 && found <= mostKeyDim) return found;
    throw unsupported(reader, key, `multiples of 8 up to ${mostKeyDim}`, found);
  };
  const [keyDim, valueDim] = [size("linear_key_head_dim"), size("linear_value_head_dim")];
  const taps = reader.count("linear_conv_kernel_dim", 4, 64);
  return {
    heads,
    keyHeads,
    keyDim,
    valueDim,
    taps,
    keys: keyHeads * keyDim,
    values: heads * valueDim,
  };
}
