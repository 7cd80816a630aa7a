import { activate } from "../activate.ts";
import { attention } from "../attention.ts";
import { disentangledAttention } from "../disentangled_attention.ts";
import { queryBlocks } from "../query_blocks.ts";
import { gatedMatmul } from "../gated_matmul.ts";
import { gatherRows } from "../gather_rows.ts";
import { layerNorm } from "../layer_norm.ts";
import { logSoftmaxSlice } from "../log_softmax_slice.ts";
import { matmul } from "../matmul.ts";
import type { Matrix } from "../matrix.ts";
import { meanRows } from "../mean_rows.ts";
import { type Weight, weightTypes } from "../weight.ts";
import type { Backend } from "../backend.ts";
import { queryKeyValue } from "../query_key_value.ts";
import { rmsNorm } from "../rms_norm.ts";
import { rope } from "../rope.ts";
import { scatterRows } from "../scatter_rows.ts";
import { softmaxGate } from "../softmax_gate.ts";
import {
  paddedInput,
  poisoned,
  raggedSpans,
  randomDraws,
  type Trial,
  uses,
  weightBytes,
} from "./draws.ts";
import { linearAttentionTrials } from "./linear_attention_trials.ts";

/**
 * Largest relative difference of a kernel from its twin that rounding explains, in sums of a few hundred
 * f32 terms; a wrong index gives about 1.
 */
export const tolerance = 5e-6;

