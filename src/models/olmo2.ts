import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend } from "../ops/backend.ts";
import { byHead, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { type GatedFeedForward, gatedInnerOf } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { addRmsNormed, rmsNormed } from "./blocks/rms_norm.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { readLayers, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, longestConversation, readRope, type RopeSettings } from "./rope_settings.ts";
import { namesUnder } from "./tensor_names.ts";
import { oddHeadDim } from "./unsupported.ts";

const names = namesUnder("model.");

/** Everything that the arithmetic depends on, for OLMo 2 and for OLMo 3, which computes with its layers. */
export interface Olmo2Settings {
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
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

/** The ropes and windows of a backbone with OLMo 2's layers. */
type Positions = Pick<Olmo2Settings, "rope" | "localRope" | "windows">;

/** What positions are read with. */
export interface PositionsReading {
  readonly layers: number;
  readonly maxPositions: number;
  readonly headDim: number;
  readonly warn: (message: string) => void;
}

/**
 * OLMo 2 (Team OLMo 2024, arXiv 2501.00656), as `transformers` names and stores it: norms stand after
 * the blocks, not before them, and queries and keys are normed, all heads together.
 *
 *     x += norm(attention(x) · output)                  q = norm(x · query), k = norm(x · key), turned
 *     x += norm((silu(x · gate) * (x · up)) · down)
 */
export const olmo2: Family = olmoFamily("olmo2", "Olmo2", (reader, { layers, ...reading }) => ({
  rope: readRope(reader, reading),
  windows: new Array<number>(layers).fill(0),
}));

/** A family with OLMo 2's layers. */
export function olmoFamily(
  modelType: string,
  className: string,
  readPositions: (reader: ConfigReader, reading: PositionsReading) => Positions,
): Family {
  const family: Family = {
    modelType,
    className,
    padToken: 1,
    plan(facts, warn) {
      const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
      refuseUnsupported(reader);
      const settings = readSettings(reader, facts, readPositions, warn);
      refuseUnknown(reader, facts, warn);
      return planOlmo(family, settings);
    },
  };
  return family;
}

function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  readPositions: (reader: ConfigReader, reading: PositionsReading) => Positions,
  warn: (message: string) => void,
): Olmo2Settings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  const keyHeads = reader.count("num_key_value_heads", heads);
  if (heads % keyHeads !== 0) {
    throw reader.unexpected("num_key_value_heads", `a divisor of ${heads} heads`, keyHeads);
  }
  const headDim = reader.count("head_dim", hiddenSize / heads);
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const layers = readLayers(reader, facts);
  const maxPositions = reader.count("max_position_embeddings", 2048);
  const positions = readPositions(reader, { layers, maxPositions, headDim, warn });
  return {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers,
    heads,
    keyHeads,
    headDim,
    rmsEpsilon: reader.positive("rms_norm_eps", 1e-5),
    ...positions,
    attentionBiases: reader.flag("attention_bias", false),
    maxTokens: longestConversation(positions.rope, maxPositions),
  };
}

function planOlmo(family: Family, settings: Olmo2Settings): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers, rope, localRope } = settings;
  const ropes = localRope === undefined ? [rope] : [rope, localRope];
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
    tensors: olmoTensors(settings),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    owns: names.owns,
    layerOf: names.layerOf,
    rowSizes: {
      widest: Math.max(hidden, heads * head),
      // queries, keys and values as products give them and as attention takes them; mixed; the output
      // projection, which is normed before it joins the residual stream
      layer: hidden + (3 * heads + 5 * keyHeads) * head,
      feedForward: hidden + inner,
      widestFeedForward: Math.max(hidden, inner),
      waiting: hidden + 2 * (8 + ropes.length * head),
      kept: layers * 2 * keyHeads * head,
    },
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: ropes.map((one) => new RopeTable(one, headDim)),
        open: async (loader) => new OlmoLayers(settings, await loader.vector(names.finalNorm)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: Olmo2Settings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, layers, rope, localRope } = settings;
  const windowed = settings.windows.filter((window) => window > 0);
  return [
    [
      "attention",
      `${heads} heads over ${keyHeads} key heads of ${headDim}, queries and keys normed` +
      (windowed.length === 0 ? "" : `, window ${windowed[0]} in ${windowed.length} of ${layers}`),
    ],
    ["feed-forward", `${settings.intermediateSize}`],
    ["rope", describeRope(rope)],
    ...(localRope === undefined ? [] : [["rope in windows", describeRope(localRope)] as const]),
    ["biases", settings.attentionBiases ? "attention" : "none"],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function olmoTensors(settings: Olmo2Settings): ExpectedTensors {
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
    ofAttention("q_proj", queries, hiddenSize);
    ofAttention("k_proj", keys, hiddenSize);
    ofAttention("v_proj", keys, hiddenSize);
    ofAttention("o_proj", hiddenSize, queries);
    set("self_attn.q_norm", queries);
    set("self_attn.k_norm", keys);
    set("post_attention_layernorm", hiddenSize);
    set("mlp.gate_proj", intermediateSize, hiddenSize);
    set("mlp.up_proj", intermediateSize, hiddenSize);
    set("mlp.down_proj", hiddenSize, intermediateSize);
    set("post_feedforward_layernorm", hiddenSize);
  }
  return tensors;
}

