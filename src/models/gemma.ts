import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend } from "../ops/backend.ts";
import { byHead, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { type GatedFeedForward, gatedInner } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { rmsNormed } from "./blocks/rms_norm.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { namesUnder } from "./tensor_names.ts";
import { oddHeadDim, unsupported } from "./unsupported.ts";

/** Everything that the arithmetic depends on. */
export interface GemmaOneSettings {
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

const activation = "gelu_pytorch_tanh";
const names = namesUnder("model.");

/**
 * Gemma (Gemma Team 2024, arXiv 2403.08295), the first: Llama's layers with norms weighted by 1 + w and
 * gelu in the gate, after embeddings that are scaled by √hidden.
 *
 *     x  = token · √hidden
 *     x += attention(norm(x)) · output          q, k turned by rope; grouped queries; causal
 *     x += (gelu(h · gate) * (h · up)) · down   with h = norm(x)
 */
export const gemma: Family = {
  modelType: "gemma",
  className: "Gemma",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const settings = readSettings(reader, warn);
    refuseUnknown(reader, facts, warn);
    return planGemmaOne(settings);
  },
};

/** Reads the settings, in the spellings of transformers 4 and 5. */
function readSettings(reader: ConfigReader, warn: (message: string) => void): GemmaOneSettings {
  refuseUnsupported(reader, ["hidden_act", "hidden_activation"]);
  refuseActivation(reader);
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads");
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  const headDim = reader.count("head_dim", 256);
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const maxPositions = reader.count("max_position_embeddings", 8192);
  const rope = readRope(reader, { maxPositions, headDim, warn });
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize: reader.count("hidden_size"),
    intermediateSize: reader.count("intermediate_size"),
    layers: reader.count("num_hidden_layers"),
    heads,
    keyHeads,
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    attentionBiases: reader.flag("attention_bias", false),
    maxTokens: longestConversation(rope, maxPositions),
  };
}

/** `hidden_act` of the first configs says "gelu" and means its tanh form, as `transformers` knows. */
function refuseActivation(reader: ConfigReader): void {
  const act = reader.value("hidden_act") ?? activation;
  if (act !== activation && act !== "gelu") {
    throw unsupported(reader, "hidden_act", activation, act);
  }
  const other = reader.value("hidden_activation") ?? activation;
  if (other !== activation) throw unsupported(reader, "hidden_activation", activation, other);
}

function planGemmaOne(settings: GemmaOneSettings): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers, rope } = settings;
  const hidden = paddedSize(hiddenSize);
  const inner = paddedSize(settings.intermediateSize);
  const head = paddedHeadDim(headDim);
  const plan: BackbonePlan = {
    family: gemma,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: true,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: gemmaTensors(settings),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    tiedByDefault: true,
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
        open: async (loader) => new GemmaOneLayers(settings, await normOf(loader, names.finalNorm)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: GemmaOneSettings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim } = settings;
  return [
    ["attention", `${heads} heads over ${keyHeads} key heads of ${headDim}`],
    ["feed-forward", `${settings.intermediateSize}, gated by ${activation}`],
    ["rope", describeRope(settings.rope)],
    ["biases", settings.attentionBiases ? "attention" : "none"],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function gemmaTensors(settings: GemmaOneSettings): ExpectedTensors {
  const { hiddenSize, intermediateSize, headDim, attentionBiases } = settings;
  const queries = settings.heads * headDim;
  const keys = settings.keyHeads * headDim;
  const tensors = new Map<string, readonly number[]>([
    [names.embedding, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = names.layerPrefix(layer);
    const set = (name: string, ...shape: number[]) => tensors.set(`${prefix}${name}.weight`, shape);
    const ofAttention = (name: string, outputs: number, inputs: number): void => {
      set(`self_attn.${name}`, outputs, inputs);
      if (attentionBiases) tensors.set(`${prefix}self_attn.${name}.bias`, [outputs]);
    };
    set("input_layernorm", hiddenSize);
    ofAttention("q_proj", queries, hiddenSize);
    ofAttention("k_proj", keys, hiddenSize);
    ofAttention("v_proj", keys, hiddenSize);
    ofAttention("o_proj", hiddenSize, queries);
    set("post_attention_layernorm", hiddenSize);
    set("mlp.gate_proj", intermediateSize, hiddenSize);
    set("mlp.up_proj", intermediateSize, hiddenSize);
    set("mlp.down_proj", hiddenSize, intermediateSize);
  }
  return tensors;
}

/** A norm's weight: stored is what it differs from 1 by. */
function normOf(loader: WeightLoader, name: string): Promise<Matrix> {
  return loader.vector(name, 1);
}

/** The weights of one layer. */
interface GemmaOneLayer extends GatedFeedForward {
  readonly inputNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedForwardNorm: Matrix;
}

class GemmaOneLayers implements LayerArithmetic<GemmaOneLayer> {
  constructor(readonly settings: GemmaOneSettings, readonly finalNorm: Matrix) {}

  async load(loader: WeightLoader, layer: number): Promise<GemmaOneLayer> {
    const { attentionBiases: bias, headDim } = this.settings;
    const prefix = names.layerPrefix(layer);
    const heads = byHead(headDim);
    const ofHeads = (name: string): Promise<Linear> =>
      loader.linear(`${prefix}self_attn.${name}`, bias, { outputs: heads });
    const map = (name: string): Promise<Linear> => loader.linear(`${prefix}mlp.${name}`, false);
    return {
      inputNorm: await normOf(loader, `${prefix}input_layernorm.weight`),
      query: await ofHeads("q_proj"),
      key: await ofHeads("k_proj"),
      value: await ofHeads("v_proj"),
      output: await loader.linear(`${prefix}self_attn.o_proj`, bias, { inputs: heads }),
      feedForwardNorm: await normOf(loader, `${prefix}post_attention_layernorm.weight`),
      gate: await map("gate_proj"),
      up: await map("up_proj"),
      down: await map("down_proj"),
    };
  }

  products({ query, key, value, output, gate, up, down }: GemmaOneLayer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  /** Scales the embeddings by √hidden, rounded as the reference in float32 rounds it. */
  embed(embedded: Float32Array): void {
    const scale = Math.fround(Math.sqrt(this.settings.hiddenSize));
    for (let i = 0; i < embedded.length; i++) embedded[i]! *= scale;
  }

  run(stream: PackStream, weights: GemmaOneLayer, layer: number): void {
    const { backend } = stream;
    this.#addAttention(stream, weights, layer);
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = this.#norm(backend, hidden, weights.feedForwardNorm);
      const inner = gatedInner(backend, normed, weights, "gelu_tanh");
      addLinear(backend, inner, weights.down, hidden);
      backend.release(inner);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: GemmaOneLayer, layer: number): void {
    const { backend } = stream;
    let input = this.#norm(backend, stream.hidden, weights.inputNorm);
    const { keys: unturned, values } = keysAndValues(stream, input, weights, layer);
    const keys = turned(backend, unturned, stream.keyAngles());
    if (layer === this.settings.layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, weights.inputNorm);
    }
    const queries = turned(backend, linear(backend, input, weights.query), stream.queryAngles());
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.settings, 0);
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