/** One trial for each kernel, its shapes drawn at random; the same seed gives the same numbers. */
export const trials: Readonly<Record<string, Trial>> = {
  ...linearAttentionTrials,

  rms_norm(backend, random) {
    const rows = random.integer(1, random.large ? 500 : 70);
    const columns = 4 * random.integer(1, 80);
    const use = random.pick(uses);
    const accumulate = use === "rows" && random.pick([true, false]);
    const output = accumulate
      ? backend.upload(rows, columns, random.numbers(rows * columns))
      : poisoned(backend, rows, columns, use);
    const { input, padding } = paddedInput(backend, random, rows, columns);
    backend.run(rmsNorm, {
      input,
      weight: backend.upload(1, columns, random.numbers(columns)),
      epsilon: 1e-5,
      padding,
      accumulate,
      output,
    });
    return output;
  },

  layer_norm(backend, random) {
    const rows = random.integer(1, random.large ? 500 : 70);
    const columns = 4 * random.integer(1, 80);
    const output = poisoned(backend, rows, columns);
    const bias = random.numbers(columns);
    const { input, padding } = paddedInput(backend, random, rows, columns);
    backend.run(layerNorm, {
      input,
      weight: backend.upload(1, columns, random.numbers(columns)),
      bias: random.pick([true, false]) ? backend.upload(1, columns, bias) : undefined,
      epsilon: 1e-5,
      padding,
      output,
    });
    return output;
  },

  matmul(backend, random) {
    const rows = random.integer(1, random.large ? 600 : 40);
    const inner = 8 * random.integer(1, random.large ? 80 : 40);
    const columns = random.integer(1, 300);
    const type = random.pick(weightTypes);
    const output = poisoned(backend, rows, columns);
    const bias = random.numbers(columns);
    backend.run(matmul, {
      input: backend.upload(rows, inner, random.numbers(rows * inner)),
      weight: backend.weight(columns, inner, type, weightBytes(random, columns, inner, type)),
      bias: random.pick([true, false]) ? backend.upload(1, columns, bias) : undefined,
      activation: random.pick([true, false]) ? "relu" : undefined,
      accumulate: random.pick([true, false]),
      output,
    });
    return output;
  },

  rope(backend, random) {
    const rows = random.integer(1, 90);
    const headDim = random.pick([8, 24, 64, 128]);
    const passed = headDim === 8 ? 0 : random.pick([0, 8, headDim - 8]);
    const columns = headDim * random.integer(1, 6);
    const output = poisoned(backend, rows, columns, random.pick(uses));
    const turned = headDim - passed;
    backend.run(rope, {
      input: backend.upload(rows, columns, random.numbers(rows * columns)),
      angles: backend.upload(rows, turned, random.numbers(rows * turned)),
      headDim: passed === 0 ? undefined : headDim,
      output,
    });
    return output;
  },

  attention(backend, random) {
    const keyHeads = random.integer(1, 3);
    const heads = keyHeads * random.integer(1, 4);
    const headDim = random.pick(random.large ? [4, 12, 80, 256] : [8, 24, 64]);
    const { rows, spans, lengths } = raggedSpans(random);
    const queries = spans.length / 4;
    const matrix = (count: number, columns: number): Matrix =>
      backend.upload(count, columns, random.numbers(count * columns));
    const output = poisoned(backend, queries, heads * headDim, "operand");
    backend.run(attention, {
      queries: matrix(queries, heads * headDim),
      keys: matrix(rows, keyHeads * headDim),
      values: matrix(rows, keyHeads * headDim),
      spans: backend.uploadIndices(spans),
      blocks: backend.uploadIndices(queryBlocks(spans, lengths, backend.queriesPerBlock)),
      heads,
      keyHeads,
      headDim,
      causal: random.pick([undefined, false]),
      window: random.pick(random.large ? [0, 7, 75] : [0, 7]),
      scale: random.pick([undefined, 0.3]),
      softcap: random.pick([0, 0.8, 0.05]), // of scores of about 1: near 0, and where tanh is 1
      output,
    });
    return output;
  },

  disentangled_attention(backend, random) {
    const heads = random.integer(1, 4);
    const headDim = random.pick(random.large ? [4, 12, 80, 256] : [8, 72]);
    const terms = random.pick(["keys", "queries", "both"] as const);
    const { rows, spans, lengths } = raggedSpans(random);
    const queries = spans.length / 4;
    const columns = heads * headDim;
    const matrix = (count: number): Matrix =>
      backend.upload(count, columns, random.numbers(count * columns));
    const places = random.integer(1, 40);
    const table = { length: 2 * random.integer(0, 60) + 1 }; // shorter than texts, and longer
    const output = poisoned(backend, queries, columns);
    backend.run(disentangledAttention, {
      queries: matrix(queries),
      keys: matrix(rows),
      values: matrix(rows),
      relative: matrix(terms === "both" ? 2 * places : places),
      terms,
      places: backend.upload(
        1,
        table.length,
        Float32Array.from(table, () => random.integer(0, places - 1)),
      ),
      spans: backend.uploadIndices(spans),
      blocks: backend.uploadIndices(queryBlocks(spans, lengths, backend.queriesPerBlock)),
      heads,
      headDim,
      scale: random.large ? 1 / Math.sqrt(headDim) : 0.6,
      output,
    });
    return output;
  },

  gated_matmul(backend, random) {
    const rows = random.integer(1, random.large ? 300 : 40);
    const inner = 8 * random.integer(1, 40);
    const columns = 8 * random.integer(1, 30);
    // Not every type with every activation: each pair is a kernel to compile.
    const at = random.integer(0, weightTypes.length - 1);
    const type = weightTypes[at]!;
    const activation = (["silu", "gelu_tanh", "gelu"] as const)[at % 3]!;
    const biased = random.integer(0, 3) === 0;
    const weight = (): Weight =>
      backend.weight(columns, inner, type, weightBytes(random, columns, inner, type));
    const bias = (): Matrix | undefined =>
      biased ? backend.upload(1, columns, random.numbers(columns)) : undefined;
    const output = poisoned(backend, rows, columns, "operand");
    backend.run(gatedMatmul, {
      input: backend.upload(rows, inner, random.numbers(rows * inner)),
      gate: weight(),
      up: weight(),
      gateBias: bias(),
      upBias: bias(),
      activation,
      output,
    });
    return output;
  },

  query_key_value(backend, random) {
    const rows = random.integer(1, random.large ? 300 : 40);
    const inner = 8 * random.integer(1, 40);
    const at = random.integer(0, weightTypes.length - 1);
    const [type, biased] = [weightTypes[at]!, at % 2 === 0];
    const [asking, asked] = [1, 2].map(() => random.integer(1, 90)) as [number, number];
    const weight = (rows: number): Weight =>
      backend.weight(rows, inner, type, weightBytes(random, rows, inner, type));
    const bias = (columns: number): Matrix | undefined =>
      biased ? backend.upload(1, columns, random.numbers(columns)) : undefined;
    const operands = {
      input: backend.upload(rows, inner, random.numbers(rows * inner)),
      query: weight(asking),
      key: weight(asked),
      value: weight(asked),
      queryBias: bias(asking),
      keyBias: bias(asked),
      valueBias: bias(asked),
      queries: poisoned(backend, rows, asking),
      keys: poisoned(backend, rows, asked),
      values: poisoned(backend, rows, asked),
    };
    backend.run(queryKeyValue, operands);
    return operands[random.pick(["queries", "keys", "values"] as const)];
  },

  activate(backend, random) {
    const use = random.pick(uses);
    const rows = random.integer(1, random.large ? 300 : 40);
    const columns = (use === "rows" ? 1 : 4) * random.integer(1, 70);
    const choices = [
      "silu",
      "gelu_tanh",
      "gelu",
      "relu",
      "tanh",
      "selu",
      "sigmoid",
      "leaky_relu",
    ] as const;
    const output = poisoned(backend, rows, columns, use);
    const input = random.numbers(rows * columns).map((x) => 6 * x);
    backend.run(activate, {
      input: backend.upload(rows, columns, input),
      activation: random.pick(choices),
      output,
    });
    return output;
  },

  gather_rows(backend, random) {
    const inputRows = random.integer(1, 50);
    const columns = 4 * random.integer(1, 40);
    const count = random.integer(1, 60);
    const rows = Uint32Array.from({ length: count }, () => random.integer(0, inputRows - 1));
    const output = poisoned(backend, count, columns);
    backend.run(gatherRows, {
      input: backend.upload(inputRows, columns, random.numbers(inputRows * columns)),
      rows: backend.uploadIndices(rows),
      output,
    });
    return output;
  },

  scatter_rows(backend, random) {
    const outputRows = random.integer(1, 50);
    const columns = 4 * random.integer(1, 40);
    const rows = Uint32Array.from({ length: outputRows }, (_, row) => row)
      .filter((row) => row === 0 || random.pick([true, false])).reverse();
    const output = backend.upload(outputRows, columns, random.numbers(outputRows * columns));
    backend.run(scatterRows, {
      input: backend.upload(rows.length, columns, random.numbers(rows.length * columns)),
      rows: backend.uploadIndices(rows),
      weights: backend.upload(rows.length, 1, random.numbers(rows.length)),
      output,
    });
    return output;
  },

  mean_rows(backend, random) {
    const inputRows = random.integer(1, 50);
    const columns = 4 * random.integer(1, random.large ? 100 : 40);
    const starts = [0];
    for (let groups = random.integer(1, 12); groups > 0; groups--) {
      starts.push(starts.at(-1)! + random.integer(1, 20));
    }
    const rows = Uint32Array.from(
      { length: starts.at(-1)! },
      () => random.integer(0, inputRows - 1),
    );
    const output = poisoned(backend, starts.length - 1, columns);
    backend.run(meanRows, {
      input: backend.upload(inputRows, columns, random.numbers(inputRows * columns)),
      rows: backend.uploadIndices(rows),
      starts: backend.uploadIndices(Uint32Array.from(starts)),
      output,
    });
    return output;
  },

  log_softmax_slice(backend, random) {
    const rows = random.integer(1, 20);
    const most = random.large ? 3000 : 150;
    const widths = [random.integer(1, most), random.integer(1, most)];
    const vocabulary = widths[0]! + widths[1]!;
    const softcap = random.pick([0, 0.5]);
    const scale = random.pick([undefined, 0.25]);
    const state = poisoned(backend, rows, 4);
    const targets = Uint32Array.from({ length: rows }, () => random.integer(0, vocabulary - 1));
    widths.forEach((columns, slice) => {
      backend.run(logSoftmaxSlice, {
        logits: backend.upload(rows, columns, random.numbers(rows * columns)),
        targets: backend.uploadIndices(targets),
        slice: backend.uploadIndices(Uint32Array.of(slice * widths[0]!, columns)),
        scale,
        softcap,
        state,
      });
    });
    return state;
  },

  softmax_gate(backend, random) {
    const rows = random.integer(1, random.large ? 2000 : 130);
    const columns = random.pick([19, 6, 1]);
    const logits = backend.upload(rows, columns, random.numbers(rows * columns));
    backend.run(softmaxGate, { logits, temperature: 0.1, logitScale: 1.25 });
    return logits;
  },
};

/**
 * Largest difference between a kernel and its CPU twin over one trial, relative to the size of the
 * numbers; rounding alone gives about 1e-6.
 *
 * @param large Whether shapes may be large: see {@link Random.large}.
 */
export async function compareWithTwin(
  trial: Trial,
  gpu: Backend,
  cpu: Backend,
  seed: number,
  large = false,
): Promise<number> {
  const [actual] = await gpu.read([trial(gpu, randomDraws(seed, large))]);
  const [expected] = await cpu.read([trial(cpu, randomDraws(seed, large))]);
  const size = expected!.reduce((largest, x) => Math.max(largest, Math.abs(x)), 1e-3);
  let difference = 0;
  for (let i = 0; i < expected!.length; i++) {
    const error = Math.abs(actual![i]! - expected![i]!) / size;
    if (!(error <= difference)) difference = error; // keeps a NaN
  }
  return difference;
}
