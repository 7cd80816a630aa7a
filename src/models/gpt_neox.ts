import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Activation } from "../ops/activation.ts";
import { byHead, paddedHeadDim, paddedSize, unpacked } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { addFeedForward } from "./blocks/feed_forward.ts";
import { type LayerNorm, layerNormed, loadLayerNorm } from "./blocks/layer_norm.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { readActivation, readLayers, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import {
  describeRope,
  longestConversation,
  readRope,
  type RopeSettings,
  rotaryDim,
} from "./rope_settings.ts";
import { unsupported } from "./unsupported.ts";

/** Everything that the arithmetic depends on. */
export interface GptNeoxSettings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly headDim: number;
  readonly normEpsilon: number;
  readonly rope: RopeSettings;
  readonly activation: Activation;
  /** Whether both blocks read the same stream; otherwise the feed-forward block reads what attention added to. */
  readonly parallelResidual: boolean;
  /** Whether the attention's linear maps have biases. */
  readonly attentionBiases: boolean;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

const embeddingName = "gpt_neox.embed_in.weight";
const finalNormName = "gpt_neox.final_layer_norm";
const layerName = /^gpt_neox\.layers\.(\d+)\./;

/**
 * GPT-NeoX (Black et al. 2022, arXiv 2204.06745), as `transformers` names and stores it: layer norms, rope
 * on a part of each head, queries, keys and values in one packed map, biases everywhere. Both blocks read
 * the same stream:
 *
 *     x += attention(norm₁(x)) · dense + activation(norm₂(x) · up) · down
 *
 * or, with `use_parallel_residual: false`, one after another as in Llama.
 */
export const gptNeox: Family = neoxFamily("gpt_neox", "GPTNeoX");

/**
 * GPT-NeoX as OpenAssistant's reward models name it; `pooling` says what its head reads
 * (`src/heads/out_proj.ts`).
 */
export const gptNeoxReward: Family = neoxFamily("gpt_neox_reward_model", "GPTNeoXReward", [
  "pooling",
]);

/** @param headKeys Keys of `config.json` that the head of such a model reads. */
function neoxFamily(
  modelType: string,
  className: string,
  headKeys: readonly string[] = [],
): Family {
  const family: Family = {
    modelType,
    className,
    plan(facts, warn) {
      const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
      refuseUnsupported(reader, ["hidden_act", "partial_rotary_factor"]);
      const settings = readSettings(reader, facts, warn);
      for (const key of headKeys) reader.value(key);
      refuseUnknown(reader, facts, warn);
      return planNeox(family, settings);
    },
  };
  return family;
}

/** Reads the settings, in the spellings of transformers 4 and 5. */
function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): GptNeoxSettings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  if (hiddenSize % heads !== 0) {
    throw reader.unexpected("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`, heads);
  }
  const headDim = hiddenSize / heads;
  const maxPositions = reader.count("max_position_embeddings");
  const ownTheta = ownOrSame(reader, "rotary_emb_base", "rope_theta", 10000);
  const partialFactor = ownOrSame(reader, "rotary_pct", "partial_rotary_factor", 0.25);
  const rope = readRope(reader, { maxPositions, headDim, ownTheta, partialFactor, warn });
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers: readLayers(reader, facts),
    heads,
    headDim,
    normEpsilon: reader.positive("layer_norm_eps", 1e-5),
    rope,
    activation: readActivation(reader, "hidden_act", "gelu"),
    parallelResidual: reader.flag("use_parallel_residual", true),
    attentionBiases: reader.flag("attention_bias", true),
    maxTokens: longestConversation(rope, maxPositions),
  };
}

/**
 * A number of the rope under GPT-NeoX's own name for it. Some versions of transformers write the usual
 * name beside it, and none reads that one: where it says something else, what is meant is in doubt.
 */
function ownOrSame(reader: ConfigReader, own: string, usual: string, otherwise: number): number {
  const value = reader.positive(own, otherwise);
  const other = reader.positive(usual, value);
  if (other !== value) throw unsupported(reader, usual, `as ${own}, ${value}`, other);
  return value;
}

