import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import type { Activation } from "../ops/activation.ts";
import { byHead, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, MapLayout, WeightLoader } from "../ops/weight_loader.ts";
import { addFeedForward } from "./blocks/feed_forward.ts";
import { type LayerNorm, loadLayerNorm, normStream } from "./blocks/layer_norm.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { attend, keysAndValues } from "./blocks/self_attention.ts";
import { readActivation, readLayers, refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import type { BackbonePlan, Family, ModelFacts } from "./family.ts";
import type { TokenPack } from "./token_pack.ts";
import { unsupported } from "./unsupported.ts";

/** What sets an architecture with BERT's layers apart from BERT. */
export interface BertVariant extends Pick<Family, "modelType" | "className"> {
  /** What the names of the backbone's tensors begin with in a model with a head; nothing in one without. */
  readonly prefix: string;
  /** The pad token where the config gives none, after which positions are counted; absent: from 0. */
  readonly positionsAfterPad?: number | undefined;
  /** Reads keys that BERT does not have, and refuses what is not computed. */
  readOthers?(reader: ConfigReader, hiddenSize: number): void;
}

/** Everything that the arithmetic depends on. */
export interface BertSettings {
  readonly vocabularySize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly layers: number;
  readonly heads: number;
  readonly activation: Activation;
  /** Rows of the position embeddings, and the row of a text's first token. */
  readonly positions: number;
  readonly firstPosition: number;
  /** A token that keeps the position before the first one, and is not counted; `null` for none. */
  readonly uncounted: number | null;
  /** Rows of the token type embeddings. */
  readonly tokenTypes: number;
  readonly epsilon: number;
}

/**
 * BERT (Devlin et al. 2018, arXiv 1810.04805), as `transformers` names and stores it. Every token sees
 * every other; norms come after each block:
 *
 *     x = norm(token + type + position)
 *     x = norm(x + attention(x) · output)     all linear maps with biases
 *     x = norm(x + gelu(x · in) · out)
 */
export const bert: Family = bertFamily({ modelType: "bert", className: "Bert", prefix: "bert." });

/** An architecture that computes with BERT's layers. */
export function bertFamily(variant: BertVariant): Family {
  const family: Family = {
    modelType: variant.modelType,
    className: variant.className,
    plan(facts, warn) {
      const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
      refuseUnsupported(reader, ["hidden_act", "is_causal"]);
      const settings = readSettings(reader, variant, facts);
      refuseUnknown(reader, facts, warn);
      const isBare = facts.tensors.has(`${names.tokens}.weight`);
      return planBert(family, settings, isBare ? "" : variant.prefix);
    },
  };
  return family;
}

/** Reads the settings; what a config leaves out has the value that transformers gives it. */
function readSettings(
  reader: ConfigReader,
  { positionsAfterPad, readOthers }: BertVariant,
  facts: ModelFacts,
): BertSettings {
  refuseOthers(reader);
  const positions = reader.count("max_position_embeddings");
  const pad = positionsAfterPad === undefined ? null : readPad(reader, positionsAfterPad);
  const settings: BertSettings = {
    vocabularySize: reader.count("vocab_size"),
    hiddenSize: reader.count("hidden_size"),
    intermediateSize: reader.count("intermediate_size"),
    layers: readLayers(reader, facts),
    heads: reader.count("num_attention_heads"),
    activation: readActivation(reader, "hidden_act", "gelu"),
    positions,
    firstPosition: pad === null ? 0 : pad + 1,
    uncounted: pad,
    tokenTypes: reader.count("type_vocab_size", 2),
    epsilon: reader.positive("layer_norm_eps", 1e-12),
  };
  const { heads, hiddenSize, firstPosition } = settings;
  readOthers?.(reader, hiddenSize);
  if (firstPosition >= positions) {
    throw reader.unexpected("max_position_embeddings", `more than ${firstPosition}`, positions);
  }
  if (hiddenSize % heads !== 0) {
    throw reader.unexpected("num_attention_heads", `a divisor of hidden_size ${hiddenSize}`, heads);
  }
  return settings;
}

function refuseOthers(reader: ConfigReader): void {
  const position = reader.text("position_embedding_type", "absolute");
  if (position !== "absolute") {
    throw unsupported(reader, "position_embedding_type", "absolute", position);
  }
  if (reader.flag("is_decoder", false)) {
    throw unsupported(reader, "is_decoder", "false: an encoder", true);
  }
}

/** The pad token, which positions depend on, so that `null` stands for nothing. */
function readPad(reader: ConfigReader, fallback: number): number {
  const pad = Object.hasOwn(reader.config, "pad_token_id")
    ? reader.value("pad_token_id")
    : fallback;
  if (Number.isSafeInteger(pad) && (pad as number) >= 0) return pad as number;
  throw reader.unexpected("pad_token_id", "a token id, after which positions are counted", pad);
}

/** Names of what stands outside of the layers, after the prefix. */
const names = {
  tokens: "embeddings.word_embeddings",
  types: "embeddings.token_type_embeddings",
  positions: "embeddings.position_embeddings",
  norm: "embeddings.LayerNorm",
};

function planBert(family: Family, settings: BertSettings, prefix: string): BackbonePlan {
  const { hiddenSize, intermediateSize, layers, heads } = settings;
  const onDevice = {
    hidden: paddedSize(hiddenSize),
    inner: paddedSize(intermediateSize),
    heads: heads * paddedHeadDim(hiddenSize / heads, 0),
  };
  const layerName = new RegExp(`^${prefix.replaceAll(".", "\\.")}encoder\\.layer\\.(\\d+)\\.`);
  const plan: BackbonePlan = {
    family,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.positions - settings.firstPosition,
    causal: false,
    positions: "learnt",
    tokenTypes: settings.tokenTypes,
    settings: { ...settings },
    description: [
      ["attention", `${heads} heads of ${hiddenSize / heads}, every token sees every other`],
      ["feed-forward", `${intermediateSize}, ${settings.activation}`],
      [
        "embeddings",
        `${settings.positions} positions from ${settings.firstPosition} on, ` +
        `${settings.tokenTypes} token types`,
      ],
    ],
    tensors: bertTensors(settings, prefix),
    embeddingName: `${prefix}${names.tokens}.weight`,
    languageHeadName: "cls.predictions.decoder.weight",
    owns: (tensor) => tensor.startsWith(`${prefix}embeddings.`) || layerName.test(tensor),
    layerOf: (tensor) => {
      const layer = layerName.exec(tensor)?.[1];
      return layer === undefined ? undefined : Number(layer);
    },
    rowSizes: {
      widest: Math.max(onDevice.hidden, onDevice.heads),
      // normed; queries, keys and values as products give them and as attention takes them; mixed
      layer: onDevice.hidden + 7 * onDevice.heads,
      // what the first map gives, and the same after its activation
      feedForward: 2 * onDevice.inner,
      widestFeedForward: onDevice.inner,
      waiting: onDevice.hidden + 16,
      kept: 0, // no token's keys are the same in another text
    },
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: [],
        open: (loader) => openLayers(checkpoint, loader, settings, prefix),
      }, options),
  };
  return plan;
}

