import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import type { Backend } from "../ops/backend.ts";
import {
  asStored,
  byHead,
  type LayOut,
  paddedHeadDim,
  paddedSize,
  unpacked,
} from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { addGatedFeedForward, type GatedFeedForward } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import { gated, type LinearAttention, linearAttention } from "./blocks/linear_attention.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { headNormed, rmsNormed } from "./blocks/rms_norm.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { type Qwen35Settings, readSettings } from "./qwen3_5_settings.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, rotaryDim } from "./rope_settings.ts";
import { namesUnder, type TensorNames } from "./tensor_names.ts";

/**
 * Qwen3.5's part for text, as `transformers` names and stores it. Three of four layers have linear
 * attention with a state, the gated delta rule (Yang et al. 2024, arXiv 2412.06464), after a short
 * convolution; the fourth has softmax attention whose result goes through a gate. Norms but that of the
 * states are stored as what they differ from 1 by.
 *
 *     x += (attention(norm(x)) * sigmoid(gate)) · output     q, k normed by head, a part of them turned
 *     x += (norm(states(norm(x))) * silu(gate)) · output     in layers of linear attention
 *     x += (silu(h · gate) * (h · up)) · down                with h = norm(x)
 */
export const qwen35: Family = {
  modelType: "qwen3_5_text",
  className: "Qwen3_5Text",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const settings = readQwen35(reader, facts, warn);
    return planQwen35(qwen35, settings);
  },
};

/** Reads the settings of the part for text, every key of them. */
export function readQwen35(
  { config, name }: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): Qwen35Settings {
  const reader = new ConfigReader(withoutImages(config), name);
  refuseUnsupported(reader, ["partial_rotary_factor"]);
  const settings = readSettings(reader, facts, warn);
  refuseUnknown(reader, facts, warn);
  return settings;
}

/** How a rope is divided among time, height and width says nothing in texts: the three are one number. */
function withoutImages(config: ModelFacts["config"]): ModelFacts["config"] {
  const { rope_parameters: rope } = config;
  if (typeof rope !== "object" || rope === null || Array.isArray(rope)) return config;
  const others = Object.entries(rope).filter(([key]) => !/^mrope_(section|interleaved)$/.test(key));
  return { ...config, rope_parameters: Object.fromEntries(others) };
}

