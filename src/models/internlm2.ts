import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend } from "../ops/backend.ts";
import { byHead, paddedHeadDim, paddedSize, unpacked } from "../ops/layout.ts";
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
import { describeRope, longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { namesUnder } from "./tensor_names.ts";
import { oddHeadDim } from "./unsupported.ts";

/** Everything that the arithmetic depends on. */
export interface InternLm2Settings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly rmsEpsilon: number;
  readonly rope: RopeSettings;
  /** Whether the attention's linear maps have biases. */
  readonly attentionBiases: boolean;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

const embeddingName = "model.tok_embeddings.weight";
const names = namesUnder("model.");

/**
 * InternLM2 (Cai et al. 2024, arXiv 2403.17297), as the `modeling_internlm2.py` of its published folders
 * names and stores it; transformers itself has no such class. It computes with Llama's layers. Queries, keys
 * and values are one packed map, in which each key head stands after the queries that share it:
 *
 *     wqkv [keyHeads, queries of a key head + 2, headDim], then wo
 *     w2 · (silu(w1 · h) * (w3 · h))
 */
export const internLm2: Family = {
  modelType: "internlm2",
  className: "InternLM2",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    refuseUnsupported(reader, ["bias"]);
    const settings = readSettings(reader, facts, warn);
    refuseUnknown(reader, facts, warn);
    return planInternLm2(settings);
  },
};

/** Reads the settings; what a config leaves out has the value that the published config class gives it. */
function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): InternLm2Settings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  if (hiddenSize % heads !== 0) {
    throw reader.unexpected("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`, heads);
  }
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  const headDim = hiddenSize / heads;
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const maxPositions = reader.count("max_position_embeddings");
  // The class has no other type of rope.
  const types = { default: "default", linear: "linear", dynamic: "dynamic" };
  const rope = readRope(reader, { maxPositions, headDim, types, warn });
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers: readLayers(reader, facts),
    heads,
    keyHeads,
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    attentionBiases: reader.flag("bias", true),
    maxTokens: longestConversation(rope, maxPositions),
  };
}

function planInternLm2(settings: InternLm2Settings): BackbonePlan {
  const { layers, heads, keyHeads, headDim, rope } = settings;
  const hidden = paddedSize(settings.hiddenSize);
  const inner = paddedSize(settings.intermediateSize);
  const head = paddedHeadDim(headDim);
  const plan: BackbonePlan = {
    family: internLm2,
    hiddenSize: settings.hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: true,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: internLm2Tensors(settings),
    embeddingName,
    languageHeadName: "output.weight",
    owns: names.owns,
    layerOf: names.layerOf,
    rowSizes: {
      widest: Math.max(hidden, heads * head),
      // normed; queries, keys and values as products give them and as attention takes them; mixed
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
        open: async (loader) => new InternLm2Layers(settings, await loader.vector(names.finalNorm)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: InternLm2Settings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim } = settings;
  return [
    ["attention", `${heads} heads over ${keyHeads} key heads of ${headDim}`],
    ["feed-forward", `${settings.intermediateSize}`],
    ["rope", describeRope(settings.rope)],
    ["biases", settings.attentionBiases ? "attention" : "none"],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function internLm2Tensors(settings: InternLm2Settings): ExpectedTensors {
  const { hiddenSize, intermediateSize, heads, keyHeads, headDim, attentionBiases } = settings;
  const tensors = new Map<string, readonly number[]>([
    [embeddingName, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = names.layerPrefix(layer);
    const linear = (name: string, outputs: number, inputs: number, bias = false): void => {
      tensors.set(`${prefix}${name}.weight`, [outputs, inputs]);
      if (bias) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    tensors.set(`${prefix}attention_norm.weight`, [hiddenSize]);
    linear("attention.wqkv", (heads + 2 * keyHeads) * headDim, hiddenSize, attentionBiases);
    linear("attention.wo", hiddenSize, hiddenSize, attentionBiases);
    tensors.set(`${prefix}ffn_norm.weight`, [hiddenSize]);
    linear("feed_forward.w1", intermediateSize, hiddenSize);
    linear("feed_forward.w3", intermediateSize, hiddenSize);
    linear("feed_forward.w2", hiddenSize, intermediateSize);
  }
  return tensors;
}

/** The weights of one layer. */
interface InternLm2Layer extends GatedFeedForward {
  readonly attentionNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedForwardNorm: Matrix;
}

class InternLm2Layers implements LayerArithmetic<InternLm2Layer> {
  constructor(readonly settings: InternLm2Settings, readonly finalNorm: Matrix) {}

  async load(loader: WeightLoader, layer: number): Promise<InternLm2Layer> {
    const { heads, keyHeads, headDim, attentionBiases: bias } = this.settings;
    const prefix = names.layerPrefix(layer);
    const asking = heads / keyHeads;
    const inGroup = (from: number, count: number) => {
      const part = {
        every: (asking + 2) * headDim,
        from: from * headDim,
        count: count * headDim,
      };
      return { outputs: unpacked(part, byHead(headDim)) };
    };
    return {
      attentionNorm: await loader.vector(`${prefix}attention_norm.weight`),
      ...await loader.linears(`${prefix}attention.wqkv`, bias, {
        query: inGroup(0, asking),
        key: inGroup(asking, 1),
        value: inGroup(asking + 1, 1),
      }),
      output: await loader.linear(`${prefix}attention.wo`, bias, { inputs: byHead(headDim) }),
      feedForwardNorm: await loader.vector(`${prefix}ffn_norm.weight`),
      gate: await loader.linear(`${prefix}feed_forward.w1`, false),
      up: await loader.linear(`${prefix}feed_forward.w3`, false),
      down: await loader.linear(`${prefix}feed_forward.w2`, false),
    };
  }

  products({ query, key, value, output, gate, up, down }: InternLm2Layer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  run(stream: PackStream, weights: InternLm2Layer, layer: number): void {
    this.#addAttention(stream, weights, layer);
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = this.#norm(stream.backend, hidden, weights.feedForwardNorm);
      addGatedFeedForward(stream.backend, normed, weights, hidden);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: InternLm2Layer, layer: number): void {
    const { backend } = stream;
    let input = this.#norm(backend, stream.hidden, weights.attentionNorm);
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      input,
      weights,
      layer,
      layer < this.settings.layers - 1,
    );
    const keys = turned(backend, unturned, stream.keyAngles());
    if (layer === this.settings.layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, weights.attentionNorm);
    }
    const asking = asked ?? linear(backend, input, weights.query);
    const queries = turned(backend, asking, stream.queryAngles());
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.settings, 0);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
  }

  #norm(backend: Backend, input: Matrix, weight: Matrix): Matrix {
    return rmsNormed(backend, input, { weight, epsilon: this.settings.rmsEpsilon }, "operand");
  }

  finish({ backend, hidden }: PackStream): Matrix {
    return rmsNormed(backend, hidden, {
      weight: this.finalNorm,
      epsilon: this.settings.rmsEpsilon,
    });
  }
}