function planNeox(family: Family, settings: GptNeoxSettings): BackbonePlan {
  const { layers, heads, headDim, rope } = settings;
  const hidden = paddedSize(settings.hiddenSize);
  const inner = paddedSize(settings.intermediateSize);
  const turnedDim = rotaryDim(rope, headDim);
  const wide = heads * paddedHeadDim(headDim, turnedDim);
  const plan: BackbonePlan = {
    family,
    hiddenSize: settings.hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: true,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: neoxTensors(settings),
    embeddingName,
    languageHeadName: "embed_out.weight",
    owns: (tensor) => tensor.startsWith("gpt_neox."),
    layerOf: layerOfTensor,
    rowSizes: {
      widest: Math.max(hidden, wide),
      // normed; queries, keys and values as products give them and as attention takes them; mixed
      layer: hidden + 8 * wide,
      // normed; inner, before and after the activation
      feedForward: hidden + 2 * inner,
      widestFeedForward: Math.max(hidden, inner),
      waiting: hidden + 2 * (8 + paddedHeadDim(turnedDim)),
      kept: layers * 2 * wide,
    },
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: [new RopeTable(rope, headDim)],
        open: async (loader) =>
          new NeoxLayers(settings, await loadLayerNorm(loader, finalNormName, normsOf(settings))),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: GptNeoxSettings): BackbonePlan["description"] {
  const { heads, headDim, rope, intermediateSize, activation, parallelResidual } = settings;
  return [
    ["attention", `${heads} heads of ${headDim}, of which rope turns ${rotaryDim(rope, headDim)}`],
    [
      "feed-forward",
      `${intermediateSize}, ${activation}, ${parallelResidual ? "beside" : "after"} the attention`,
    ],
    ["rope", describeRope(rope)],
    ["biases", settings.attentionBiases ? "all" : "feed-forward"],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function neoxTensors(settings: GptNeoxSettings): ExpectedTensors {
  const { hiddenSize, intermediateSize, attentionBiases } = settings;
  const tensors = new Map<string, readonly number[]>([
    [embeddingName, [settings.vocabularySize, hiddenSize]],
  ]);
  const norm = (name: string): void => {
    tensors.set(`${name}.weight`, [hiddenSize]).set(`${name}.bias`, [hiddenSize]);
  };
  norm(finalNormName);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = layerPrefix(layer);
    const linear = (name: string, outputs: number, inputs: number, bias: boolean): void => {
      tensors.set(`${prefix}${name}.weight`, [outputs, inputs]);
      if (bias) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    norm(`${prefix}input_layernorm`);
    norm(`${prefix}post_attention_layernorm`);
    linear("attention.query_key_value", 3 * hiddenSize, hiddenSize, attentionBiases);
    linear("attention.dense", hiddenSize, hiddenSize, attentionBiases);
    linear("mlp.dense_h_to_4h", intermediateSize, hiddenSize, true);
    linear("mlp.dense_4h_to_h", hiddenSize, intermediateSize, true);
  }
  return tensors;
}

function layerPrefix(layer: number): string {
  return `gpt_neox.layers.${layer}.`;
}

function layerOfTensor(tensor: string): number | undefined {
  const layer = layerName.exec(tensor)?.[1];
  return layer === undefined ? undefined : Number(layer);
}

function normsOf({ normEpsilon: epsilon }: GptNeoxSettings) {
  return { biased: true, epsilon };
}

/** The weights of one layer. */
interface NeoxLayer {
  readonly attentionNorm: LayerNorm;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly dense: Linear;
  readonly feedForwardNorm: LayerNorm;
  readonly up: Linear;
  readonly down: Linear;
}

class NeoxLayers implements LayerArithmetic<NeoxLayer> {
  readonly #paddedHeadDim: number;

  constructor(readonly settings: GptNeoxSettings, readonly finalNorm: LayerNorm) {
    const { headDim, rope } = settings;
    this.#paddedHeadDim = paddedHeadDim(headDim, rotaryDim(rope, headDim));
  }

  async load(loader: WeightLoader, layer: number): Promise<NeoxLayer> {
    const { headDim, rope, attentionBiases: bias } = this.settings;
    const prefix = layerPrefix(layer);
    const heads = byHead(headDim, rotaryDim(rope, headDim));
    // Packed as [heads, 3, headDim].
    const third = (place: number) => ({
      outputs: unpacked({ every: 3 * headDim, from: place * headDim, count: headDim }, heads),
    });
    const parts = { query: third(0), key: third(1), value: third(2) };
    const norm = (name: string): Promise<LayerNorm> =>
      loadLayerNorm(loader, prefix + name, normsOf(this.settings));
    return {
      attentionNorm: await norm("input_layernorm"),
      ...await loader.linears(`${prefix}attention.query_key_value`, bias, parts),
      dense: await loader.linear(`${prefix}attention.dense`, bias, { inputs: heads }),
      feedForwardNorm: await norm("post_attention_layernorm"),
      up: await loader.linear(`${prefix}mlp.dense_h_to_4h`, true),
      down: await loader.linear(`${prefix}mlp.dense_4h_to_h`, true),
    };
  }

  products({ query, key, value, dense, up, down }: NeoxLayer): readonly Weight[] {
    return [query, key, value, dense, up, down].map(({ weight }) => weight);
  }

  /** Beside each other, both blocks read the stream before either adds to it. */
  run(stream: PackStream, weights: NeoxLayer, layer: number): void {
    const { backend } = stream;
    const mixed = this.#mixed(stream, weights, layer);
    if (this.settings.parallelResidual) this.#addFeedForward(stream, weights);
    addLinear(backend, mixed, weights.dense, stream.hidden);
    backend.release(mixed);
    if (!this.settings.parallelResidual) this.#addFeedForward(stream, weights);
  }

  /** What attention takes from the rows it sees; in the last layer only the pooled rows ask. */
  #mixed(stream: PackStream, weights: NeoxLayer, layer: number): Matrix {
    const { backend } = stream;
    const { heads, headDim, layers } = this.settings;
    let input = layerNormed(backend, stream.hidden, weights.attentionNorm);
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      input,
      weights,
      layer,
      layer < layers - 1,
    );
    const keys = turned(backend, unturned, stream.keyAngles(), this.#paddedHeadDim);
    if (layer === layers - 1) {
      stream.narrow();
      backend.release(input);
      input = layerNormed(backend, stream.hidden, weights.attentionNorm);
    }
    const asking = asked ?? linear(backend, input, weights.query);
    const queries = turned(backend, asking, stream.queryAngles(), this.#paddedHeadDim);
    backend.release(input);
    return attend(stream, queries, { keys, values }, { heads, keyHeads: heads, headDim }, 0);
  }

  #addFeedForward(stream: PackStream, { feedForwardNorm, up, down }: NeoxLayer): void {
    const { backend } = stream;
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = layerNormed(backend, hidden, feedForwardNorm);
      addFeedForward(backend, normed, { in: up, out: down }, this.settings.activation, hidden);
      backend.release(normed);
    }
  }

  finish({ backend, hidden }: PackStream): Matrix {
    return layerNormed(backend, hidden, this.finalNorm);
  }
}