/** A layer's linear maps with their sizes, and its norms. */
const maps = {
  query: "attention.self.query",
  key: "attention.self.key",
  value: "attention.self.value",
  output: "attention.output.dense",
  in: "intermediate.dense",
  out: "output.dense",
} as const;
const norms = { attentionNorm: "attention.output.LayerNorm", outputNorm: "output.LayerNorm" };

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function bertTensors(settings: BertSettings, prefix: string): ExpectedTensors {
  const { hiddenSize, intermediateSize, layers } = settings;
  const tensors = new Map<string, readonly number[]>([
    [`${prefix}${names.tokens}.weight`, [settings.vocabularySize, hiddenSize]],
    [`${prefix}${names.types}.weight`, [settings.tokenTypes, hiddenSize]],
    [`${prefix}${names.positions}.weight`, [settings.positions, hiddenSize]],
  ]);
  const add = (name: string, ...shape: number[]): void => {
    tensors.set(`${prefix}${name}.weight`, shape);
    tensors.set(`${prefix}${name}.bias`, shape.slice(0, 1));
  };
  add(names.norm, hiddenSize);
  for (let layer = 0; layer < layers; layer++) {
    for (const [map, name] of Object.entries(maps)) {
      const outputs = map === "in" ? intermediateSize : hiddenSize;
      const inputs = map === "out" ? intermediateSize : hiddenSize;
      add(`encoder.layer.${layer}.${name}`, outputs, inputs);
    }
    for (const name of Object.values(norms)) add(`encoder.layer.${layer}.${name}`, hiddenSize);
  }
  return tensors;
}

