import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { disentangledAttention } from "../ops/disentangled_attention.ts";
import { asStored } from "../ops/layout.ts";
import { matmul } from "../ops/matmul.ts";
import { type Matrix, rowAlignment } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, WeightLoader } from "../ops/weight_loader.ts";
import { addFeedForward } from "./blocks/feed_forward.ts";
import { type LayerNorm, layerNormed, loadLayerNorm, normStream } from "./blocks/layer_norm.ts";
import { type LayerArithmetic, LayerStack } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { attend, type KeysAndValues, keysAndValues } from "./blocks/self_attention.ts";
import { refuseUnknown } from "./config_keys.ts";
import { type DebertaSettings, readDebertaSettings } from "./deberta_settings.ts";
import type { BackbonePlan, Family } from "./family.ts";
import { placesByDistance } from "./relative_places.ts";
import type { TokenPack } from "./token_pack.ts";

/** Names of what stands outside of the layers, after the prefix. */
const tokensName = "embeddings.word_embeddings.weight";
const positionsName = "embeddings.position_embeddings.weight";
const embeddingNormName = "embeddings.LayerNorm";
const relativeName = "encoder.rel_embeddings.weight";
const relativeNormName = "encoder.LayerNorm";
/** What names begin with in a model with a head; in a backbone alone with nothing. */
const usualPrefix = "deberta.";

/**
 * DeBERTa of version 2 and 3 (He et al. 2020 and 2021, arXiv 2006.03654 and 2111.09543), as `transformers`
 * names and stores it. Every token sees every other; scores have terms of content and of relative place;
 * norms come after each block:
 *
 *     x = norm(token)
 *     x = norm(x + attention(x) · output)      all linear maps with biases
 *     x = norm(x + gelu(x · in) · out)
 *
 * The vectors of relative places are each layer's own keys and queries of embeddings that all layers share.
 */
export const debertaV2: Family = {
  modelType: "deberta-v2",
  className: "DebertaV2",
  plan(facts, warn) {
    const reader = new ConfigReader(facts.config, `${facts.name}/config.json`);
    const settings = readDebertaSettings(reader, facts);
    refuseUnknown(reader, facts, warn);
    return planDeberta(settings, facts.tensors.has(tokensName) ? "" : usualPrefix);
  },
};

