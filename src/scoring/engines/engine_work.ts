import { attention } from "../../ops/attention.ts";
import type { Backend } from "../../ops/backend.ts";
import { paddedSize } from "../../ops/layout.ts";
import { matmul } from "../../ops/matmul.ts";
import { quantizedType } from "../../ops/quantization/quantized_rows.ts";
import { queryBlocks } from "../../ops/query_blocks.ts";
import { isWeightType, rowBytesOf, type Weight, type WeightType } from "../../ops/weight.ts";
import { fingerprint } from "../../numbers/fingerprint.ts";
import type { ModelPlan } from "../model_plan.ts";

/** Matrix products with weights of one shape. */
export interface ProductShape {
  readonly type: WeightType;
  /** Outputs and inputs. */
  readonly rows: number;
  readonly columns: number;
  /** Weights of this shape in all layers. */
  readonly count: number;
}

/** Heads of a model's attention. */
export interface AttentionShape {
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
  readonly causal: boolean;
}

/** What a model asks of an engine, as far as its plan tells. */
export interface EngineWork {
  /** Names the model's shape: models of one shape are one to a clock. */
  readonly name: string;
  /** Numbers in the layers' matrices; twice as many operations for each token. */
  readonly weights: number;
  readonly layers: number;
  readonly products: readonly ProductShape[];
  /** `undefined` where the plan does not tell it in the usual words. */
  readonly attention: AttentionShape | undefined;
}

/** A model's work, told by its plan. */
export function workOf({ backbone, tensors }: ModelPlan): EngineWork {
  const products = new Map<string, ProductShape>();
  for (const { name, dtype, shape: [stored, inputs, ...more], quantized } of tensors.values()) {
    if (!backbone.owns(name) || backbone.layerOf(name) === undefined) continue;
    const type = quantized === undefined ? dtype : quantizedType(quantized);
    if (inputs === undefined || more.length > 0 || !isWeightType(type)) continue;
    const [rows, columns] = [paddedSize(stored!), paddedSize(inputs)];
    const key = `${type} ${rows}x${columns}`;
    const count = (products.get(key)?.count ?? 0) + 1;
    products.set(key, { type, rows, columns, count });
  }
  const shapes = [...products.values()];
  const weights = shapes.reduce((sum, { rows, columns, count }) => sum + rows * columns * count, 0);
  const { layers, family: { modelType } } = backbone;
  const heads = attentionOf(backbone);
  const shape = fingerprint(JSON.stringify([shapes, heads]));
  const millions = (weights / 1e6).toFixed(0);
  const name = `${modelType}, ${layers} layers, ${millions} M weights, ${shape}`;
  return { name, weights, layers, products: shapes, attention: heads };
}

function attentionOf({ settings, hiddenSize, causal }: ModelPlan["backbone"]) {
  const { heads } = settings;
  const { keyHeads = heads, headDim = hiddenSize / Number(heads) } = settings;
  const numbers = [heads, keyHeads, headDim].map(Number);
  if (!numbers.every((number) => Number.isInteger(number) && number > 0)) return undefined;
  const [own, keys, dim] = numbers as [number, number, number];
  return own % keys !== 0 ? undefined : {
    heads: own,
    keyHeads: keys,
    headDim: Math.ceil(dim / 8) * 8,
    causal,
  };
}

/** Tokens of the conversation that a part's weight is told for. */
const tokens = 512;
/** Rows of the products that are timed. */
const rows = 256;
/** Operations of products that are timed together, about: some 20 ms of two cores. */
const operationsTogether = 2e9;

/** A part on a backend. */
export interface PreparedPart {
  /** Computes it once. */
  run(): void;
  /** Frees its operands, once all is computed. */
  dispose(): void;
}

/** A part of a model's work that is timed by itself. */
export interface TimedPart {
  readonly name: string;
  /** How often it stands in the work for a conversation of 512 tokens. */
  readonly weight: number;
  /** Gets the part's operands ready. */
  prepare(backend: Backend): PreparedPart;
}

/** The parts of a model's work. What their operands hold does not matter to the time. */
export function timedParts(work: EngineWork): TimedPart[] {
  const parts = [productsPart(work)];
  if (work.attention !== undefined) parts.push(attentionPart(work.attention, work.layers));
  return parts;
}

/** Each shape of product by its share, of as many outputs as there is time for. */
export function timedProducts({ products, weights }: EngineWork): ProductShape[] {
  return products.flatMap(({ type, rows: outputs, columns, count }) => {
    const share = outputs * columns * count / weights;
    if (share < 0.05) return [];
    const affordable = share * operationsTogether / (2 * rows * columns);
    const taken = Math.min(outputs, Math.max(64, Math.round(affordable / 64) * 64));
    return [{ type, rows: taken, columns, count: Math.max(1, Math.round(affordable / taken)) }];
  });
}

function productsPart(work: EngineWork): TimedPart {
  const shapes = timedProducts(work);
  const timed = shapes.reduce((sum, shape) => sum + shape.rows * shape.columns * shape.count, 0);
  return {
    name: "products",
    weight: tokens * work.weights / (rows * timed),
    prepare(backend) {
      const weights = shapes.map(({ type, rows: outputs, columns }) => {
        const bytes = new Uint8Array(outputs * rowBytesOf(columns, type));
        return backend.weight(outputs, columns, type, bytes);
      });
      return {
        run: () => weights.forEach((weight, i) => multiply(backend, weight, shapes[i]!.count)),
        dispose: () => weights.forEach((weight) => weight[Symbol.dispose]()),
      };
    },
  };
}

function multiply(backend: Backend, weight: Weight, times: number): void {
  const input = backend.matrix(rows, weight.columns, "operand");
  const output = backend.matrix(rows, weight.rows);
  for (let i = 0; i < times; i++) backend.run(matmul, { input, weight, output });
  backend.release(input, output);
}

function attentionPart(shape: AttentionShape, layers: number): TimedPart {
  const { heads, keyHeads, headDim, causal } = shape;
  return {
    name: "attention",
    weight: layers,
    prepare(backend) {
      const own = Uint32Array.from({ length: 4 * tokens }, (_, i) => (i % 4 === 0 ? i / 4 : 0));
      const lengths = new Uint32Array(tokens).fill(tokens);
      const blocks = backend.uploadIndices(queryBlocks(own, lengths, backend.queriesPerBlock));
      const spans = backend.uploadIndices(own);
      const run = (): void => {
        const queries = backend.matrix(tokens, heads * headDim, "operand");
        const keys = backend.matrix(tokens, keyHeads * headDim, "operand");
        const values = backend.matrix(tokens, keyHeads * headDim);
        const output = backend.matrix(tokens, heads * headDim, "operand");
        const operands = { queries, keys, values, spans, blocks, output };
        backend.run(attention, { ...operands, heads, keyHeads, headDim, causal, window: 0 });
        backend.release(queries, keys, values, output);
      };
      return { run, dispose: () => backend.release(spans, blocks) };
    },
  };
}
