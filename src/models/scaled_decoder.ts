import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import type { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Activation } from "../ops/activation.ts";
import type { Backend, MatrixUse } from "../ops/backend.ts";
import { byHead, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { type GatedFeedForward, gatedInner } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { rmsNormed } from "./blocks/rms_norm.ts";
import { attend, type AttentionShape, keysAndValues, turned } from "./blocks/self_attention.ts";
import { readLayers } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { namesUnder } from "./tensor_names.ts";
import { oddHeadDim } from "./unsupported.ts";

/** What a config says of sizes and positions, by the same keys in every family of this kind. */
export interface DecoderSizes {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly rope: RopeSettings;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

/** Everything that the arithmetic depends on. */
export interface ScaledDecoderSettings extends DecoderSizes {
  readonly rmsEpsilon: number;
  /** What is added to a norm's weights as they are stored. */
  readonly normOffset: 0 | 1;
  readonly activation: Activation;
  /** Whether linear maps have biases. */
  readonly biases: { readonly attention: boolean; readonly feedForward: boolean };
  /** What embeddings are multiplied by. */
  readonly embeddingScale: number;
  /** What attention scores are multiplied by. */
  readonly attentionScale: number;
  /** What each block's result is multiplied by before it joins the residual stream. */
  readonly residualScale: number;
  /** What a causal model's logits are multiplied by. */
  readonly logitScale: number;
}

const names = namesUnder("model.");

/** What sizes are read with. */
export interface SizesReading {
  readonly facts: ModelFacts;
  /** What the class in `transformers` takes where the config names none; by default it must. */
  readonly usual: { readonly headDim?: number; readonly maxPositions: number };
  readonly warn: (message: string) => void;
}

/** Reads the sizes, in the spellings of transformers 4 and 5. */
export function readSizes(
  reader: ConfigReader,
  { facts, usual, warn }: SizesReading,
): DecoderSizes {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  const headDim = reader.count("head_dim", usual.headDim ?? hiddenSize / heads);
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const maxPositions = reader.count("max_position_embeddings", usual.maxPositions);
  const rope = readRope(reader, { maxPositions, headDim, warn });
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers: readLayers(reader, facts),
    heads,
    keyHeads,
    headDim,
    rope,
    maxTokens: longestConversation(rope, maxPositions),
  };
}

/**
 * The plan of a backbone with Llama's layers and a scale at each step: a is `embeddingScale`, r
 * `residualScale`, norms are weighted by `normOffset` + w:
 *
 *     x  = token · a
 *     x += r · attention(norm(x)) · output                 q, k turned by rope; grouped queries; causal
 *     x += r · (activation(h · gate) * (h · up)) · down    with h = norm(x)
 *
 * The stream is held as x / r: so the blocks join it as they are, and a norm of x is that of x / r with
 * ε / r² in place of ε.
 */
export function planScaledDecoder(family: Family, settings: ScaledDecoderSettings): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers, rope } = settings;
  const hidden = paddedSize(hiddenSize);
  const inner = paddedSize(settings.intermediateSize);
  const head = paddedHeadDim(headDim);
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
    tensors: decoderTensors(settings),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    logitScale: settings.logitScale === 1 ? undefined : settings.logitScale,
    streamScale: settings.residualScale === 1 ? undefined : settings.residualScale,
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
        open: async (loader) =>
          new ScaledLayers(settings, await loader.vector(names.finalNorm, settings.normOffset)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: ScaledDecoderSettings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, biases, activation } = settings;
  const named = Object.entries(biases).filter(([, is]) => is).map(([name]) => name);
  const scales = {
    embeddings: settings.embeddingScale,
    "attention scores": settings.attentionScale,
    blocks: settings.residualScale,
    logits: settings.logitScale,
  };
  const told = Object.entries(scales).filter(([, scale]) => scale !== 1).map(([name, scale]) =>
    `${name} ${Number(scale.toPrecision(6))}`
  );
  return [
    ["attention", `${heads} heads over ${keyHeads} key heads of ${headDim}`],
    ["feed-forward", `${settings.intermediateSize}, gated by ${activation}`],
    ["rope", describeRope(settings.rope)],
    ["biases", named.length === 0 ? "none" : named.join(", ")],
    ["scales", told.length === 0 ? "none" : told.join(", ")],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function decoderTensors(settings: ScaledDecoderSettings): ExpectedTensors {
  const { hiddenSize, intermediateSize, headDim, biases } = settings;
  const queries = settings.heads * headDim;
  const keys = settings.keyHeads * headDim;
  const tensors = new Map<string, readonly number[]>([
    [names.embedding, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = names.layerPrefix(layer);
    const set = (name: string, ...shape: number[]) => tensors.set(`${prefix}${name}.weight`, shape);
    const linear = (name: string, outputs: number, inputs: number, bias: boolean): void => {
      set(name, outputs, inputs);
      if (bias) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    set("input_layernorm", hiddenSize);
    linear("self_attn.q_proj", queries, hiddenSize, biases.attention);
    linear("self_attn.k_proj", keys, hiddenSize, biases.attention);
    linear("self_attn.v_proj", keys, hiddenSize, biases.attention);
    linear("self_attn.o_proj", hiddenSize, queries, biases.attention);
    set("post_attention_layernorm", hiddenSize);
    linear("mlp.gate_proj", intermediateSize, hiddenSize, biases.feedForward);
    linear("mlp.up_proj", intermediateSize, hiddenSize, biases.feedForward);
    linear("mlp.down_proj", hiddenSize, intermediateSize, biases.feedForward);
  }
  return tensors;
}

/** The weights of one layer. */
interface ScaledLayer extends GatedFeedForward {
  readonly inputNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedForwardNorm: Matrix;
}

class ScaledLayers implements LayerArithmetic<ScaledLayer> {
  readonly #attention: AttentionShape;

  constructor(readonly settings: ScaledDecoderSettings, readonly finalNorm: Matrix) {
    const { heads, keyHeads, headDim, attentionScale: scale } = settings;
    this.#attention = { heads, keyHeads, headDim, scale };
  }

  async load(loader: WeightLoader, layer: number): Promise<ScaledLayer> {
    const { biases, headDim, normOffset } = this.settings;
    const prefix = names.layerPrefix(layer);
    const heads = byHead(headDim);
    const ofHeads = (name: string): Promise<Linear> =>
      loader.linear(`${prefix}self_attn.${name}`, biases.attention, { outputs: heads });
    const map = (name: string): Promise<Linear> =>
      loader.linear(`${prefix}mlp.${name}`, biases.feedForward);
    const norm = (name: string): Promise<Matrix> =>
      loader.vector(`${prefix}${name}.weight`, normOffset);
    return {
      inputNorm: await norm("input_layernorm"),
      query: await ofHeads("q_proj"),
      key: await ofHeads("k_proj"),
      value: await ofHeads("v_proj"),
      output: await loader.linear(`${prefix}self_attn.o_proj`, biases.attention, {
        inputs: heads,
      }),
      feedForwardNorm: await norm("post_attention_layernorm"),
      gate: await map("gate_proj"),
      up: await map("up_proj"),
      down: await map("down_proj"),
    };
  }

  products({ query, key, value, output, gate, up, down }: ScaledLayer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  /** Embeddings as the stream holds them. */
  embed(embedded: Float32Array): void {
    const { embeddingScale, residualScale } = this.settings;
    const scale = Math.fround(embeddingScale / residualScale);
    for (let i = 0; i < embedded.length; i++) embedded[i]! *= scale;
  }

  run(stream: PackStream, weights: ScaledLayer, layer: number): void {
    const { backend } = stream;
    this.#addAttention(stream, weights, layer);
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = this.#norm(backend, hidden, weights.feedForwardNorm);
      const inner = gatedInner(backend, normed, weights, this.settings.activation);
      addLinear(backend, inner, weights.down, hidden);
      backend.release(inner);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: ScaledLayer, layer: number): void {
    const { backend } = stream;
    let input = this.#norm(backend, stream.hidden, weights.inputNorm);
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
      input = this.#norm(backend, stream.hidden, weights.inputNorm);
    }
    const queries = turned(
      backend,
      asked ?? linear(backend, input, weights.query),
      stream.queryAngles(),
    );
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.#attention, 0);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
  }

  /** The norm of the stream's true value, which it holds divided by `residualScale`. */
  #norm(backend: Backend, input: Matrix, weight: Matrix, use: MatrixUse = "operand"): Matrix {
    const { rmsEpsilon, residualScale } = this.settings;
    return rmsNormed(backend, input, { weight, epsilon: rmsEpsilon / residualScale ** 2 }, use);
  }

  finish({ backend, hidden }: PackStream): Matrix {
    return this.#norm(backend, hidden, this.finalNorm, "rows");
  }
}
