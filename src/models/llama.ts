import type { ExpectedTensors } from "../checkpoint/check_tensors.ts";
import { ConfigReader } from "../checkpoint/config_reader.ts";
import type { Backend, MatrixUse } from "../ops/backend.ts";
import { byHead, type LayOut, paddedHeadDim, paddedSize } from "../ops/layout.ts";
import type { Matrix } from "../ops/matrix.ts";
import type { Weight } from "../ops/weight.ts";
import type { Linear, MapLayout, WeightLoader } from "../ops/weight_loader.ts";
import { addGatedFeedForward, type GatedFeedForward } from "./blocks/gated_feed_forward.ts";
import { type LayerArithmetic, LayerStack, type Readings } from "./blocks/layer_stack.ts";
import { addLinear, linear } from "./blocks/linear.ts";
import { addExperts, type MixtureOfExperts } from "./blocks/mixture_of_experts.ts";
import type { PackStream } from "./blocks/pack_stream.ts";
import { headNormed, rmsNormed } from "./blocks/rms_norm.ts";
import { attend, keysAndValues, turned } from "./blocks/self_attention.ts";
import { refuseUnknown, refuseUnsupported } from "./config_keys.ts";
import * as mixture from "./experts.ts";
import type { BackbonePlan, Family } from "./family.ts";
import { type LlamaSettings, type LlamaVariant, readSettings } from "./llama_settings.ts";
import { RopeTable } from "./rope_frequencies.ts";
import { describeRope } from "./rope_settings.ts";
import { namesUnder } from "./tensor_names.ts";
import { unsupported } from "./unsupported.ts";

/** Names of the tensors. */
const names = namesUnder("model.");

/**
 * Llama (Touvron et al. 2023, arXiv 2302.13971), as `transformers` names and stores it. Before each
 * block a norm, after it a residual sum:
 *
 *     x += attention(norm(x)) · output          q, k turned by rope; grouped queries; causal
 *     x += (silu(h · gate) * (h · up)) · down   with h = norm(x)
 */
export const llama: Family = llamaFamily({
  modelType: "llama",
  className: "Llama",
  readsFeedForwardBias: true,
  windows(reader, layers, window) {
    if (window !== 0) throw unsupported(reader, "sliding_window", "only without it", window);
    return new Array(layers).fill(0);
  },
  checkTypedWindows(reader, windows) {
    if (windows.every((window) => window === 0)) return;
    const types = reader.value("layer_types");
    throw unsupported(reader, "layer_types", "full_attention alone, as transformers' Llama", types);
  },
});

/** An architecture that computes with Llama's layers. */
export function llamaFamily(variant: LlamaVariant): Family {
  const family: Family = {
    modelType: variant.modelType,
    className: variant.className,
    plan(facts, warn) {
      const { name, config, tensors } = facts;
      const completed = variant.completed?.(config) ?? config;
      const reader = new ConfigReader(completed, `${name}/config.json`);
      refuseUnsupported(reader, variant.readExperts && ["num_experts", "num_local_experts"]);
      const settings = readSettings(reader, variant, { tensors, warn });
      refuseUnknown(reader, facts, warn);
      mixture.checkExperts(settings.experts, facts, names.layerPrefix);
      return planLlama(family, settings);
    },
  };
  return family;
}

function planLlama(family: Family, settings: LlamaSettings): BackbonePlan {
  const { hiddenSize, heads, keyHeads, headDim, layers } = settings;
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
    tensors: llamaTensors(settings),
    embeddingName: names.embedding,
    languageHeadName: "lm_head.weight",
    owns: names.owns,
    layerOf: names.layerOf,
    rowSizes: mixture.withExperts(settings, {
      widest: Math.max(onDevice.hidden, heads * onDevice.head),
      // hidden, normed; queries, keys and values as products give them and as attention takes them; mixed
      layer: onDevice.hidden + (3 * heads + 5 * keyHeads) * onDevice.head,
      feedForward: onDevice.hidden + onDevice.inner,
      widestFeedForward: onDevice.inner,
      waiting: onDevice.hidden + 2 * (8 + onDevice.head),
      kept: layers * 2 * keyHeads * onDevice.head,
    }),
    load: (checkpoint, backend, options) =>
      LayerStack.load({
        plan,
        checkpoint,
        backend,
        ropes: [new RopeTable(settings.rope, headDim)],
        open: async (loader) => new LlamaLayers(settings, await loader.vector(names.finalNorm)),
      }, options),
  };
  return plan;
}

