import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { byHead, padded, paddedHeadDim, paddedSize, unpacked } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Activation } from "../ops/activation.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { type GatedFeedForward, gatedInner } from "./blocks/gated_feed_forward.ts";
import { type LayerNorm, layerNormed, loadLayerNorm, normStream } from "./blocks/layer_norm.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { readActivation, readLayers, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope, readSection, type RopeReading, type RopeSettings } from "./rope_settings.ts";
import { oddHeadDim, unsupported } from "./unsupported.ts";

/** Everything that the arithmetic depends on. */
export interface ModernBertSettings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: Activation;
  readonly epsilon: number;
  /** Ropes of layers that see the whole conversation, and of those with a window. */
  readonly rope: RopeSettings;
  readonly localRope: RopeSettings;
  /** Of each layer: how many positions away a key is no longer seen; 0 where all are. */
  readonly windows: readonly number[];
  readonly biases: {
    readonly norms: boolean;
    readonly attention: boolean;
    readonly feedForward: boolean;
  };
  /** Longest conversation that the model takes, in tokens. */
  readonly maxTokens: number;
}

const tokensName = "embeddings.tok_embeddings.weight";
/** What names begin with in a model with a head; in a backbone alone with nothing. */
const usualPrefix = "model.";

/**
 * ModernBERT (Warner et al. 2024, arXiv 2412.13663), as `transformers` names and stores it. Every token
 * sees every other, in most layers only those within a window to either side; norms come before each
 * block, but the first layer's attention, which takes the normed embeddings as they are:
 *
 *     x  = norm(token)
 *     x += attention(norm(x)) · output          q, k turned by rope, another one where there is a window
 *     x += (gelu(h · gate) * (h · up)) · down   with h = norm(x)
 */
export const modernbert: Family = {
  modelType: "modernbert",
  className: "ModernBert",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    refuseUnsupported(reader, ["hidden_activation", "is_causal"]);
    const settings = readSettings(reader, facts, warn);
    refuseUnknown(reader, facts, warn);
    return planModernBert(settings, facts.tensors.has(tokensName) ? "" : usualPrefix);
  },
};

