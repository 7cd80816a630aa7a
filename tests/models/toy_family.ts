import { ConfigReader } from "../../src/checkpoint/config_reader.ts";
import type { TensorToWrite } from "../../src/checkpoint/safetensors_writer.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { layerNormed } from "../../src/models/blocks/layer_norm.ts";
import { type LayerArithmetic, LayerStack } from "../../src/models/blocks/layer_stack.ts";
import { addLinear, linear } from "../../src/models/blocks/linear.ts";
import type { PackStream } from "../../src/models/blocks/pack_stream.ts";
import { attend, keysAndValues } from "../../src/models/blocks/self_attention.ts";
import type { BackbonePlan, Family } from "../../src/models/family.ts";
import type { TokenPack } from "../../src/models/token_pack.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { matmul } from "../../src/ops/matmul.ts";
import type { Matrix } from "../../src/ops/matrix.ts";
import type { Weight } from "../../src/ops/weight.ts";
import type { Linear, WeightLoader } from "../../src/ops/weight_loader.ts";
import { floats } from "../merging/tiny_checkpoint.ts";

/** Sizes of the toy: two heads of 16, three layers. */
export const toy = { hidden: 32, heads: 2, headDim: 16, inner: 48, layers: 3, positions: 1024 };

const epsilon = 1e-5;

/**
 * A family that is none of Assay's: layer norms, learnt positions, a feed-forward block without a gate.
 * It stands for whatever a new family may bring, and nothing outside of this file knows it.
 *
 *     x  = token + position
 *     x += attention(norm(x)) · output
 *     x += relu(norm(x) · in + bias) · out
 */
export const toyFamily: Family = {
  modelType: "toy",
  className: "Toy",
  plan({ name, config }) {
    const vocabularySize = new ConfigReader(config, name).count("vocab_size");
    const plan: BackbonePlan = {
      family: toyFamily,
      hiddenSize: toy.hidden,
      layers: toy.layers,
      vocabularySize,
      maxTokens: toy.positions,
      causal: true,
      positions: "learnt",
      settings: { layers: toy.layers, hiddenSize: toy.hidden, vocabularySize, toy: "yes" },
      description: [["attention", `${toy.heads} heads of ${toy.headDim}, positions learnt`]],
      tensors: new Map(shapes(vocabularySize)),
      embeddingName: "toy.tokens",
      languageHeadName: "toy_head",
      owns: (tensor) => tensor.startsWith("toy."),
      layerOf: (tensor) => {
        const layer = /^toy\.(\d+)\./.exec(tensor)?.[1];
        return layer === undefined ? undefined : Number(layer);
      },
      rowSizes: {
        widest: toy.hidden,
        layer: 7 * toy.hidden,
        feedForward: toy.hidden + toy.inner,
        widestFeedForward: toy.inner,
        waiting: toy.hidden + 16,
        kept: toy.layers * 2 * toy.hidden,
      },
      load: (checkpoint, backend, options) =>
        LayerStack.load({
          plan,
          checkpoint,
          backend,
          ropes: [],
          async open(loader) {
            const positions = toFloat32(await checkpoint.read("toy.positions"));
            return new ToyLayers(positions, await normOf(loader, "toy.norm"));
          },
        }, options),
    };
    return plan;
  },
};

type Norm = { readonly weight: Matrix; readonly bias: Matrix; readonly epsilon: number };

interface ToyLayer {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly output: Linear;
  readonly in: Linear;
  readonly out: Linear;
  readonly before: Norm;
  readonly after: Norm;
}

async function normOf(loader: WeightLoader, name: string): Promise<Norm> {
  const weight = await loader.vector(`${name}.weight`);
  return { weight, bias: await loader.vector(`${name}.bias`), epsilon };
}

class ToyLayers implements LayerArithmetic<ToyLayer> {
  constructor(readonly positions: Float32Array, readonly norm: Norm) {}