/** A plan of the part for text, whose tensors have these names. */
export function planQwen35(
  family: Family,
  settings: Qwen35Settings,
  names: TensorNames = namesUnder("model."),
): BackbonePlan {
  const { hiddenSize, intermediateSize, heads, keyHeads, headDim, layers, rope, states } = settings;
  const hidden = paddedSize(hiddenSize);
  const inner = paddedSize(intermediateSize);
  const head = paddedHeadDim(headDim, rotaryDim(rope, headDim));
  const plan: BackbonePlan = {
    family,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: true,
    recurrent: true,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: qwen35Tensors(settings, names),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    owns: names.owns,
    layerOf: names.layerOf,
    // Of layers that foretell more tokens, as in transformers.
    needless: (tensor) => tensor.startsWith("mtp."),
    rowSizes: {
      widest: Math.max(hidden, heads * head, states.keys, states.values),
      // hidden, normed; queries, keys and values as products give them and as attention takes them,
      // mixed, the gate; or the same of linear attention, convolved
      layer: 2 * hidden + Math.max(
        (4 * heads + 5 * keyHeads) * head,
        2 * (2 * states.keys + states.values) + 2 * states.values + 2 * states.heads,
      ),
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
          new Qwen35Layers(settings, names, await loader.vector(names.finalNorm, 1)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: Qwen35Settings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, linear, layers, states } = settings;
  const full = linear.filter((isLinear) => !isLinear).length;
  return [
    [
      "attention",
      `${heads} heads over ${keyHeads} key heads of ${headDim}, queries and keys normed, gated, in ` +
      `${full} of ${layers} layers`,
    ],
    [
      "linear",
      `${states.heads} states of ${states.keyDim} × ${states.valueDim} over ${states.keyHeads} key ` +
      `heads, convolved over ${states.taps} tokens, in ${layers - full} layers`,
    ],
    ["feed-forward", `${settings.intermediateSize}`],
    ["rope", describeRope(settings.rope)],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function qwen35Tensors(settings: Qwen35Settings, names: TensorNames): ExpectedTensors {
  const { hiddenSize, intermediateSize, heads, keyHeads, headDim, states } = settings;
  const tensors = new Map<string, readonly number[]>([
    [names.embedding, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  settings.linear.forEach((isLinear, layer) => {
    const prefix = names.layerPrefix(layer);
    const set = (name: string, ...shape: number[]) => tensors.set(`${prefix}${name}.weight`, shape);
    const map = (name: string, outputs: number, inputs: number): void => {
      set(name, outputs, inputs);
      if (settings.biases) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    set("input_layernorm", hiddenSize);
    if (isLinear) {
      set("linear_attn.in_proj_qkv", 2 * states.keys + states.values, hiddenSize);
      set("linear_attn.in_proj_z", states.values, hiddenSize);
      set("linear_attn.in_proj_b", states.heads, hiddenSize);
      set("linear_attn.in_proj_a", states.heads, hiddenSize);
      set("linear_attn.conv1d", 2 * states.keys + states.values, 1, states.taps);
      tensors.set(`${prefix}linear_attn.A_log`, [states.heads]);
      tensors.set(`${prefix}linear_attn.dt_bias`, [states.heads]);
      set("linear_attn.norm", states.valueDim);
      set("linear_attn.out_proj", hiddenSize, states.values);
    } else {
      map("self_attn.q_proj", 2 * heads * headDim, hiddenSize);
      map("self_attn.k_proj", keyHeads * headDim, hiddenSize);
      map("self_attn.v_proj", keyHeads * headDim, hiddenSize);
      map("self_attn.o_proj", hiddenSize, heads * headDim);
      set("self_attn.q_norm", headDim);
      set("self_attn.k_norm", headDim);
    }
    set("post_attention_layernorm", hiddenSize);
    set("mlp.gate_proj", intermediateSize, hiddenSize);
    set("mlp.up_proj", intermediateSize, hiddenSize);
    set("mlp.down_proj", hiddenSize, intermediateSize);
  });
  return tensors;
}

/** The weights of softmax attention with a gate. */
interface GatedAttention {
  readonly query: Linear;
  readonly gate: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly queryNorm: Matrix;
  readonly keyNorm: Matrix;
}

/** The weights of one layer. */
interface Qwen35Layer extends GatedFeedForward {
  readonly inputNorm: Matrix;
  readonly attention: GatedAttention | LinearAttention;
  readonly output: Linear;
  readonly feedForwardNorm: Matrix;
}

class Qwen35Layers implements LayerArithmetic<Qwen35Layer> {
  /** Numbers of a head on the backend, and how the heads lie there. */
  readonly #headDim: number;
  readonly #heads: LayOut;
  readonly otherKind: number | undefined;

  constructor(
    readonly settings: Qwen35Settings,
    readonly names: TensorNames,
    readonly finalNorm: Matrix,
  ) {
    const { headDim, rope, linear } = settings;
    const other = linear.findIndex((isLinear) => isLinear !== linear[0]);
    this.otherKind = other < 0 ? undefined : other;
    const turned = rotaryDim(rope, headDim);
    this.#headDim = paddedHeadDim(headDim, turned);
    this.#heads = byHead(headDim, turned);
  }

  async load(loader: WeightLoader, layer: number): Promise<Qwen35Layer> {
    const { linear: areLinear, biases } = this.settings;
    const prefix = this.names.layerPrefix(layer);
    const map = (name: string): Promise<Linear> => loader.linear(prefix + name, false);
    const heads = this.#heads;
    return {
      inputNorm: await loader.vector(`${prefix}input_layernorm.weight`, 1),
      attention: areLinear[layer]
        ? await this.#loadLinear(loader, `${prefix}linear_attn.`)
        : await this.#loadAttention(loader, `${prefix}self_attn.`),
      output: areLinear[layer]
        ? await map("linear_attn.out_proj")
        : await loader.linear(`${prefix}self_attn.o_proj`, biases, { inputs: heads }),
      feedForwardNorm: await loader.vector(`${prefix}post_attention_layernorm.weight`, 1),
      gate: await map("mlp.gate_proj"),
      up: await map("mlp.up_proj"),
      down: await map("mlp.down_proj"),
    };
  }

  async #loadAttention(loader: WeightLoader, prefix: string): Promise<GatedAttention> {
    const { headDim, biases } = this.settings;
    const heads = this.#heads;
    const half = (from: number) => ({
      outputs: unpacked({ every: 2 * headDim, from, count: headDim }, heads),
    });
    return {
      ...await loader.linears(`${prefix}q_proj`, biases, { query: half(0), gate: half(headDim) }),
      key: await loader.linear(`${prefix}k_proj`, biases, { outputs: heads }),
      value: await loader.linear(`${prefix}v_proj`, biases, { outputs: heads }),
      queryNorm: await loader.vector(`${prefix}q_norm.weight`, 1, heads),
      keyNorm: await loader.vector(`${prefix}k_norm.weight`, 1, heads),
    };
  }

  async #loadLinear(loader: WeightLoader, prefix: string): Promise<LinearAttention> {
    const { states: { keys, values, heads, keyDim, taps }, rmsEpsilon: epsilon } = this.settings;
    const read = async (name: string) => toFloat32(await loader.checkpoint.read(prefix + name));
    const every = 2 * keys + values;
    const part = (from: number, count: number) => ({
      outputs: unpacked({ every, from, count }, asStored),
    });
    const maps = await loader.linears(`${prefix}in_proj_qkv`, false, {
      query: part(0, keys),
      key: part(keys, keys),
      value: part(2 * keys, values),
    });
    const convolutions = await read("conv1d.weight");
    const convolution = (from: number, count: number): Matrix =>
      loader.constant(convolutions.slice(from * taps, (from + count) * taps)).reshape(count, taps);
    const offsets = await read("dt_bias");
    const rates = (await read("A_log")).map((x) => -Math.exp(x));
    // x / √(Σ x² + 1e-6), as a root mean square norm.
    const toLength = (length: number) => ({
      weight: loader.constant(new Float32Array(keyDim).fill(length / Math.sqrt(keyDim))),
      epsilon: 1e-6 / keyDim,
    });
    const plain = { outputs: asStored };
    return {
      query: { map: maps.query, convolution: convolution(0, keys) },
      key: { map: maps.key, convolution: convolution(keys, keys) },
      value: { map: maps.value, convolution: convolution(2 * keys, values) },
      decay: await loader.linear(`${prefix}in_proj_a`, false, plain),
      strength: await loader.linear(`${prefix}in_proj_b`, false, plain),
      parameters: loader.constant(Float32Array.of(...rates, ...offsets)).reshape(2, heads),
      queryNorm: toLength(1 / Math.sqrt(keyDim)),
      keyNorm: toLength(1),
      norm: { weight: await loader.vector(`${prefix}norm.weight`, 0, asStored), epsilon },
      gate: await loader.linear(`${prefix}in_proj_z`, false, plain),
    };
  }

  products({ attention, output, gate, up, down }: Qwen35Layer): readonly Weight[] {
    const maps = "decay" in attention
      ? [attention.query.map, attention.key.map, attention.value.map, attention.gate]
      : [attention.query, attention.gate, attention.key, attention.value];
    return [...maps, output, gate, up, down].map(({ weight }) => weight);
  }

  run(stream: PackStream, weights: Qwen35Layer, layer: number): void {
    const { backend } = stream;
    const { attention, output } = weights;
    const mixed = "decay" in attention
      ? this.#linearAttention(stream, weights, attention, layer)
      : this.#gatedAttention(stream, weights, attention, layer);
    addLinear(backend, mixed, output, stream.hidden);
    backend.release(mixed);
    for (const hidden of stream.feedForwardBlocks()) {
      addGatedFeedForward(
        backend,
        this.#norm(backend, hidden, weights.feedForwardNorm),
        weights,
        hidden,
      );
    }
  }

  /** In the last layer only the pooled rows need what follows; the states go through all rows. */
  #linearAttention(
    stream: PackStream,
    { inputNorm }: Qwen35Layer,
    attention: LinearAttention,
    layer: number,
  ): Matrix {
    const { backend } = stream;
    const input = this.#norm(backend, stream.hidden, inputNorm);
    const mixed = linearAttention(stream, input, attention, this.settings.states);
    backend.release(input);
    if (layer < this.settings.layers - 1) return mixed;
    stream.narrow();
    return stream.pooledRows(mixed);
  }

  /** In the last layer only the pooled rows need queries and what follows. */
  #gatedAttention(
    stream: PackStream,
    { inputNorm }: Qwen35Layer,
    attention: GatedAttention,
    layer: number,
  ): Matrix {
    const { backend } = stream;
    const { layers, rmsEpsilon: epsilon } = this.settings;
    const turnedHeads = (input: Matrix, weight: Matrix, angles: Matrix): Matrix =>
      turned(backend, headNormed(backend, input, { weight, epsilon }), angles, this.#headDim);
    let input = this.#norm(backend, stream.hidden, inputNorm);
    const { keys: plain, values, asked } = keysAndValues(
      stream,
      input,
      attention,
      layer,
      layer < layers - 1,
    );
    const keys = turnedHeads(plain, attention.keyNorm, stream.keyAngles());
    if (layer === layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, inputNorm);
    }
    const asking = asked ?? linear(backend, input, attention.query);
    const queries = turnedHeads(asking, attention.queryNorm, stream.queryAngles());
    const gate = linear(backend, input, attention.gate);
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.settings, 0);
    return gated(backend, gate, mixed, "sigmoid");
  }

  #norm(backend: Backend, input: Matrix, weight: Matrix): Matrix {
    return rmsNormed(backend, input, { weight, epsilon: this.settings.rmsEpsilon });
  }

  finish({ backend, hidden }: PackStream): Matrix {
    return this.#norm(backend, hidden, this.finalNorm);
  }
}
