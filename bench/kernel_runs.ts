/**
 * One run of each operation at a shape of one's choice, to be timed: operands whose content does not
 * matter, and how much work they are.
 *
 * @module
 */
import type { Recorder } from "../src/gpu/recorder.ts";
import { activate } from "../src/ops/activate.ts";
import { applyGate } from "../src/ops/apply_gate.ts";
import { attention } from "../src/ops/attention.ts";
import type { Backend } from "../src/ops/backend.ts";
import { disentangledAttention } from "../src/ops/disentangled_attention.ts";
import { causalConvolution } from "../src/ops/causal_convolution.ts";
import { gatedDeltaRule } from "../src/ops/gated_delta_rule.ts";
import { gatedMatmul } from "../src/ops/gated_matmul.ts";
import { gatherRows } from "../src/ops/gather_rows.ts";
import { layerNorm } from "../src/ops/layer_norm.ts";
import { logSoftmaxSlice } from "../src/ops/log_softmax_slice.ts";
import { matmul } from "../src/ops/matmul.ts";
import { Indices, Matrix } from "../src/ops/matrix.ts";
import { meanRows } from "../src/ops/mean_rows.ts";
import type { Operation } from "../src/ops/operation.ts";
import { queryBlocks } from "../src/ops/query_blocks.ts";
import { queryKeyValue } from "../src/ops/query_key_value.ts";
import { rmsNorm } from "../src/ops/rms_norm.ts";
import { rope } from "../src/ops/rope.ts";
import { scatterRows } from "../src/ops/scatter_rows.ts";
import { softmaxGate } from "../src/ops/softmax_gate.ts";
import { rowBytesOf, Weight, type WeightType } from "../src/ops/weight.ts";

/** How much a run is: multiplications and additions, or bytes that are read and written at least. */
export interface Work {
  readonly unit: "operations" | "bytes";
  readonly amount: number;
}

/** A run of an operation, its operands on the backend. */
export interface KernelRun extends Work, Disposable {
  /** The operands' weights, of a product; its tile depends on them. */
  readonly weights: readonly Weight[];
  /** Records the kernel once, of a GPU. */
  record(recorder: Recorder): void;
  /** Runs the operation once. */
  run(): void;
}

/** How runs of an operation are made. */
export interface KernelRuns {
  /** What the numbers of a shape are. */
  readonly dimensions: readonly string[];
  /** Shapes of real models: for a processor, be it by a software adapter, and for a GPU. */
  readonly shapes: {
    readonly software: readonly (readonly number[])[];
    readonly gpu: readonly (readonly number[])[];
  };
  /** How much a run is. */
  work(shape: readonly number[]): Work;
  /**
   * Puts operands on the backend.
   *
   * @param type The type of weights, where there are any.
   * @throws {AssayError} `ops/shape` for a shape that the operation does not take.
   */
  prepare(backend: Backend, shape: readonly number[], type: WeightType): KernelRun;
}

/** Of a few numbers of a shape, checked by the caller to be as many as there are dimensions. */
type Numbers = readonly [number, number, number, number];

function define<Operands extends object>(
  operation: Operation<Operands>,
  { dimensions, shapes, work, operands }: {
    readonly dimensions: readonly string[];
    readonly shapes: KernelRuns["shapes"];
    readonly work: (...shape: Numbers) => Work;
    readonly operands: (backend: Backend, type: WeightType, ...shape: Numbers) => Operands;
  },
): KernelRuns {
  return {
    dimensions,
    shapes,
    work: (shape) => work(...shape as unknown as Numbers),
    prepare: (backend, shape, type) => {
      const numbers = shape as unknown as Numbers;
      const held = operands(backend, type, ...numbers);
      operation.check(held);
      const values: unknown[] = Object.values(held);
      const weights = values.filter((value) => value instanceof Weight);
      return {
        ...work(...numbers),
        weights,
        record: (recorder) => operation.onGpu(recorder, held),
        run: () => backend.run(operation, held),
        [Symbol.dispose]: () => {
          for (const value of values) {
            if (value instanceof Matrix || value instanceof Indices) backend.release(value);
          }
          for (const weight of weights) weight[Symbol.dispose]();
        },
      };
    },
  };
}

const bytes = (numbers: number): Work => ({ unit: "bytes", amount: 4 * numbers });
const operations = (amount: number): Work => ({ unit: "operations", amount });

function weightOf(backend: Backend, rows: number, columns: number, type: WeightType): Weight {
  return backend.weight(rows, columns, type, new Uint8Array(rows * rowBytesOf(columns, type)));
}

/** Shapes of the kernels that work through rows. */
const rowShapes: KernelRuns["shapes"] = { software: [[512, 2048]], gpu: [[2048, 4096]] };