function planDeberta(settings: DebertaSettings, prefix: string): BackbonePlan {
  const own = new RegExp(
    `^${prefix.replace(".", "\\.")}(embeddings|encoder)\\.(layer\\.(\\d+)\\.)?`,
  );
  const { hiddenSize, intermediateSize, layers, relative } = settings;
  const plan: BackbonePlan = {
    family: debertaV2,
    hiddenSize,
    layers,
    vocabularySize: settings.vocabularySize,
    maxTokens: settings.maxTokens,
    causal: false,
    positions: relative === undefined ? "learnt" : "relative",
    settings: { ...settings },
    description: describe(settings),
    tensors: debertaTensors(settings, prefix),
    embeddingName: prefix + tokensName,
    languageHeadName: "cls.predictions.decoder.weight",
    owns: (tensor) => own.test(tensor),
    layerOf: (tensor) => {
      const layer = own.exec(tensor)?.[3];
      return layer === undefined ? undefined : Number(layer);
    },
    rowSizes: {
      widest: hiddenSize,
      // normed; queries, keys and values; mixed; the stream and what is mixed once more for products
      layer: 8 * hiddenSize,
      // the rows for products; what the first map gives, and the same after its activation
      feedForward: hiddenSize + 2 * intermediateSize,
      widestFeedForward: intermediateSize,
      waiting: hiddenSize + 16,
      kept: 0, // no token's keys are the same in another text
      // relative embeddings in f32, normed, and so for products; their keys and queries; the table of
      // places
      fixed: 5 * Math.ceil(placesOnDevice(settings) / 256) * 256 * hiddenSize +
        2 * reachOf(settings) + 1,
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

/** Rows that the vectors of relative places take: views begin at aligned rows. */
function placesOnDevice({ relative }: DebertaSettings): number {
  return Math.ceil(2 * (relative?.places.span ?? 0) / rowAlignment) * rowAlignment;
}

/** The distance up to which places are listed: beyond the farthest the last one stands for all. */
function reachOf({ relative, maxTokens }: DebertaSettings): number {
  return Math.max(maxTokens, relative?.places.farthest ?? 0);
}

/** The settings for people. */
function describe(settings: DebertaSettings): BackbonePlan["description"] {
  const { heads, hiddenSize, relative } = settings;
  const terms = { keys: "content to place", queries: "place to content", both: "both ways" };
  const places = relative?.places;
  return [
    ["attention", `${heads} heads of ${hiddenSize / heads}, every token sees every other`],
    [
      "positions",
      (settings.learntPositions ? "learnt; " : "") +
      (places === undefined || relative?.terms === undefined
        ? "no relative ones"
        : `relative, ${terms[relative.terms]}, ${2 * places.span} places` +
          (places.buckets === 0 ? "" : `, in buckets up to a distance of ${places.farthest}`)),
    ],
    ["feed-forward", `${settings.intermediateSize}, ${settings.activation}`],
  ];
}

/** The linear maps of a layer by what they are here. */
const maps = {
  query: "attention.self.query_proj",
  key: "attention.self.key_proj",
  value: "attention.self.value_proj",
  output: "attention.output.dense",
  in: "intermediate.dense",
  out: "output.dense",
} as const;
/** Those that make keys and queries of relative places, where they are not the layer's own. */
const relativeMaps = {
  keys: "attention.self.pos_key_proj",
  queries: "attention.self.pos_query_proj",
} as const;
const norms = { attentionNorm: "attention.output.LayerNorm", outputNorm: "output.LayerNorm" };

function layerPrefix(prefix: string, layer: number): string {
  return `${prefix}encoder.layer.${layer}.`;
}

/** Which relative vectors a layer makes, and whether by maps of its own. */
function relativeVectors({ relative }: DebertaSettings): readonly (keyof typeof relativeMaps)[] {
  if (relative?.terms === undefined) return [];
  return relative.terms === "both" ? ["keys", "queries"] : [relative.terms];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function debertaTensors(settings: DebertaSettings, prefix: string): ExpectedTensors {
  const { hiddenSize, intermediateSize, layers, relative } = settings;
  const tensors = new Map<string, readonly number[]>([
    [prefix + tokensName, [settings.vocabularySize, hiddenSize]],
  ]);
  if (settings.learntPositions) {
    tensors.set(prefix + positionsName, [settings.maxTokens, hiddenSize]);
  }
  if (relative !== undefined) {
    tensors.set(prefix + relativeName, [2 * relative.places.span, hiddenSize]);
  }
  const add = (name: string, ...shape: number[]): void => {
    tensors.set(`${name}.weight`, shape);
    tensors.set(`${name}.bias`, shape.slice(0, 1));
  };
  add(prefix + embeddingNormName, hiddenSize);
  if (settings.normsRelative) add(prefix + relativeNormName, hiddenSize);
  for (let layer = 0; layer < layers; layer++) {
    const at = layerPrefix(prefix, layer);
    for (const [map, name] of Object.entries(maps)) {
      const outputs = map === "in" ? intermediateSize : hiddenSize;
      const inputs = map === "out" ? intermediateSize : hiddenSize;
      add(at + name, outputs, inputs);
    }
    for (const name of Object.values(norms)) add(at + name, hiddenSize);
    if (relative?.sharesMaps !== false) continue;
    for (const vectors of relativeVectors(settings)) {
      add(at + relativeMaps[vectors], hiddenSize, hiddenSize);
    }
  }
  return tensors;
}

/** The weights of one layer. */
type DebertaLayer =
  & { readonly [map in keyof typeof maps]: Linear }
  & { readonly [norm in keyof typeof norms]: LayerNorm }
  & { readonly relative: readonly Linear[] };

/** What stands outside of the layers. */
interface Embeddings {
  readonly norm: LayerNorm;
  /** [positions, hidden], on the host. */
  readonly positions: Float32Array | undefined;
  /** [places, hidden], and its norm. */
  readonly relative: Matrix | undefined;
  readonly relativeNorm: LayerNorm | undefined;
  /** The place of each distance, [1, 2 · reach + 1]. */
  readonly places: Matrix | undefined;
}

async function openLayers(
  checkpoint: Checkpoint,
  loader: WeightLoader,
  settings: DebertaSettings,
  prefix: string,
): Promise<DebertaLayers> {
  const { relative, learntPositions, normsRelative, epsilon } = settings;
  const norm = (name: string): Promise<LayerNorm> =>
    loadLayerNorm(loader, prefix + name, { biased: true, epsilon });
  const isRelative = relative?.terms !== undefined;
  const vectors = isRelative ? await loader.vector(prefix + relativeName, 0, asStored) : undefined;
  return new DebertaLayers(settings, prefix, {
    norm: await norm(embeddingNormName),
    positions: learntPositions
      ? toFloat32(await checkpoint.read(prefix + positionsName))
      : undefined,
    relative: vectors?.reshape(2 * relative!.places.span, settings.hiddenSize),
    relativeNorm: isRelative && normsRelative ? await norm(relativeNormName) : undefined,
    places: isRelative
      ? loader.constant(placesByDistance(relative.places, reachOf(settings)))
      : undefined,
  });
}

class DebertaLayers implements LayerArithmetic<DebertaLayer> {
  constructor(
    readonly settings: DebertaSettings,
    readonly prefix: string,
    readonly embeddings: Embeddings,
  ) {}

  async load(loader: WeightLoader, layer: number): Promise<DebertaLayer> {
    const { relative, epsilon } = this.settings;
    const at = layerPrefix(this.prefix, layer);
    const map = (name: keyof typeof maps): Promise<Linear> => loader.linear(at + maps[name], true);
    const norm = (name: keyof typeof norms): Promise<LayerNorm> =>
      loadLayerNorm(loader, at + norms[name], { biased: true, epsilon });
    const [query, key] = [await map("query"), await map("key")];
    const own: Linear[] = [];
    for (const vectors of relativeVectors(this.settings)) {
      const shared = vectors === "keys" ? key : query;
      own.push(
        relative!.sharesMaps ? shared : await loader.linear(at + relativeMaps[vectors], true),
      );
    }
    return {
      query,
      key,
      value: await map("value"),
      output: await map("output"),
      in: await map("in"),
      out: await map("out"),
      attentionNorm: await norm("attentionNorm"),
      outputNorm: await norm("outputNorm"),
      relative: own,
    };
  }

  products(layer: DebertaLayer): readonly Weight[] {
    const { query, key, value, output } = layer;
    return [query, key, value, output, layer.in, layer.out].map(({ weight }) => weight);
  }

  /** Adds positions, where they are learnt. */
  embed(embedded: Float32Array, { spans }: TokenPack): void {
    const { embeddings: { positions }, settings: { hiddenSize } } = this;
    if (positions === undefined) return;
    for (let i = 0; i < embedded.length; i++) {
      const position = spans[4 * Math.floor(i / hiddenSize)]!;
      embedded[i]! += positions[position * hiddenSize + i % hiddenSize]!;
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  run(stream: PackStream, weights: DebertaLayer, layer: number): void {
    const { backend } = stream;
    const { layers, activation } = this.settings;
    if (layer === 0) normStream(stream, this.embeddings.norm);
    const { asked, ...seen } = keysAndValues(
      stream,
      stream.hidden,
      weights,
      layer,
      layer < layers - 1,
    );
    if (layer === layers - 1) stream.narrow();
    const queries = asked ?? linear(backend, stream.hidden, weights.query);
    const mixed = this.#attend(stream, queries, seen, weights);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
    normStream(stream, weights.attentionNorm);
    for (const hidden of stream.feedForwardBlocks()) {
      addFeedForward(backend, hidden, weights, activation, hidden);
    }
    normStream(stream, weights.outputNorm);
  }

  /** What the rows that ask take from those that they see; queries, keys and values are given back. */
  #attend(
    stream: PackStream,
    queries: Matrix,
    seen: KeysAndValues,
    weights: DebertaLayer,
  ): Matrix {
    const { heads, hiddenSize, scale, relative } = this.settings;
    const headDim = hiddenSize / heads;
    const { places } = this.embeddings;
    if (places === undefined) {
      return attend(stream, queries, seen, {
        heads,
        keyHeads: heads,
        headDim,
        scale,
        causal: false,
      }, 0);
    }
    const { backend, queries: { spans, blocks } } = stream;
    const output = backend.matrix(queries.rows, queries.columns);
    const vectors = this.#relativeVectors(stream, weights);
    backend.run(disentangledAttention, {
      queries,
      ...seen,
      relative: vectors,
      terms: relative!.terms!,
      places,
      spans,
      blocks,
      heads,
      headDim,
      scale,
      output,
    });
    backend.release(queries, seen.keys, seen.values, vectors);
    return output;
  }

  /** The layer's keys and queries of relative places, one below the other. */
  #relativeVectors({ backend }: PackStream, { relative: maps }: DebertaLayer): Matrix {
    const { relative, relativeNorm } = this.embeddings;
    const rows = placesOnDevice(this.settings);
    const input = relativeNorm === undefined
      ? relative!
      : layerNormed(backend, relative!, relativeNorm);
    const output = backend.matrix(maps.length * rows, input.columns);
    maps.forEach(({ weight, bias }, i) => {
      backend.run(matmul, { input, weight, bias, output: output.view(i * rows, input.rows) });
    });
    if (relativeNorm !== undefined) backend.release(input);
    return output;
  }

  /** The last layer's norm was the last. */
  finish(stream: PackStream): Matrix {
    return stream.take();
  }
}