  embed(embedded: Float32Array, { spans }: TokenPack): void {
    for (let i = 0; i < embedded.length; i++) {
      const position = spans[4 * Math.floor(i / toy.hidden)]!;
      embedded[i]! += this.positions[position * toy.hidden + i % toy.hidden]!;
    }
  }

  async load(loader: WeightLoader, layer: number): Promise<ToyLayer> {
    const at = `toy.${layer}.`;
    return {
      query: await loader.linear(`${at}query`, false),
      key: await loader.linear(`${at}key`, false),
      value: await loader.linear(`${at}value`, false),
      output: await loader.linear(`${at}output`, false),
      in: await loader.linear(`${at}in`, true),
      out: await loader.linear(`${at}out`, true),
      before: await normOf(loader, `${at}before`),
      after: await normOf(loader, `${at}after`),
    };
  }

  products(layer: ToyLayer): readonly Weight[] {
    return [layer.query, layer.key, layer.value, layer.output, layer.in, layer.out]
      .map(({ weight }) => weight);
  }

  run(stream: PackStream, weights: ToyLayer, layer: number): void {
    const { backend } = stream;
    let input = layerNormed(backend, stream.hidden, weights.before);
    const seen = keysAndValues(stream, input, weights, layer);
    if (layer === toy.layers - 1) {
      stream.narrow();
      backend.release(input);
      input = layerNormed(backend, stream.hidden, weights.before);
    }
    const queries = linear(backend, input, weights.query);
    backend.release(input);
    const mixed = attend(stream, queries, seen, { ...toy, keyHeads: toy.heads }, 0);
    addLinear(backend, mixed, weights.output, stream.hidden);
    backend.release(mixed);
    for (const hidden of stream.feedForwardBlocks()) {
      const normed = layerNormed(backend, hidden, weights.after);
      const { weight, bias } = weights.in;
      const inner = backend.matrix(normed.rows, weight.rows);
      backend.run(matmul, { input: normed, weight, bias, activation: "relu", output: inner });
      addLinear(backend, inner, weights.out, hidden);
      backend.release(normed, inner);
    }
  }

  finish({ backend, hidden }: PackStream): Matrix {
    return layerNormed(backend, hidden, this.norm);
  }
}

function shapes(vocabulary: number): [string, readonly number[]][] {
  const { hidden, inner, positions, layers } = toy;
  const norm = (name: string): [string, readonly number[]][] => [
    [`${name}.weight`, [hidden]],
    [`${name}.bias`, [hidden]],
  ];
  return [
    ["toy.tokens", [vocabulary, hidden]],
    ["toy.positions", [positions, hidden]],
    ...norm("toy.norm"),
    ...Array.from({ length: layers }, (_, layer) => {
      const at = `toy.${layer}.`;
      return [
        ...["query", "key", "value", "output"].map((name): [string, readonly number[]] => [
          `${at}${name}.weight`,
          [hidden, hidden],
        ]),
        [`${at}in.weight`, [inner, hidden]],
        [`${at}in.bias`, [inner]],
        [`${at}out.weight`, [hidden, inner]],
        [`${at}out.bias`, [hidden]],
        ...norm(`${at}before`),
        ...norm(`${at}after`),
      ] as [string, readonly number[]][];
    }).flat(),
  ];
}

/** The toy's weights, by name; the same for the same vocabulary. */
export function toyWeights(vocabulary: number): Map<string, Float32Array> {
  const random = seededRandom(12);
  return new Map(
    shapes(vocabulary).map(([name, shape]) => {
      const count = shape.reduce((a, b) => a * b);
      const scale = shape.length === 1 ? 0.5 : 3 / Math.sqrt(shape[1]!);
      return [name, Float32Array.from({ length: count }, () => scale * (2 * random() - 1))];
    }),
  );
}

/** The toy's tensors, to be written. */
export function toyTensors(vocabulary: number): TensorToWrite[] {
  const weights = toyWeights(vocabulary);
  return shapes(vocabulary).map(([name, shape]) => floats(name, shape, [...weights.get(name)!]));
}
