import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend } from "../ops/backend.ts";
import { byHead, type LayOut, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, MapLayout, WeightLoader } from "../ops/weight_loader.ts";
import { type GatedFeedForward, gatedInner } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { addRmsNormed, headNormed, rmsNormed } from "./blocks/rms_norm.ts";
import { attend, type AttentionShape, keysAndValues, turned } from "./blocks/self_attention.ts";
import { layerWindows, readLayers, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { namesUnder, type TensorNames } from "./tensor_names.ts";
import { oddHeadDim, unsupported } from "./unsupported.ts";

/** Everything that the arithmetic depends on, for Gemma 2 and for Gemma 3, which computes with its layers. */
export interface GemmaSettings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly rmsEpsilon: number;
  readonly rope: RopeSettings;
  /** The rope of layers with a window, where it is another. */
  readonly localRope?: RopeSettings;
  /** Sliding window of each layer, in tokens; 0 where a layer sees everything before it. */
  readonly windows: readonly number[];
  /** Whether the attention's linear maps have biases. */
  readonly attentionBiases: boolean;
  /** Whether queries and keys are normed by head before they are turned. */
  readonly queryKeyNorms: boolean;
  /** Attention scores are divided by the square root of this, whatever a head's size. */
  readonly queryScalar: number;
  /** Soft caps of attention scores, and of a causal model's logits; 0 for none. */
  readonly attentionSoftcap: number;
  readonly logitSoftcap: number;
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

const activation = "gelu_pytorch_tanh";

/**
 * Gemma 2 (Gemma Team 2024, arXiv 2408.00118), as `transformers` names and stores it. Norms before and
 * after each block, weighted by 1 + w; scores softly capped; windows in every other layer:
 *
 *     x  = token · √hidden
 *     x += norm(attention(norm(x)) · output)                q, k turned by rope; grouped queries; causal
 *     x += norm((gelu(h · gate) * (h · up)) · down)         with h = norm(x)
 */
export const gemma2: Family = {
  modelType: "gemma2",
  className: "Gemma2",
  padToken: 0,
  plan(facts, warn) {
    const { name, config } = facts;
    const reader = new ConfigReader(config, `${name}/config.json`);
    const settings = readSettings(reader, facts);
    refuseUnknown(reader, facts, warn);
    return planGemma(gemma2, settings);
  },
};

/**
 * Reads the settings, in the spellings of transformers 4 and 5. What a config leaves out has the value
 * that transformers gives it, but for sizes and windows, which it must name.
 */
function readSettings(reader: ConfigReader, facts: ModelFacts): GemmaSettings {
  refuseOthers(reader);
  const layers = readLayers(reader, facts);
  const maxPositions = reader.count("max_position_embeddings");
  const headDim = reader.count("head_dim", 256);
  const rope = readRope(reader, { maxPositions, headDim });
  const settings: GemmaSettings = {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize: reader.count("hidden_size"),
    intermediateSize: reader.count("intermediate_size"),
    layers,
    heads: reader.count("num_attention_heads"),
    keyHeads: reader.count("num_key_value_heads"),
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-6),
    rope,
    windows: layerWindows(reader, layers, () => everyOther(layers, reader.count("sliding_window"))),
    attentionBiases: reader.flag("attention_bias", false),
    queryKeyNorms: false,
    queryScalar: reader.positive("query_pre_attn_scalar", 256),
    attentionSoftcap: readSoftcap(reader, "attn_logit_softcapping", 50),
    logitSoftcap: readSoftcap(reader, "final_logit_softcapping", 30),
    maxTokens: longestConversation(rope, maxPositions),
  };
  checkSizes(settings, reader);
  return settings;
}

/** Refuses what neither Gemma computes with. */
export function refuseOthers(reader: ConfigReader): void {
  // transformers reads `hidden_activation`; published configs say the same in `hidden_act`.
  const activations = ["hidden_activation", "hidden_act"];
  const own = ["attn_logit_softcapping", "final_logit_softcapping", "query_pre_attn_scalar"];
  refuseUnsupported(reader, [...activations, ...own]);
  for (const key of activations) {
    const value = reader.value(key) ?? activation;
    if (value !== activation) throw unsupported(reader, key, activation, value);
  }
  // The first published configs have the window under two names, of which transformers reads one.
  const [window, other] = [reader.value("sliding_window"), reader.value("sliding_window_size")];
  if (other !== undefined && other !== window) {
    throw unsupported(reader, "sliding_window_size", `as sliding_window, ${window}`, other);
  }
}

/** Windows in the first layer, the third, and so on, where the config lists no types. */
function everyOther(layers: number, window: number): readonly number[] {
  return Array.from({ length: layers }, (_, layer) => layer % 2 === 0 ? window : 0);
}