/** The weights of one layer. */
interface OlmoLayer extends GatedFeedForward {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly queryNorm: Matrix;
  readonly keyNorm: Matrix;
  readonly attentionNorm: Matrix;
  readonly feedForwardNorm: Matrix;
}

class OlmoLayers implements LayerArithmetic<OlmoLayer> {
  /** The first layer with a window and the first without: attention has a kernel for each. */
  readonly kinds: readonly number[];

  constructor(readonly settings: Olmo2Settings, readonly finalNorm: Matrix) {
    const { windows } = settings;
    this.kinds = [...new Set(windows)].map((window) => windows.indexOf(window));
  }

  async load(loader: WeightLoader, layer: number): Promise<OlmoLayer> {
    const { attentionBiases: bias, headDim } = this.settings;
    const prefix = names.layerPrefix(layer);
    const heads = byHead(headDim);
    const ofHeads = (name: string): Promise<Linear> =>
      loader.linear(`${prefix}self_attn.${name}`, bias, { outputs: heads });
    const map = (name: string): Promise<Linear> => loader.linear(`${prefix}mlp.${name}`, false);
    return {
      query: await ofHeads("q_proj"),
      key: await ofHeads("k_proj"),
      value: await ofHeads("v_proj"),
      output: await loader.linear(`${prefix}self_attn.o_proj`, bias, { inputs: heads }),
      queryNorm: await loader.vector(`${prefix}self_attn.q_norm.weight`, 0, heads),
      keyNorm: await loader.vector(`${prefix}self_attn.k_norm.weight`, 0, heads),
      attentionNorm: await loader.vector(`${prefix}post_attention_layernorm.weight`),
      gate: await map("gate_proj"),
      up: await map("up_proj"),
      down: await map("down_proj"),
      feedForwardNorm: await loader.vector(`${prefix}post_feedforward_layernorm.weight`),
    };
  }

  products({ query, key, value, output, gate, up, down }: OlmoLayer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  run(stream: PackStream, weights: OlmoLayer, layer: number): void {
    const { backend } = stream;
    this.#addAttention(stream, weights, layer);
    for (const hidden of stream.feedForwardBlocks()) {
      const inner = gatedInnerOf(backend, hidden, weights, "silu");
      this.#addNormed(backend, inner, weights.down, weights.feedForwardNorm, hidden);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: OlmoLayer, layer: number): void {
    const { backend } = stream;
    const { layers, windows, localRope } = this.settings;
    const rope = localRope !== undefined && windows[layer]! > 0 ? 1 : 0;
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      stream.hidden,
      weights,
      layer,
      layer < layers - 1,
    );
    const keys = this.#turned(backend, unturned, weights.keyNorm, stream.keyAngles(rope));
    if (layer === layers - 1) stream.narrow();
    const asking = asked ?? linear(backend, stream.hidden, weights.query);
    const queries = this.#turned(backend, asking, weights.queryNorm, stream.queryAngles(rope));
    const mixed = attend(stream, queries, { keys, values }, this.settings, windows[layer]!);
    this.#addNormed(backend, mixed, weights.output, weights.attentionNorm, stream.hidden);
  }

  /** Queries or keys, normed over all heads and turned by their positions; the input is given back. */
  #turned(backend: Backend, input: Matrix, weight: Matrix, angles: Matrix): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    const normed = rmsNormed(backend, input, { weight, epsilon });
    backend.release(input);
    return turned(backend, normed, angles);
  }

  /** Adds what a block's last linear map gives, normed, to the residual stream; the input is given back. */
  #addNormed(backend: Backend, input: Matrix, map: Linear, weight: Matrix, hidden: Matrix): void {
    const { rmsEpsilon: epsilon } = this.settings;
    const output = linear(backend, input, map);
    backend.release(input);
    addRmsNormed(backend, output, { weight, epsilon }, hidden);
  }

  finish({ backend, hidden }: PackStream): Matrix {
    const { finalNorm: weight, settings: { rmsEpsilon: epsilon } } = this;
    return rmsNormed(backend, hidden, { weight, epsilon });
  }
}