/** The runs of every operation, by its name. */
export const kernelRuns: Readonly<Record<string, KernelRuns>> = {
  rms_norm: define(rmsNorm, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(2 * rows * columns + columns),
    operands: (backend, _, rows, columns) => ({
      input: backend.matrix(rows, columns),
      weight: backend.matrix(1, columns),
      epsilon: 1e-5,
      output: backend.matrix(rows, columns, "operand"),
    }),
  }),
  layer_norm: define(layerNorm, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(2 * rows * columns + 2 * columns),
    operands: (backend, _, rows, columns) => ({
      input: backend.matrix(rows, columns),
      weight: backend.matrix(1, columns),
      bias: backend.matrix(1, columns),
      epsilon: 1e-5,
      output: backend.matrix(rows, columns),
    }),
  }),
  matmul: define(matmul, {
    dimensions: ["rows", "columns", "inner"],
    shapes: {
      software: [[64, 256, 1024], [256, 2048, 1024]],
      gpu: [[16, 4096, 4096], [512, 4096, 4096], [2048, 14336, 4096]],
    },
    work: (rows, columns, inner) => operations(2 * rows * columns * inner),
    operands: (backend, type, rows, columns, inner) => ({
      weight: weightOf(backend, columns, inner, type),
      input: backend.matrix(rows, inner, "operand"),
      output: backend.matrix(rows, columns),
    }),
  }),
  gated_matmul: define(gatedMatmul, {
    dimensions: ["rows", "columns", "inner"],
    shapes: { software: [[256, 2048, 768]], gpu: [[512, 14336, 4096]] },
    work: (rows, columns, inner) => operations(4 * rows * columns * inner),
    operands: (backend, type, rows, columns, inner) => ({
      gate: weightOf(backend, columns, inner, type),
      up: weightOf(backend, columns, inner, type),
      input: backend.matrix(rows, inner, "operand"),
      output: backend.matrix(rows, columns, "operand"),
    }),
  }),
  query_key_value: define(queryKeyValue, {
    dimensions: ["rows", "queries", "keys", "inner"],
    shapes: { software: [[256, 768, 768, 768]], gpu: [[512, 4096, 1024, 4096]] },
    work: (rows, queries, keys, inner) => operations(2 * rows * (queries + 2 * keys) * inner),
    operands: (backend, type, rows, queries, keys, inner) => ({
      query: weightOf(backend, queries, inner, type),
      key: weightOf(backend, keys, inner, type),
      value: weightOf(backend, keys, inner, type),
      input: backend.matrix(rows, inner, "operand"),
      queries: backend.matrix(rows, queries),
      keys: backend.matrix(rows, keys),
      values: backend.matrix(rows, keys),
    }),
  }),
  rope: define(rope, {
    dimensions: ["rows", "heads", "head dimensions"],
    shapes: { software: [[512, 12, 64]], gpu: [[2048, 32, 128]] },
    work: (rows, heads, headDim) => bytes(rows * headDim * (2 * heads + 1)),
    operands: (backend, _, rows, heads, headDim) => ({
      input: backend.matrix(rows, heads * headDim),
      angles: backend.matrix(rows, headDim),
      output: backend.matrix(rows, heads * headDim, "operand"),
    }),
  }),
  attention: define(attention, {
    dimensions: ["tokens", "heads", "key heads", "head dimensions"],
    shapes: { software: [[512, 12, 12, 64]], gpu: [[512, 12, 12, 64], [2048, 32, 8, 128]] },
    // Two products over the keys that each position of one conversation sees.
    work: (tokens, heads, _, headDim) => operations(2 * heads * headDim * tokens * (tokens + 1)),
    operands: attentionOperands,
  }),
  activate: define(activate, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(2 * rows * columns),
    operands: (backend, _, rows, columns) => ({
      input: backend.matrix(rows, columns),
      activation: "gelu",
      output: backend.matrix(rows, columns, "operand"),
    }),
  }),
  disentangled_attention: define(disentangledAttention, {
    dimensions: ["tokens", "heads", "head dimensions", "places"],
    shapes: { software: [[256, 12, 64, 512]], gpu: [[512, 16, 64, 512]] },
    // Three products for the scores and one for the sums.
    work: (tokens, heads, headDim) => operations(8 * heads * headDim * tokens * tokens),
    operands: (backend, type, tokens, heads, headDim, places) => {
      const { spans, blocks } = attentionOperands(backend, type, tokens, heads, heads, headDim);
      const matrix = (rows: number): Matrix => backend.matrix(rows, heads * headDim);
      return {
        queries: matrix(tokens),
        keys: matrix(tokens),
        values: matrix(tokens),
        relative: matrix(2 * places),
        terms: "both" as const,
        // A place for each distance, up to half as many as there are places.
        places: backend.upload(
          1,
          2 * places + 1,
          Float32Array.from(
            { length: 2 * places + 1 },
            (_, i) => Math.min(places - 1, Math.max(0, i - (places >> 1))),
          ),
        ),
        spans,
        blocks,
        heads,
        headDim,
        scale: 0.1,
        output: matrix(tokens),
      };
    },
  }),
  gather_rows: define(gatherRows, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(2 * rows * columns + rows),
    operands: (backend, _, rows, columns) => ({
      input: backend.matrix(rows, columns),
      rows: backend.uploadIndices(Uint32Array.from({ length: rows }, (_, row) => row)),
      output: backend.matrix(rows, columns),
    }),
  }),
  apply_gate: define(applyGate, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(3 * rows * columns),
    operands: (backend, _, rows, columns) => ({
      gate: backend.matrix(rows, columns),
      input: backend.matrix(rows, columns),
      activation: "sigmoid",
    }),
  }),
  causal_convolution: define(causalConvolution, {
    dimensions: ["rows", "columns", "taps"],
    shapes: { software: [[512, 2048, 4]], gpu: [[2048, 8192, 4]] },
    work: (rows, columns, taps) => bytes(2 * rows * columns + taps * columns),
    operands: (backend, _, rows, columns, taps) => ({
      input: backend.matrix(rows, columns),
      weights: backend.matrix(columns, taps),
      spans: backend.uploadIndices(
        Uint32Array.from({ length: 4 * rows }, (_, i) => i % 4 === 0 ? i / 4 : 0),
      ),
      output: backend.matrix(rows, columns),
    }),
  }),
  gated_delta_rule: define(gatedDeltaRule, {
    dimensions: ["tokens", "heads", "key heads", "head dimensions"],
    shapes: { software: [[256, 8, 4, 64]], gpu: [[2048, 32, 16, 128]] },
    // Of one conversation; a state is decayed, read, changed and read again.
    work: (tokens, heads, _, headDim) => operations(7 * tokens * heads * headDim * headDim),
    operands: (backend, _, tokens, heads, keyHeads, headDim) => ({
      queries: backend.matrix(tokens, keyHeads * headDim),
      keys: backend.matrix(tokens, keyHeads * headDim),
      values: backend.matrix(tokens, heads * headDim),
      decays: backend.matrix(tokens, heads),
      strengths: backend.matrix(tokens, heads),
      parameters: backend.matrix(2, heads),
      starts: backend.uploadIndices(Uint32Array.of(0, tokens)),
      heads,
      keyHeads,
      output: backend.matrix(tokens, heads * headDim),
    }),
  }),
  scatter_rows: define(scatterRows, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(3 * rows * columns + 2 * rows),
    operands: (backend, _, rows, columns) => ({
      input: backend.matrix(rows, columns),
      rows: backend.uploadIndices(Uint32Array.from({ length: rows }, (_, row) => row)),
      weights: backend.matrix(rows, 1),
      output: backend.matrix(rows, columns),
    }),
  }),
  mean_rows: define(meanRows, {
    dimensions: ["rows", "columns"],
    shapes: rowShapes,
    work: (rows, columns) => bytes(rows * columns + columns + rows),
    operands: (backend, _, rows, columns) => ({
      input: backend.matrix(rows, columns),
      rows: backend.uploadIndices(Uint32Array.from({ length: rows }, (_, row) => row)),
      starts: backend.uploadIndices(Uint32Array.of(0, rows)),
      output: backend.matrix(1, columns),
    }),
  }),
  log_softmax_slice: define(logSoftmaxSlice, {
    dimensions: ["rows", "columns"],
    shapes: { software: [[512, 4096]], gpu: [[512, 4096]] },
    work: (rows, columns) => bytes(rows * columns + 5 * rows),
    operands: (backend, _, rows, columns) => ({
      logits: backend.matrix(rows, columns),
      targets: backend.uploadIndices(new Uint32Array(rows)),
      slice: backend.uploadIndices(Uint32Array.of(0, columns)),
      state: backend.matrix(rows, 4),
    }),
  }),
  softmax_gate: define(softmaxGate, {
    dimensions: ["rows", "objectives"],
    shapes: { software: [[512, 19]], gpu: [[4096, 19]] },
    work: (rows, objectives) => bytes(2 * rows * objectives),
    operands: (backend, _, rows, objectives) => ({
      logits: backend.matrix(rows, objectives),
      temperature: 10,
      logitScale: 1,
    }),
  }),
};

/** One conversation, every position asking. */
function attentionOperands(
  backend: Backend,
  _: WeightType,
  ...[tokens, heads, keyHeads, headDim]: Numbers
) {
  const operand = (count: number): Matrix => backend.matrix(tokens, count * headDim, "operand");
  const spans = Uint32Array.from({ length: 4 * tokens }, (_, i) => (i % 4 === 0 ? i / 4 : 0));
  const lengths = new Uint32Array(tokens).fill(tokens);
  return {
    queries: operand(heads),
    keys: operand(keyHeads),
    values: operand(keyHeads),
    spans: backend.uploadIndices(spans),
    blocks: backend.uploadIndices(queryBlocks(spans, lengths, backend.queriesPerBlock)),
    heads,
    keyHeads,
    headDim,
    window: 0,
    output: operand(heads),
  };
}