/** The settings for people. */
function describe(settings: LlamaSettings): BackbonePlan["description"] {
  const { heads, keyHeads, headDim, queryKeyNorms, rope, biases } = settings;
  const windows = [...new Set(settings.windows.filter((window) => window > 0))];
  const named = Object.entries(biases).filter(([, is]) => is).map(([name]) => name);
  return [
    [
      "attention",
      `${heads} heads over ${keyHeads} key heads of ${headDim}` +
      (queryKeyNorms ? ", queries and keys normed" : "") +
      (windows.length === 0 ? "" : `, window ${windows.join(", ")}`),
    ],
    ["feed-forward", `${settings.intermediateSize}`],
    ...mixture.describeExperts(settings.experts),
    ["rope", describeRope(rope)],
    ["biases", named.length === 0 ? "none" : named.join(", ")],
  ];
}

/** Shapes of all tensors, by name: linear maps are [outputs, inputs]. */
function llamaTensors(settings: LlamaSettings): ExpectedTensors {
  const { hiddenSize, intermediateSize, headDim, biases } = settings;
  const queries = settings.heads * headDim;
  const keys = settings.keyHeads * headDim;
  const tensors = new Map<string, readonly number[]>([
    [names.embedding, [settings.vocabularySize, hiddenSize]],
    [names.finalNorm, [hiddenSize]],
  ]);
  for (let layer = 0; layer < settings.layers; layer++) {
    const prefix = names.layerPrefix(layer);
    const norm = (name: string, size: number) => tensors.set(`${prefix}${name}.weight`, [size]);
    const linear = (name: string, outputs: number, inputs: number, bias: boolean): void => {
      tensors.set(`${prefix}${name}.weight`, [outputs, inputs]);
      if (bias) tensors.set(`${prefix}${name}.bias`, [outputs]);
    };
    norm("input_layernorm", hiddenSize);
    linear("self_attn.q_proj", queries, hiddenSize, biases.queryKeyValue);
    linear("self_attn.k_proj", keys, hiddenSize, biases.queryKeyValue);
    linear("self_attn.v_proj", keys, hiddenSize, biases.queryKeyValue);
    linear("self_attn.o_proj", hiddenSize, queries, biases.attentionOutput);
    if (settings.queryKeyNorms) norm("self_attn.q_norm", headDim);
    if (settings.queryKeyNorms) norm("self_attn.k_norm", headDim);
    norm("post_attention_layernorm", hiddenSize);
    if (settings.experts?.layers[layer]) {
      mixture.addTensors(tensors, settings.experts, prefix, hiddenSize);
      continue;
    }
    linear("mlp.gate_proj", intermediateSize, hiddenSize, biases.feedForward);
    linear("mlp.up_proj", intermediateSize, hiddenSize, biases.feedForward);
    linear("mlp.down_proj", hiddenSize, intermediateSize, biases.feedForward);
  }
  return tensors;
}

/** The weights of one layer. */
interface LlamaLayer {
  readonly inputNorm: Matrix;
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  /** By-head norms of queries and keys. */
  readonly queryNorm: Matrix | undefined;
  readonly keyNorm: Matrix | undefined;
  readonly feedForwardNorm: Matrix;
  readonly feedForward: GatedFeedForward | MixtureOfExperts;
}

class LlamaLayers implements LayerArithmetic<LlamaLayer> {
  readonly otherKind: number | undefined;

  constructor(readonly settings: LlamaSettings, readonly finalNorm: Matrix) {
    this.otherKind = mixture.otherKind(settings.experts);
  }

