import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend, MatrixUse } from "../ops/backend.ts";
import { byHead, type LayOut, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, MapLayout, WeightLoader } from "../ops/weight_loader.ts";
import { addGatedFeedForward, type GatedFeedForward } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack, type Readings } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import { addExperts, type MixtureOfExperts } from "./blocks/mixture_of_experts.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { headNormed, rmsNormed } from "./blocks/rms_norm.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { layerWindows, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import * as mixture from "./experts.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { oddHeadDim, unsupported } from "./unsupported.ts";

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
  readonly experts?: mixture.ExpertSettings | undefined;
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
  readExperts?(reader: ConfigReader, facts: mixture.ExpertFacts): mixture.ExpertSettings;
  /** Windows where the config lists no layer types, by the window that it gives (0 for none). */
  windows(reader: ConfigReader, layers: number, window: number): readonly number[];
  /** Refuses windows that the config's layer types give, where transformers' class has no such thing. */
  checkTypedWindows?(reader: ConfigReader, windows: readonly number[]): void;
}

/** More layers than any model has; a config may ask for more only with the tensors at hand. */
const manyLayers = 1024;

/** Name of the embedding matrix, [vocabulary, hidden]. */
export const embeddingName = "model.embed_tokens.weight";
/** Name of the final norm's weight, [hidden]. */
export const finalNormName = "model.norm.weight";
const layerName = /^model\.layers\.(\d+)\./;

/**
 * Llama (Touvron et al. 2023, arXiv 2302.13971), as `transformers` names and stores it. Before each
 * block a norm, after it a residual sum:
 *
 *     x += attention(norm(x)) · output          q, k turned by rope; grouped queries; causal
 *     x += (silu(h · gate) * (h · up)) · down   with h = norm(x)
 */
export const llama: Family = llamaFamily({
  modelType: "llama",
  className: "Llama",
  readsFeedForwardBias: true,
  windows(reader, layers, window) {
    if (window !== 0) throw unsupported(reader, "sliding_window", "only without it", window);
    return new Array(layers).fill(0);
  },
  checkTypedWindows(reader, windows) {
    if (windows.every((window) => window === 0)) return;
    const types = reader.value("layer_types");
    throw unsupported(reader, "layer_types", "full_attention alone, as transformers' Llama", types);
  },
});

/** An architecture that computes with Llama's layers. */
export function llamaFamily(variant: LlamaVariant): Family {
  const family: Family = {
    modelType: variant.modelType,
    className: variant.className,
    plan(facts, warn) {
      const { name, config, tensors } = facts;
      const completed = variant.completed?.(config) ?? config;
      const reader = new ConfigReader(completed, `${name}/config.json`);
      refuseUnsupported(reader, variant.readExperts && ["num_experts", "num_local_experts"]);
      const settings = readSettings(reader, variant, { tensors, warn });
      refuseUnknown(reader, facts, warn);
      mixture.checkExperts(settings.experts, facts, layerPrefix);
      return planLlama(family, settings);
    },
  };
  return family;
}

/** What settings are read with: the tensors, and who is told of what is odd. */
interface Reading extends Pick<ModelFacts, "tensors"> {
  readonly warn: (message: string) => void;
}

/** Reads the settings, in the spellings of transformers 4 and 5. */
function readSettings(
  reader: ConfigReader,
  variant: LlamaVariant,
  { tensors, warn }: Reading,
): LlamaSettings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  if (variant.headDim === undefined) checkHeads(reader, heads, hiddenSize);
  const headDim = reader.count("head_dim", variant.headDim ?? hiddenSize / heads);
  const layers = reader.count("num_hidden_layers", undefined, Math.max(manyLayers, tensors.size));
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