/** The weights of one layer. */
type BertLayer =
  & { readonly [map in keyof typeof maps]: Linear }
  & { readonly [norm in keyof typeof norms]: LayerNorm };

async function openLayers(
  checkpoint: Checkpoint,
  loader: WeightLoader,
  settings: BertSettings,
  prefix: string,
): Promise<BertLayers> {
  const read = async (name: string): Promise<Float32Array> =>
    toFloat32(await checkpoint.read(`${prefix}${name}.weight`));
  const norm = await loadLayerNorm(loader, prefix + names.norm, {
    biased: true,
    epsilon: settings.epsilon,
  });
  return new BertLayers(
    settings,
    prefix,
    await read(names.types),
    await read(names.positions),
    norm,
  );
}

class BertLayers implements LayerArithmetic<BertLayer> {
  constructor(
    readonly settings: BertSettings,
    readonly prefix: string,
    /** [token types, hidden] */
    readonly types: Float32Array,
    /** [positions, hidden] */
    readonly positions: Float32Array,
    readonly embeddingNorm: LayerNorm,
  ) {}

  async load(loader: WeightLoader, layer: number): Promise<BertLayer> {
    const { hiddenSize, heads: count } = this.settings;
    const heads = byHead(hiddenSize / count, 0); // nothing is turned
    const at = `${this.prefix}encoder.layer.${layer}.`;
    const map = (name: keyof typeof maps, layout?: MapLayout): Promise<Linear> =>
      loader.linear(at + maps[name], true, layout);
    const norm = (name: keyof typeof norms): Promise<LayerNorm> =>
      loadLayerNorm(loader, at + norms[name], { biased: true, epsilon: this.settings.epsilon });
    return {
      query: await map("query", { outputs: heads }),
      key: await map("key", { outputs: heads }),
      value: await map("value", { outputs: heads }),
      output: await map("output", { inputs: heads }),
      in: await map("in"),
      out: await map("out"),
      attentionNorm: await norm("attentionNorm"),
      outputNorm: await norm("outputNorm"),
    };
  }

  products(layer: BertLayer): readonly Weight[] {
    return [layer.query, layer.key, layer.value, layer.output, layer.in, layer.out]
      .map(({ weight }) => weight);
  }

  /** Adds token types and positions, in the reference's order, since sums of f32 depend on it. */
  embed(embedded: Float32Array, { ids, spans, types }: TokenPack): void {
    const { hiddenSize, firstPosition, uncounted } = this.settings;
    let counted = 0;
    for (let row = 0; row < ids.length; row++) {
      if (spans[4 * row] === 0) counted = 0;
      const isCounted = ids[row] !== uncounted;
      const position = isCounted ? firstPosition + counted++ : firstPosition - 1;
      const type = types?.[row] ?? 0;
      for (let column = 0; column < hiddenSize; column++) {
        const typed = Math.fround(
          embedded[row * hiddenSize + column]! + this.types[type * hiddenSize + column]!,
        );
        embedded[row * hiddenSize + column] = typed +
          this.positions[position * hiddenSize + column]!;
      }
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  run(stream: PackStream, weights: BertLayer, layer: number): void {
    const { backend } = stream;
    const { layers, heads, hiddenSize, activation } = this.settings;
    if (layer === 0) normStream(stream, this.embeddingNorm);
    const { asked, ...seen } = keysAndValues(
      stream,
      stream.hidden,
      weights,
      layer,
      layer < layers - 1,
    );
    if (layer === layers - 1) stream.narrow();
    const queries = asked ?? linear(backend, stream.hidden, weights.query);
    const shape = { heads, keyHeads: heads, headDim: hiddenSize / heads, causal: false };
    const mixed = attend(stream, queries, seen, shape, 0);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
    normStream(stream, weights.attentionNorm);
    for (const hidden of stream.feedForwardBlocks()) {
      addFeedForward(backend, hidden, weights, activation, hidden);
    }
    normStream(stream, weights.outputNorm);
  }

  /** The last layer's norm was the last. */
  finish(stream: PackStream): Matrix {
    return stream.take();
  }
}