  async load(loader: WeightLoader, layer: number): Promise<LlamaLayer> {
    const { biases, queryKeyNorms, headDim, experts } = this.settings;
    const prefix = names.layerPrefix(layer);
    const linear = (name: string, bias: boolean, layout?: MapLayout): Promise<Linear> =>
      loader.linear(prefix + name, bias, layout);
    const norm = (name: string, layOut?: LayOut): Promise<Matrix> =>
      loader.vector(`${prefix}${name}.weight`, 0, layOut);
    const heads = byHead(headDim);
    return {
      inputNorm: await norm("input_layernorm"),
      query: await linear("self_attn.q_proj", biases.queryKeyValue, { outputs: heads }),
      key: await linear("self_attn.k_proj", biases.queryKeyValue, { outputs: heads }),
      value: await linear("self_attn.v_proj", biases.queryKeyValue, { outputs: heads }),
      output: await linear("self_attn.o_proj", biases.attentionOutput, { inputs: heads }),
      queryNorm: queryKeyNorms ? await norm("self_attn.q_norm", heads) : undefined,
      keyNorm: queryKeyNorms ? await norm("self_attn.k_norm", heads) : undefined,
      feedForwardNorm: await norm("post_attention_layernorm"),
      feedForward: experts?.layers[layer] ? await mixture.loadExperts(loader, experts, prefix) : {
        gate: await linear("mlp.gate_proj", biases.feedForward),
        up: await linear("mlp.up_proj", biases.feedForward),
        down: await linear("mlp.down_proj", biases.feedForward),
      },
    };
  }

  products({ query, key, value, output, feedForward: block }: LlamaLayer): readonly Weight[] {
    const attention = [query, key, value, output].map(({ weight }) => weight);
    if ("experts" in block) return [...attention, ...mixture.expertProducts(block)];
    return [...attention, ...[block.gate, block.up, block.down].map(({ weight }) => weight)];
  }

  run(stream: PackStream, weights: LlamaLayer, layer: number): Readings | void {
    this.#addAttention(stream, weights, layer);
    const { backend } = stream;
    const { feedForward, feedForwardNorm: norm } = weights;
    if ("experts" in feedForward) {
      return addExperts(stream, (hidden) => this.#norm(backend, hidden, norm, "rows"), feedForward);
    }
    for (const hidden of stream.feedForwardBlocks()) {
      addGatedFeedForward(backend, this.#norm(backend, hidden, norm), feedForward, hidden);
    }
  }

  /** In the last layer only the pooled rows need queries, the output projection and what follows. */
  #addAttention(stream: PackStream, weights: LlamaLayer, layer: number): void {
    const { backend } = stream;
    const { layers, windows } = this.settings;
    let input = this.#norm(backend, stream.hidden, weights.inputNorm);
    const { keys: unturned, values, asked } = keysAndValues(
      stream,
      input,
      weights,
      layer,
      layer < layers - 1,
    );
    const keys = this.#turned(backend, unturned, weights.keyNorm, stream.keyAngles());
    if (layer === layers - 1) {
      stream.narrow();
      backend.release(input);
      input = this.#norm(backend, stream.hidden, weights.inputNorm);
    }
    const asking = asked ?? linear(backend, input, weights.query);
    const queries = this.#turned(backend, asking, weights.queryNorm, stream.queryAngles());
    backend.release(input);
    const mixed = attend(stream, queries, { keys, values }, this.settings, windows[layer]!);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
  }

  /** Queries or keys, normed by head where the model does so, turned by their positions. */
  #turned(backend: Backend, input: Matrix, weight: Matrix | undefined, angles: Matrix): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    const normed = weight === undefined ? input : headNormed(backend, input, { weight, epsilon });
    return turned(backend, normed, angles);
  }

  #norm(backend: Backend, input: Matrix, weight: Matrix, use: MatrixUse = "operand"): Matrix {
    const { rmsEpsilon: epsilon } = this.settings;
    return rmsNormed(backend, input, { weight, epsilon }, use);
  }

  finish({ backend, hidden }: PackStream): Matrix {
    const { finalNorm: weight, settings: { rmsEpsilon: epsilon } } = this;
    return rmsNormed(backend, hidden, { weight, epsilon });
  }
}