function planLlama(family: Family, settings: LlamaSettings): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers } = settings;
  const onDevice = {
    hidden: paddedSize(hiddenSize),
    inner: paddedSize(settings.intermediateSize),
    head: paddedHeadDim(headDim),
  };
  const plan: BackbonePlan = {
    family,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: true,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: llamaTensors(settings),
    embeddingName,
    languageHeadName: "lm_head.weight",
    owns: ownsTensor,
    layerOf: layerOfTensor,
    rowSizes: mixture.withExperts(settings, {
      widest: Math.max(onDevice.hidden, heads * onDevice.head),
      // hidden, normed; queries, keys and values as products give them and as attention takes them; mixed
      layer: onDevice.hidden + (3 * heads + 5 * keyHeads) * onDevice.head,
      feedForward: onDevice.hidden + onDevice.inner,
      widestFeedForward: onDevice.inner,
      waiting: onDevice.hidden + 2 * (8 + onDevice.head),
      kept: layers * 2 * keyHeads * onDevice.head,
    }),
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: [new RopeTable(settings.rope, headDim)],
        open: async (loader) => new LlamaLayers(settings, await loader.vector(finalNormName)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: LlamaSettings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, queryKeyNorms, rope, biases } = settings;
  const windows = [...new Set(settings.windows.filter((window) => window > 0))];
  const named = Object.entries(biases).filter(([, is]) => is).map(([name]) => name);
  return [
    [
      "attention",
      `${heads} heads over ${keyHeads} key heads of ${headDim}` +
      (queryKeyNorms ? ", queries and keys normed" : "") +
      (windows.length === 0 ? "" : `, window ${windows.join(", ")}`),
    ],
    ["feed-forward", `${settings.intermediateSize}`],
    ...mixture.describeExperts(settings.experts),
    ["rope", describeRope(rope)],
    ["biases", named.length === 0 ? "none" : named.join(", ")],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function llamaTensors(settings: LlamaSettings): ExpectedTensors {
  const { hiddenSize, intermediateSize, headDim, biases } = settings;
  const queries = settings.heads * headDim;
  const keys = settings.keyHeads * headDim;
  const tensors = new Map<string, readonly number[]>([
    [embeddingName, [settings.vocabularySize, hiddenSize]],
    [finalNormName, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = layerPrefix(layer);
    const norm = (name: string, size: number) => tensors.set(`${prefix}${name}.weight`, [size]);
    const linear = (name: string, outputs: number, inputs: number, bias: boolean): void => {
      tensors.set(`${prefix}${name}.weight`, [outputs, inputs]);
      if (bias) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    norm("input_layernorm", hiddenSize);
    linear("self_attn.q_proj", queries, hiddenSize, biases.queryKeyValue);
    linear("self_attn.k_proj", keys, hiddenSize, biases.queryKeyValue);
    linear("self_attn.v_proj", keys, hiddenSize, biases.queryKeyValue);
    linear("self_attn.o_proj", hiddenSize, queries, biases.attentionOutput);
    if (settings.queryKeyNorms) norm("self_attn.q_norm", headDim);
    if (settings.queryKeyNorms) norm("self_attn.k_norm", headDim);
    norm("post_attention_layernorm", hiddenSize);
    if (settings.experts?.layers[layer]) {
      mixture.addTensors(tensors, settings.experts, prefix, hiddenSize);
      continue;
    }
    linear("mlp.gate_proj", intermediateSize, hiddenSize, biases.feedForward);
    linear("mlp.up_proj", intermediateSize, hiddenSize, biases.feedForward);
    linear("mlp.down_proj", hiddenSize, intermediateSize, biases.feedForward);
  }
  return tensors;
}

/** What the names of a layer's tensors begin with. */
export function layerPrefix(layer: number): string {
  return `model.layers.${layer}.`;
}

/** Whether a tensor is named as one of the backbone's. */
export function ownsTensor(tensor: string): boolean {
  return tensor.startsWith("model.");
}

/** The layer that a tensor's name says. */
export function layerOfTensor(tensor: string): number | undefined {
  const layer = layerName.exec(tensor)?.[1];
  return layer === undefined ? undefined : Number(layer);
}

/** The weights of one layer. */
interface LlamaLayer {
  readonly inputNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  /** By-head norms of queries and keys. */
  readonly queryNorm: Matrix | undefined;
  readonly keyNorm: Matrix | undefined;
  readonly feedForwardNorm: Matrix;
  readonly feedForward: GatedFeedForward | MixtureOfExperts;
}

class LlamaLayers implements LayerArithmetic<LlamaLayer> {
  constructor(readonly settings: LlamaSettings, readonly finalNorm: Matrix) {}

  async load(loader: WeightLoader, layer: number): Promise<LlamaLayer> {
    const { biases, queryKeyNorms, headDim, experts } = this.settings;
    const prefix = layerPrefix(layer);
    const linear = (name: string, bias: boolean, layout?: MapLayout): Promise<Linear> =>
      loader.linear(prefix + name, bias, layout);
    const norm = (name: string, layOut?: LayOut): Promise<Matrix> =>
      loader.vector(`${prefix}${name}.weight`, 0, layOut);
    const heads = byHead(headDim);
    return {
      inputNorm: await norm("input_layernorm"),
      query: await linear("self_attn.q_proj", biases.queryKeyValue, { outputs: heads }),
      key: await linear("self_attn.k_proj", biases.queryKeyValue, { outputs: heads }),
      value: await linear("self_attn.v_proj", biases.queryKeyValue, { outputs: heads }),
      output: await linear("self_attn.o_proj", biases.attentionOutput, { inputs: heads }),
      queryNorm: queryKeyNorms ? await norm("self_attn.q_norm", heads) : undefined,
      keyNorm: queryKeyNorms ? await norm("self_attn.k_norm", heads) : undefined,
      feedForwardNorm: await norm("post_attention_layernorm"),
      feedForward: experts?.layers[layer] ? await mixture.loadExperts(loader, experts, prefix) : {
        gate: await linear("mlp.gate_proj", biases.feedForward),
        up: await linear("mlp.up_proj", biases.feedForward),
        down: await linear("mlp.down_proj", biases.feedForward),
      },
    };
  }

  products({ query, key, value, output, feedForward: block }: LlamaLayer): readonly Weight[] {
    const attention = [query, key, value, output].map(({ weight }) => weight);
    if ("experts" in block) return [...attention, ...mixture.expertProducts(block)];
    return [...attention, ...[block.gate, block.up, block.down].map(({ weight }) => weight)];
  }

  run(stream: PackStream, weights: LlamaLayer, layer: number): Readings | void {
    this.#addAttention(stream, weights, layer);
    const { backend } = stream;
    const { feedForward, feedForwardNorm: norm } = weights;
    if ("experts" in feedForward) {
      return addExperts(stream, (hidden) => this.#norm(backend, hidden, norm, "rows"), feedForward);
    }
    for (const hidden of stream.feedForwardBlocks()) {
      addGatedFeedForward(backend, this.#norm(backend, hidden, norm), feedForward, hidden);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: LlamaLayer, layer: number): void {
    const { backend } = stream;
    const { layers, windows } = this.settings;
    let input = this.#norm(backend, stream.hidden, weights.inputNorm);
    const { keys: unturned, values } = keysAndValues(stream, input, weights, layer);
    const keys = this.#turned(backend, unturned, weights.keyNorm, stream.keyAngles());
    if (layer === layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, weights.inputNorm);
    }
    const asking = linear(backend, input, weights.query);
    const queries = this.#turned(backend, asking, weights.queryNorm, stream.queryAngles());
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.settings, windows[layer]!);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
  }

  /** Queries or keys, normed by head where the model does so, turned by their positions. */
  #turned(backend: Backend, input: Matrix, weight: Matrix | undefined, angles: Matrix): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    const normed = weight === undefined ? input : headNormed(backend, input, { weight, epsilon });
    return turned(backend, normed, angles);
  }

  #norm(backend: Backend, input: Matrix, weight: Matrix, use: MatrixUse = "operand"): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    return rmsNormed(backend, input, { weight, epsilon }, use);
  }

  finish({ backend, hidden }: PackStream): Matrix {
    const { finalNorm: weight, settings: { rmsEpsilon: epsilon } } = this;
    return rmsNormed(backend, hidden, { weight, epsilon });
  }
}