/** A cap that `null` switches off, as in transformers; left out, it has the value that is usual. */
function readSoftcap(reader: ConfigReader, key: string, usual: number): number {
  const isOff = reader.value(key) === undefined && key in reader.config;
  return isOff ? 0 : reader.positive(key, usual);
}

export function checkSizes(settings: GemmaSettings, reader: ConfigReader): void {
  const { heads, keyHeads, headDim } = settings;
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
}

/** The plan of a backbone with Gemma's layers. */
export function planGemma(
  family: Family,
  settings: GemmaSettings,
  names: TensorNames = namesUnder("model."),
): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers } = settings;
  const { rope, localRope } = settings;
  const ropes = localRope === undefined ? [rope] : [rope, localRope];
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
    tensors: gemmaTensors(settings, names),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    tiedByDefault: true,
    logitSoftcap: settings.logitSoftcap,
    owns: names.owns,
    layerOf: names.layerOf,
    rowSizes: {
      widest: Math.max(onDevice.hidden, heads * onDevice.head),
      // normed; queries, keys and values as products give them and as attention takes them; mixed; the
      // output projection, which is normed before it joins the residual stream
      layer: 2 * onDevice.hidden + (3 * heads + 5 * keyHeads) * onDevice.head,
      // normed; inner; what comes out of it, likewise normed
      feedForward: 2 * onDevice.hidden + onDevice.inner,
      widestFeedForward: Math.max(onDevice.hidden, onDevice.inner),
      waiting: onDevice.hidden + 2 * (8 + ropes.length * onDevice.head),
      kept: layers * 2 * keyHeads * onDevice.head,
    },
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: ropes.map((rope) => new RopeTable(rope, headDim)),
        open: async (loader) =>
          new GemmaLayers(settings, names, await normOf(loader, names.finalNorm)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: GemmaSettings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, layers, rope, localRope, attentionSoftcap } = settings;
  const windowed = settings.windows.filter((window) => window > 0);
  return [
    [
      "attention",
      `${heads} heads over ${keyHeads} key heads of ${headDim}` +
      (settings.queryKeyNorms ? ", queries and keys normed" : "") +
      `, scores divided by √${settings.queryScalar}` +
      (attentionSoftcap === 0 ? "" : `, softly capped at ${attentionSoftcap}`) +
      (windowed.length === 0 ? "" : `, window ${windowed[0]} in ${windowed.length} of ${layers}`),
    ],
    ["feed-forward", `${settings.intermediateSize}, gated by ${activation}`],
    ["rope", describeRope(rope)],
    ...(localRope === undefined ? [] : [["rope in windows", describeRope(localRope)] as const]),
    ["biases", settings.attentionBiases ? "attention" : "none"],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function gemmaTensors(settings: GemmaSettings, names: TensorNames): ExpectedTensors {
  const { hiddenSize, intermediateSize, headDim, attentionBiases } = settings;
  const queries = settings.heads * headDim;
  const keys = settings.keyHeads * headDim;
  const tensors = new Map<string, readonly number[]>([
    [names.embedding, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = names.layerPrefix(layer);
    const linear = (name: string, outputs: number, inputs: number, bias: boolean): void => {
      tensors.set(`${prefix}${name}.weight`, [outputs, inputs]);
      if (bias) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    for (const name of normNames) tensors.set(`${prefix}${name}.weight`, [hiddenSize]);
    linear("self_attn.q_proj", queries, hiddenSize, attentionBiases);
    linear("self_attn.k_proj", keys, hiddenSize, attentionBiases);
    linear("self_attn.v_proj", keys, hiddenSize, attentionBiases);
    linear("self_attn.o_proj", hiddenSize, queries, attentionBiases);
    if (settings.queryKeyNorms) {
      for (const name of ["q_norm", "k_norm"]) {
        tensors.set(`${prefix}self_attn.${name}.weight`, [headDim]);
      }
    }
    linear("mlp.gate_proj", intermediateSize, hiddenSize, false);
    linear("mlp.up_proj", intermediateSize, hiddenSize, false);
    linear("mlp.down_proj", hiddenSize, intermediateSize, false);
  }
  return tensors;
}

/** Before and after the attention, before and after the feed-forward block. */
const normNames = [
  "input_layernorm",
  "post_attention_layernorm",
  "pre_feedforward_layernorm",
  "post_feedforward_layernorm",
] as const;

/** A norm's weight: stored is what it differs from 1 by. */
function normOf(loader: WeightLoader, name: string, layOut?: LayOut): Promise<Matrix> {
  return loader.vector(name, 1, layOut);
}

/** The weights of one layer. */
interface GemmaLayer extends GatedFeedForward {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  /** By-head norms of queries and keys. */
  readonly queryNorm: Matrix | undefined;
  readonly keyNorm: Matrix | undefined;
  readonly norms: Readonly<Record<typeof normNames[number], Matrix>>;
}

class GemmaLayers implements LayerArithmetic<GemmaLayer> {
  /** The first layer with a window and the first without: attention has a kernel for each. */
  readonly kinds: readonly number[];
  readonly #attention: AttentionShape;

  constructor(
    readonly settings: GemmaSettings,
    readonly names: TensorNames,
    readonly finalNorm: Matrix,
  ) {
    const { windows, heads, keyHeads, headDim, queryScalar, attentionSoftcap } = settings;
    this.kinds = [...new Set(windows)].map((window) => windows.indexOf(window));
    const scale = 1 / Math.sqrt(queryScalar);
    this.#attention = { heads, keyHeads, headDim, scale, softcap: attentionSoftcap };
  }

  async load(loader: WeightLoader, layer: number): Promise<GemmaLayer> {
    const { attentionBiases: bias, queryKeyNorms, headDim } = this.settings;
    const prefix = this.names.layerPrefix(layer);
    const linear = (name: string, bias = false, layout?: MapLayout): Promise<Linear> =>
      loader.linear(prefix + name, bias, layout);
    const heads = byHead(headDim);
    const norm = (name: string, layOut?: LayOut): Promise<Matrix> =>
      normOf(loader, `${prefix}${name}.weight`, layOut);
    return {
      query: await linear("self_attn.q_proj", bias, { outputs: heads }),
      key: await linear("self_attn.k_proj", bias, { outputs: heads }),
      value: await linear("self_attn.v_proj", bias, { outputs: heads }),
      output: await linear("self_attn.o_proj", bias, { inputs: heads }),
      gate: await linear("mlp.gate_proj"),
      up: await linear("mlp.up_proj"),
      down: await linear("mlp.down_proj"),
      queryNorm: queryKeyNorms ? await norm("self_attn.q_norm", heads) : undefined,
      keyNorm: queryKeyNorms ? await norm("self_attn.k_norm", heads) : undefined,
      norms: {
        input_layernorm: await norm("input_layernorm"),
        post_attention_layernorm: await norm("post_attention_layernorm"),
        pre_feedforward_layernorm: await norm("pre_feedforward_layernorm"),
        post_feedforward_layernorm: await norm("post_feedforward_layernorm"),
      },
    };
  }

  products({ query, key, value, output, gate, up, down }: GemmaLayer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  /**
   * Scales the embeddings by √hidden. transformers rounds the root to the type that it computes in, so
   * for the reference in float32 it is the nearest f32, whatever type is stored.
   */
  embed(embedded: Float32Array): void {
    const scale = Math.fround(Math.sqrt(this.settings.hiddenSize));
    for (let i = 0; i < embedded.length; i++) embedded[i]! *= scale;
  }

  run(stream: PackStream, weights: GemmaLayer, layer: number): void {
    this.#addAttention(stream, weights, layer);
    const { backend } = stream;
    const { pre_feedforward_layernorm: before, post_feedforward_layernorm: after } = weights.norms;
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = this.#norm(backend, hidden, before);
      const inner = gatedInner(backend, normed, weights, "gelu_tanh");
      this.#addNormed(backend, inner, weights.down, after, hidden);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: GemmaLayer, layer: number): void {
    const { backend } = stream;
    const { layers, windows } = this.settings;
    const { input_layernorm: before, post_attention_layernorm: after } = weights.norms;
    let input = this.#norm(backend, stream.hidden, before);
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      input,
      weights,
      layer,
      layer < layers - 1,
    );
    const rope = this.#ropeOf(layer);
    const keys = this.#turned(backend, unturned, weights.keyNorm, stream.keyAngles(rope));
    if (layer === layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, before);
    }
    const asking = asked ?? linear(backend, input, weights.query);
    const queries = this.#turned(backend, asking, weights.queryNorm, stream.queryAngles(rope));
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.#attention, windows[layer]!);
    this.#addNormed(backend, mixed, weights.output, after, stream.hidden);
  }

  /** Which of the ropes turns a layer's queries and keys. */
  #ropeOf(layer: number): number {
    const { windows, localRope } = this.settings;
    return localRope !== undefined && windows[layer]! > 0 ? 1 : 0;
  }

  /** Queries or keys, normed by head where the model does so, turned by their positions. */
  #turned(backend: Backend, input: Matrix, weight: Matrix | undefined, angles: Matrix): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    const normed = weight === undefined ? input : headNormed(backend, input, { weight, epsilon });
    return turned(backend, normed, angles);
  }

  /** Adds what a block's last linear map gives, normed, to the residual stream; the input is given back. */
  #addNormed(backend: Backend, input: Matrix, map: Linear, weight: Matrix, hidden: Matrix): void {
    const { rmsEpsilon: epsilon } = this.settings;
    const output = linear(backend, input, map);
    backend.release(input);
    addRmsNormed(backend, output, { weight, epsilon }, hidden);
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
