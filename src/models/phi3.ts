import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend } from "../ops/backend.ts";
import { byHead, padded, paddedHeadDim, paddedSize, unpacked } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { addGatedFeedForward, type GatedFeedForward } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { rmsNormed } from "./blocks/rms_norm.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { readLayers, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import {
  describeRope,
  longestConversation,
  readRope,
  type RopeSettings,
  rotaryDim,
} from "./rope_settings.ts";
import { namesUnder } from "./tensor_names.ts";
import { oddHeadDim } from "./unsupported.ts";

const names = namesUnder("model.");

/** Everything that the arithmetic depends on. */
export interface Phi3Settings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly rmsEpsilon: number;
  readonly rope: RopeSettings;
  /** Sliding window of every layer, in tokens; 0 for none. */
  readonly window: number;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

/**
 * Phi-3 (Abdin et al. 2024, arXiv 2404.14219), Phi-3.5, Phi-4 and Phi-4-mini, as `transformers` names and
 * stores them: Llama's layers, with queries, keys and values in one matrix and gate and up in another; a
 * rope with divisors for short and long conversations, which in Phi-4-mini turns three quarters of a head.
 */
export const phi3: Family = {
  modelType: "phi3",
  className: "Phi3",
  padToken: 32000,
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    refuseUnsupported(reader, ["partial_rotary_factor"]);
    const settings = readSettings(reader, facts, warn);
    refuseUnknown(reader, facts, warn);
    return planPhi3(settings);
  },
};

/** The length that `transformers` takes for the trained one where the config names none. */
const originalLength = 4096;

/** Reads the settings, in the spellings of transformers 4 and 5. */
function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): Phi3Settings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  const headDim = reader.count("head_dim", hiddenSize / heads);
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const maxPositions = reader.count("max_position_embeddings");
  const partialFactor = reader.positive("partial_rotary_factor", 1);
  // The first configs call a longrope "su" or "yarn"; every other type is refused by transformers too.
  const types = { default: "default", longrope: "longrope", su: "longrope", yarn: "longrope" };
  const reading = { maxPositions, headDim, partialFactor, originalLength, types, warn };
  const rope = readRope(reader, reading);
  // transformers' class has none, whatever a config says.
  for (const key of ["attention_bias", "mlp_bias"]) reader.flag(key, false);
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers: readLayers(reader, facts),
    heads,
    keyHeads,
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-5),
    rope,
    window: reader.value("sliding_window") === undefined ? 0 : reader.count("sliding_window"),
    maxTokens: longestConversation(rope, maxPositions),
  };
}

