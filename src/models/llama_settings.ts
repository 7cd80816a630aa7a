import type { ConfigReader } from "../checkpoint/config_reader.ts";
import { layerWindows, readLayers } from "./config_keys.ts";
import type { ExpertFacts, ExpertSettings } from "./experts.ts";
import type { Family, ModelFacts } from "./family.ts";
import { longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { oddHeadDim } from "./unsupported.ts";

/** Everything that the arithmetic depends on. */
export interface LlamaSettings {
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
  /** Whether queries and keys are normed by head before they are turned. */
  readonly queryKeyNorms: boolean;
  /** Experts in the place of the feed-forward block, where layers have them. */
  readonly experts?: ExpertSettings | undefined;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

/** What sets an architecture with Llama's layers apart from Llama. */
export interface LlamaVariant extends Pick<Family, "modelType" | "className"> {
  /** Numbers of a head where the config gives none; hidden / heads by default. */
  readonly headDim?: number | undefined;
  /** Whether `mlp_bias` tells of biases of the feed-forward block; transformers' Llama alone reads it. */
  readonly readsFeedForwardBias?: boolean | undefined;
  readonly queryKeyNorms?: boolean | undefined;
  /** A config with what its class in `transformers` takes where a key is absent, if Llama's does not. */
  completed?(config: ModelFacts["config"]): ModelFacts["config"];
  /** Linear maps of the attention that have biases; by default `attention_bias` tells. */
  attentionBiases?(reader: ConfigReader): { queryKeyValue: boolean; output: boolean };
  /** Experts in the place of the feed-forward block; none by default. */
  readExperts?(reader: ConfigReader, facts: ExpertFacts): ExpertSettings;
  /** Windows where the config lists no layer types, by the window that it gives (0 for none). */
  windows(reader: ConfigReader, layers: number, window: number): readonly number[];
  /** Refuses windows that the config's layer types give, where transformers' class has no such thing. */
  checkTypedWindows?(reader: ConfigReader, windows: readonly number[]): void;
}

/** What settings are read with: the tensors, and who is told of what is odd. */
interface Reading extends Pick<ModelFacts, "tensors"> {
  readonly warn: (message: string) => void;
}

/** Reads the settings, in the spellings of transformers 4 and 5. */
export function readSettings(
  reader: ConfigReader,
  variant: LlamaVariant,
  { tensors, warn }: Reading,
): LlamaSettings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  if (variant.headDim === undefined) checkHeads(reader, heads, hiddenSize);
  const headDim = reader.count("head_dim", variant.headDim ?? hiddenSize / heads);
  const layers = readLayers(reader, { tensors });
  const maxPositions = reader.count("max_position_embeddings");
  const rope = readRope(reader, { maxPositions, headDim, warn });
  const bias = reader.flag("attention_bias", false);
  const { queryKeyValue, output } = variant.attentionBiases?.(reader) ??
    { queryKeyValue: bias, output: bias };
  const settings: LlamaSettings = {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers,
    heads,
    keyHeads,
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    windows: readWindows(reader, variant, layers),
    biases: {
      queryKeyValue,
      attentionOutput: output,
      feedForward: reader.flag("mlp_bias", false) && (variant.readsFeedForwardBias ?? false),
    },
    queryKeyNorms: variant.queryKeyNorms ?? false,
    experts: variant.readExperts?.(reader, { layers, tensors }),
    maxTokens: longestConversation(rope, maxPositions),
  };
  checkSizes(settings, reader);
  return settings;
}

/** A head's size that is not given is hidden / heads, so the heads must divide. */
function checkHeads(reader: ConfigReader, heads: number, hiddenSize: number): void {
  if (reader.value("head_dim") !== undefined || hiddenSize % heads === 0) return;
  throw reader.unexpected("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`, heads);
}

function readWindows(
  reader: ConfigReader,
  variant: LlamaVariant,
  layers: number,
): readonly number[] {
  const windows = layerWindows(
    reader,
    layers,
    (window) => variant.windows(reader, layers, window),
  );
  if (reader.value("layer_types") !== undefined) variant.checkTypedWindows?.(reader, windows);
  return windows;
}

function checkSizes(settings: LlamaSettings, reader: ConfigReader): void {
  const { heads, keyHeads, headDim } = settings;
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
}