/** Reads the settings, in the spellings of transformers 4 and 5. */
function readSettings(
  reader: ConfigReader,
  facts: ModelFacts,
  warn: (message: string) => void,
): ModernBertSettings {
  const hiddenSize = reader.count("hidden_size");
  const heads = reader.count("num_attention_heads");
  if (hiddenSize % heads !== 0) {
    throw reader.unexpected("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`, heads);
  }
  const headDim = hiddenSize / heads;
  if (headDim % 2 !== 0) throw oddHeadDim(reader, headDim);
  const layers = readLayers(reader, facts);
  const maxTokens = reader.count("max_position_embeddings");
  const [rope, localRope] = readRopes(reader, { maxPositions: maxTokens, headDim, warn });
  const settings: ModernBertSettings = {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize,
    intermediateSize: reader.count("intermediate_size"),
    layers,
    heads,
    activation: readActivation(reader, "hidden_activation", "gelu"),
    epsilon: reader.positive("norm_eps", 1e-5),
    rope,
    localRope,
    windows: readWindows(reader, layers),
    biases: {
      norms: reader.flag("norm_bias", false),
      attention: reader.flag("attention_bias", false),
      feedForward: reader.flag("mlp_bias", false),
    },
    maxTokens,
  };
  refuseOthers(reader, settings);
  return settings;
}

/** Keys that published configs repeat and transformers does not read: they may not say anything else. */
function refuseOthers(reader: ConfigReader, { epsilon }: ModernBertSettings): void {
  const other = reader.value("layer_norm_eps");
  if (other !== undefined && other !== epsilon) {
    throw unsupported(reader, "layer_norm_eps", `as norm_eps, ${epsilon}`, other);
  }
  for (const key of ["classifier_activation", "classifier_bias", "classifier_pooling"]) {
    reader.value(key); // the head's
  }
  // Left over from BERT: rope alone tells positions, whatever stands here.
  const positions = reader.text("position_embedding_type", "absolute");
  if (positions !== "absolute" && positions !== "sans_pos") {
    throw unsupported(reader, "position_embedding_type", "absolute, sans_pos", positions);
  }
}

/** Windows by the list of types, or in all layers but every so many. */
function readWindows(reader: ConfigReader, layers: number): readonly number[] {
  const reach = Math.floor(reader.count("local_attention", 128) / 2);
  const given = reader.value("sliding_window"); // in transformers another name of the half
  if (given !== undefined && given !== reach) {
    throw unsupported(reader, "sliding_window", `half of local_attention, ${reach}`, given);
  }
  const every = reader.count("global_attn_every_n_layers", 3);
  const usual = (layer: number): string =>
    layer % every === 0 ? "full_attention" : "sliding_attention";
  const types = reader.texts("layer_types") ?? Array.from({ length: layers }, (_, i) => usual(i));
  if (types.length !== layers) {
    throw reader.unexpected("layer_types", `a list of ${layers} layer types`, types);
  }
  return types.map((type) => {
    if (type === "full_attention") return 0;
    if (type === "sliding_attention") return reach + 1;
    throw unsupported(reader, "layer_types", "full_attention, sliding_attention", type);
  });
}

/** The ropes of layers without a window and of those with one; what scales one scales both. */
function readRopes(
  reader: ConfigReader,
  reading: RopeReading,
): readonly [rope: RopeSettings, localRope: RopeSettings] {
  const other = reader.value("rope_theta");
  if (other !== undefined) {
    throw unsupported(reader, "rope_theta", "global_rope_theta and local_rope_theta", other);
  }
  const scaling = reader.section("rope_scaling")?.config;
  const sections = reader.section("rope_parameters");
  const stray = Object.keys(sections?.config ?? {}).find((key) =>
    key !== "full_attention" && key !== "sliding_attention"
  );
  if (sections !== undefined && stray !== undefined) {
    const supported = "full_attention and sliding_attention, with a rope each";
    throw unsupported(sections, stray, supported, sections.value(stray));
  }
  const one = (type: string, theta: number): RopeSettings => {
    const given = sections?.section(type)?.config;
    const section = new ConfigReader(
      { ...given, ...scaling },
      `${reader.name}, the rope of ${type}`,
    );
    return readSection(section, { ...reading, theta });
  };
  return [
    one("full_attention", reader.positive("global_rope_theta", 160_000)),
    one("sliding_attention", reader.positive("local_rope_theta", 10_000)),
  ];
}

function planModernBert(settings: ModernBertSettings, prefix: string): BackbonePlan {
  const { hiddenSize, intermediateSize, layers, heads } = settings;
  const headDim = hiddenSize / heads;
  const hidden = paddedSize(hiddenSize);
  const inHeads = heads * paddedHeadDim(headDim);
  const inner = paddedSize(intermediateSize);
  const own = new RegExp(
    `^${prefix.replace(".", "\\.")}(embeddings|final_norm|layers\\.(\\d+))\\.`,
  );
  const plan: BackbonePlan = {
    family: modernbert,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: false,
    positions: "rotary",
    settings: { ...settings },
    description: describe(settings),
    tensors: modernBertTensors(settings, prefix),
    embeddingName: prefix + tokensName,
    languageHeadName: "decoder.weight",
    owns: (tensor) => own.test(tensor),
    layerOf: (tensor) => {
      const layer = own.exec(tensor)?.[2];
      return layer === undefined ? undefined : Number(layer);
    },
    rowSizes: {
      widest: Math.max(hidden, inHeads),
      // normed, and so for products; queries, keys and values as products give them and as attention
      // takes them; mixed
      layer: 2 * hidden + 8 * inHeads,
      feedForward: 2 * hidden + inner,
      widestFeedForward: Math.max(hidden, inner),
      waiting: hidden + 2 * (8 + 2 * paddedHeadDim(headDim)),
      kept: 0, // no token's keys are the same in another text
    },
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: [new RopeTable(settings.rope, headDim), new RopeTable(settings.localRope, headDim)],
        open: async (loader) => {
          const norm = (name: string): Promise<LayerNorm> => normOf(loader, settings, name);
          const [first, last] = [
            await norm(`${prefix}embeddings.norm`),
            await norm(`${prefix}final_norm`),
          ];
          return new ModernBertLayers(settings, prefix, first, last);
        },
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: ModernBertSettings): BackbonePlan["description"] {
  const { heads, hiddenSize, layers, windows, biases } = settings;
  const local = windows.filter((window) => window > 0);
  const named = Object.entries(biases).filter(([, is]) => is).map(([name]) => name);
  return [
    [
      "attention",
      `${heads} heads of ${hiddenSize / heads}, every token sees every other` +
      (local.length === 0
        ? ""
        : `, in ${local.length} of ${layers} layers those at most ${local[0]! - 1} away`),
    ],
    ["feed-forward", `${settings.intermediateSize}, gated by ${settings.activation}`],
    ["rope", `${describeRope(settings.rope)}; with a window ${describeRope(settings.localRope)}`],
    ["biases", named.length === 0 ? "none" : named.join(", ")],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function modernBertTensors(settings: ModernBertSettings, prefix: string): ExpectedTensors {
  const { hiddenSize, intermediateSize, biases } = settings;
  const tensors = new Map<string, readonly number[]>([
    [prefix + tokensName, [settings.vocabularySize, hiddenSize]],
  ]);
  const add = (name: string, biased: boolean, ...shape: number[]): void => {
    tensors.set(`${name}.weight`, shape);
    if (biased) tensors.set(`${name}.bias`, shape.slice(0, 1));
  };
  add(`${prefix}embeddings.norm`, biases.norms, hiddenSize);
  add(`${prefix}final_norm`, biases.norms, hiddenSize);
  for (let layer = 0; layer < settings.layers; layer++) {
    const at = `${prefix}layers.${layer}.`;
    if (layer > 0) add(`${at}attn_norm`, biases.norms, hiddenSize);
    add(`${at}attn.Wqkv`, biases.attention, 3 * hiddenSize, hiddenSize);
    add(`${at}attn.Wo`, biases.attention, hiddenSize, hiddenSize);
    add(`${at}mlp_norm`, biases.norms, hiddenSize);
    add(`${at}mlp.Wi`, biases.feedForward, 2 * intermediateSize, hiddenSize);
    add(`${at}mlp.Wo`, biases.feedForward, hiddenSize, intermediateSize);
  }
  return tensors;
}

function normOf(
  loader: WeightLoader,
  { biases, epsilon }: ModernBertSettings,
  name: string,
): Promise<LayerNorm> {
  return loadLayerNorm(loader, name, { biased: biases.norms, epsilon });
}

/** The weights of one layer. */
interface ModernBertLayer extends GatedFeedForward {
  /** None in the first layer. */
  readonly attentionNorm: LayerNorm | undefined;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly feedForwardNorm: LayerNorm;
}

class ModernBertLayers implements LayerArithmetic<ModernBertLayer> {
  /** The first layer with a window and the first without: attention has a kernel for each. */
  readonly kinds: readonly number[];

  constructor(
    readonly settings: ModernBertSettings,
    readonly prefix: string,
    readonly embeddingNorm: LayerNorm,
    readonly finalNorm: LayerNorm,
  ) {
    const { windows } = settings;
    this.kinds = [...new Set(windows)].map((window) => windows.indexOf(window));
  }

  async load(loader: WeightLoader, layer: number): Promise<ModernBertLayer> {
    const { settings } = this;
    const { hiddenSize, intermediateSize, heads, biases } = settings;
    const at = `${this.prefix}layers.${layer}.`;
    const inHeads = byHead(hiddenSize / heads);
    const third = (from: number) => ({
      outputs: unpacked({ every: 3 * hiddenSize, from, count: hiddenSize }, inHeads),
    });
    const half = (from: number) => ({
      outputs: unpacked({ every: 2 * intermediateSize, from, count: intermediateSize }, padded),
    });
    return {
      attentionNorm: layer === 0 ? undefined : await normOf(loader, settings, `${at}attn_norm`),
      ...await loader.linears(`${at}attn.Wqkv`, biases.attention, {
        query: third(0),
        key: third(hiddenSize),
        value: third(2 * hiddenSize),
      }),
      output: await loader.linear(`${at}attn.Wo`, biases.attention, { inputs: inHeads }),
      feedForwardNorm: await normOf(loader, settings, `${at}mlp_norm`),
      ...await loader.linears(`${at}mlp.Wi`, biases.feedForward, {
        gate: half(0),
        up: half(intermediateSize),
      }),
      down: await loader.linear(`${at}mlp.Wo`, biases.feedForward),
    };
  }

  products({ query, key, value, output, gate, up, down }: ModernBertLayer): readonly Weight[] {
    return [query, key, value, output, gate, up, down].map(({ weight }) => weight);
  }

  run(stream: PackStream, weights: ModernBertLayer, layer: number): void {
    const { backend } = stream;
    if (layer === 0) normStream(stream, this.embeddingNorm);
    this.#addAttention(stream, weights, layer);
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = layerNormed(backend, hidden, weights.feedForwardNorm);
      const gated = gatedInner(backend, normed, weights, this.settings.activation);
      addLinear(backend, gated, weights.down, hidden);
      backend.release(gated);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: ModernBertLayer, layer: number): void {
    const { backend } = stream;
    const { layers, windows, heads, hiddenSize } = this.settings;
    const window = windows[layer]!;
    const rope = window === 0 ? 0 : 1;
    let input = this.#attentionInput(stream, weights);
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      input,
      weights,
      layer,
      layer < layers - 1,
    );
    const keys = turned(backend, unturned, stream.keyAngles(rope));
    if (layer === layers - 1) {
      if (input !== stream.hidden) backend.release(input);
      stream.narrow();
      input = this.#attentionInput(stream, weights);
    }
    const queries = turned(
      backend,
      asked ?? linear(backend, input, weights.query),
      stream.queryAngles(rope),
    );
    if (input !== stream.hidden) backend.release(input);
    const shape = { heads, keyHeads: heads, headDim: hiddenSize / heads, causal: false };
    const mixed = attend(stream, queries, { keys, values }, shape, window);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
  }

  /** The residual stream, normed but in the first layer. */
  #attentionInput({ backend, hidden }: PackStream, { attentionNorm }: ModernBertLayer): Matrix {
    return attentionNorm === undefined ? hidden : layerNormed(backend, hidden, attentionNorm);
  }

  finish({ backend, hidden }: PackStream): Matrix {
    return layerNormed(backend, hidden, this.finalNorm);
  }
}