function planPhi3(settings: Phi3Settings): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers, rope } = settings;
  const hidden = paddedSize(hiddenSize);
  const inner = paddedSize(settings.intermediateSize);
  const head = paddedHeadDim(headDim, rotaryDim(rope, headDim));
  const plan: BackbonePlan = {
    family: phi3,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: true,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: phi3Tensors(settings),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    owns: names.owns,
    layerOf: names.layerOf,
    rowSizes: {
      widest: Math.max(hidden, heads * head),
      // hidden, normed; queries, keys and values as products give them and as attention takes them; mixed
      layer: hidden + (3 * heads + 5 * keyHeads) * head,
      feedForward: hidden + inner,
      widestFeedForward: inner,
      waiting: hidden + 2 * (8 + head),
      kept: layers * 2 * keyHeads * head,
    },
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: [new RopeTable(rope, headDim)],
        open: async (loader) => new Phi3Layers(settings, await loader.vector(names.finalNorm)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: Phi3Settings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, window } = settings;
  return [
    [
      "attention",
      `${heads} heads over ${keyHeads} key heads of ${headDim}` +
      (window === 0 ? "" : `, window ${window}`),
    ],
    ["feed-forward", `${settings.intermediateSize}`],
    ["rope", describeRope(settings.rope)],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function phi3Tensors(settings: Phi3Settings): ExpectedTensors {
  const { hiddenSize, intermediateSize, heads, keyHeads, headDim } = settings;
  const tensors = new Map<string, readonly number[]>([
    [names.embedding, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const set = (name: string, ...shape: number[]) =>
      tensors.set(`${names.layerPrefix(layer)}${name}.weight`, shape);
    set("input_layernorm", hiddenSize);
    set("self_attn.qkv_proj", (heads + 2 * keyHeads) * headDim, hiddenSize);
    set("self_attn.o_proj", hiddenSize, heads * headDim);
    set("post_attention_layernorm", hiddenSize);
    set("mlp.gate_up_proj", 2 * intermediateSize, hiddenSize);
    set("mlp.down_proj", hiddenSize, intermediateSize);
  }
  return tensors;
}

/** The weights of one layer. */
interface Phi3Layer extends GatedFeedForward {
  readonly inputNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedForwardNorm: Matrix;
}

class Phi3Layers implements LayerArithmetic<Phi3Layer> {
  /** Numbers of a head on the backend, and how the heads lie there. */
  readonly #headDim: number;
  readonly #heads: ReturnType<typeof byHead>;

  constructor(readonly settings: Phi3Settings, readonly finalNorm: Matrix) {
    const { headDim, rope } = settings;
    const turned = rotaryDim(rope, headDim);
    this.#headDim = paddedHeadDim(headDim, turned);
    this.#heads = byHead(headDim, turned);
  }

  async load(loader: WeightLoader, layer: number): Promise<Phi3Layer> {
    const { heads, keyHeads, headDim, intermediateSize } = this.settings;
    const prefix = names.layerPrefix(layer);
    const every = (heads + 2 * keyHeads) * headDim;
    const ofHeads = (from: number, count: number) => ({
      outputs: unpacked({ every, from: from * headDim, count: count * headDim }, this.#heads),
    });
    const half = (from: number) => ({
      outputs: unpacked({ every: 2 * intermediateSize, from, count: intermediateSize }, padded),
    });
    return {
      inputNorm: await loader.vector(`${prefix}input_layernorm.weight`),
      ...await loader.linears(`${prefix}self_attn.qkv_proj`, false, {
        query: ofHeads(0, heads),
        key: ofHeads(heads, keyHeads),
        value: ofHeads(heads + keyHeads, keyHeads),
      }),
      output: await loader.linear(`${prefix}self_attn.o_proj`, false, { inputs: this.#heads }),
      feedForwardNorm: await loader.vector(`${prefix}post_attention_layernorm.weight`),
      ...await loader.linears(`${prefix}mlp.gate_up_proj`, false, {
        gate: half(0),
        up: half(intermediateSize),
      }),
      down: await loader.linear(`${prefix}mlp.down_proj`, false),
    };
  }

  products({ query, key, value, output, gate, up, down }: Phi3Layer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  run(stream: PackStream, weights: Phi3Layer, layer: number): void {
    this.#addAttention(stream, weights, layer);
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = this.#norm(stream.backend, hidden, weights.feedForwardNorm);
      addGatedFeedForward(stream.backend, normed, weights, hidden);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: Phi3Layer, layer: number): void {
    const { backend } = stream;
    const { layers, window } = this.settings;
    let input = this.#norm(backend, stream.hidden, weights.inputNorm);
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      input,
      weights,
      layer,
      layer < layers - 1,
    );
    const keys = turned(backend, unturned, stream.keyAngles(), this.#headDim);
    if (layer === layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, weights.inputNorm);
    }
    const asking = asked ?? linear(backend, input, weights.query);
    const queries = turned(backend, asking, stream.queryAngles(), this.#headDim);
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.settings, window);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
  }

  #norm(backend: Backend, input: Matrix, weight: Matrix): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    return rmsNormed(backend, input, { weight, epsilon }, "operand");
  }

  finish({ backend, hidden }: PackStream): Matrix {
    const { finalNorm: weight, settings: { rmsEpsilon: epsilon } } = this;
    return rmsNormed(backend, hidden, { weight, epsilon });
  }
}
