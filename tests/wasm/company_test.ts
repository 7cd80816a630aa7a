import assert from "node:assert/strict";
import { attention } from "../../src/ops/attention.ts";
import { causalConvolution } from "../../src/ops/causal_convolution.ts";
import { randomDraws } from "../../src/ops/checks/draws.ts";
import { disentangledAttention } from "../../src/ops/disentangled_attention.ts";
import { gatedDeltaRule } from "../../src/ops/gated_delta_rule.ts";
import type { Matrix } from "../../src/ops/matrix.ts";
import { queryBlocks } from "../../src/ops/query_blocks.ts";
import type { WasmBackend } from "../../src/ops/wasm_backend.ts";
import { testWhere } from "../requirement.ts";
import { testedEngines } from "../wasm_engines.ts";

// A conversation of more than two tiles of keys, whose prompt ends inside of the second.
const [prompt, response] = [70, 83];
const tokens = prompt + response;
const [heads, headDim] = [3, 20];
const width = heads * headDim;
const valueDim = 21;

/** Where a conversation lies in a pack, and which of its tokens ask. */
interface Placed {
  /** Rows of the pack; those that are not the conversation's have other numbers. */
  readonly rows: number;
  /** The first row of its prompt, and of its response. */
  readonly promptRow: number;
  readonly responseRow: number;
  /** Whether the prompt stands there for others too. */
  readonly isShared: boolean;
  /** The first token that asks. */
  readonly asking: number;
}

const alone: Placed = {
  ...{ rows: tokens, promptRow: 0, responseRow: prompt, isShared: false, asking: 0 },
};

/** The conversation in other places; its prompt apart, shared with others, and only some tokens asking. */
const companies: Readonly<Record<string, Placed>> = {
  "after others": { ...alone, rows: 260, promptRow: 33, responseRow: 33 + prompt },
  "with a shared prompt": {
    ...{ rows: 300, promptRow: 5, responseRow: 201, isShared: true, asking: prompt },
  },
  "its last tokens alone": { ...alone, asking: tokens - 5 },
  "its last tokens, with a shared prompt": {
    ...{ rows: 240, promptRow: 1, responseRow: 130, isShared: true, asking: tokens - 3 },
  },
};

/** Rows of a conversation's numbers, put where they lie in the pack. */
function inPack(backend: WasmBackend, seed: number, columns: number, placed: Placed): Matrix {
  const own = randomDraws(seed).numbers(tokens * columns);
  const numbers = randomDraws(seed + 100).numbers(placed.rows * columns);
  numbers.set(own.subarray(0, prompt * columns), placed.promptRow * columns);
  numbers.set(own.subarray(prompt * columns), placed.responseRow * columns);
  return backend.upload(placed.rows, columns, numbers);
}

/** Queries of another conversation, then the conversation's. */
function asked(backend: WasmBackend, placed: Placed) {
  const others = placed.promptRow;
  const spans: number[] = [];
  const lengths: number[] = [];
  for (let p = 0; p < others; p++) {
    spans.push(p, 0, 0, 0);
    lengths.push(others);
  }
  const { promptRow, responseRow, isShared, asking } = placed;
  for (let p = asking; p < tokens; p++) {
    spans.push(p, ...(isShared ? [promptRow, prompt, responseRow] : [promptRow, 0, promptRow]));
    lengths.push(tokens);
  }
  const all = Uint32Array.from(spans);
  const blocks = queryBlocks(all, Uint32Array.from(lengths), backend.queriesPerBlock);
  const own = randomDraws(1).numbers(tokens * width).subarray(asking * width);
  const queries = new Float32Array((others + tokens - asking) * width);
  queries.set(randomDraws(9).numbers(others * width));
  queries.set(own, others * width);
  return {
    queries: backend.upload(queries.length / width, width, queries),
    spans: backend.uploadIndices(all),
    blocks: backend.uploadIndices(blocks),
    output: backend.matrix(queries.length / width, width),
  };
}

/** The conversation's last rows of what was computed. */
async function lastRows(backend: WasmBackend, output: Matrix, count: number) {
  const [numbers] = await backend.read([output]);
  return numbers!.slice(numbers!.length - count * output.columns);
}

type Attend = (backend: WasmBackend, placed: Placed) => Matrix;

const attending = (window: number, causal: boolean): Attend => (backend, placed) => {
  const operands = asked(backend, placed);
  backend.run(attention, {
    ...operands,
    keys: inPack(backend, 2, width, placed),
    values: inPack(backend, 3, width, placed),
    ...{ heads, keyHeads: heads, headDim, window, causal },
  });
  return operands.output;
};

const placing = (terms: "keys" | "queries" | "both"): Attend => (backend, placed) => {
  const operands = asked(backend, placed);
  const [count, reach] = [40, 30];
  const rows = terms === "both" ? 2 * count : count;
  const places = Float32Array.from({ length: 2 * reach + 1 }, (_, i) => Math.floor(i * 0.6));
  backend.run(disentangledAttention, {
    ...operands,
    keys: inPack(backend, 2, width, placed),
    values: inPack(backend, 3, width, placed),
    relative: backend.upload(rows, width, randomDraws(4).numbers(rows * width)),
    terms,
    places: backend.upload(1, places.length, places),
    ...{ heads, headDim, scale: 0.2 },
  });
  return operands.output;
};

const attends: Readonly<Record<string, Attend>> = {
  "attention": attending(0, true),
  "attention in a window": attending(66, true),
  "attention to both sides": attending(0, false),
  "attention to both sides in a window": attending(9, false),
  "disentangled_attention": placing("both"),
  "disentangled_attention of keys": placing("keys"),
  "disentangled_attention of queries": placing("queries"),
};

/** A convolution, and a state of linear attention, over the conversation after `others` rows. */
async function remembered(backend: WasmBackend, others: number): Promise<Float32Array[]> {
  const rows = others + tokens + others;
  const drawn = (seed: number, columns: number): Matrix => {
    const numbers = randomDraws(seed + 100).numbers(rows * columns);
    numbers.set(randomDraws(seed).numbers(tokens * columns), others * columns);
    return backend.upload(rows, columns, numbers);
  };
  const starts = [0, others, others + tokens, rows].filter((row, i, all) => row !== all[i - 1]);
  const spans = Uint32Array.from({ length: 4 * rows }, (_, i) => {
    const row = Math.floor(i / 4);
    return i % 4 === 0 ? row - starts.findLast((start) => start <= row)! : 0;
  });
  const output = backend.matrix(rows, heads * valueDim);
  backend.run(gatedDeltaRule, {
    queries: drawn(1, heads * 8),
    keys: drawn(2, heads * 8),
    values: drawn(3, heads * valueDim),
    decays: drawn(4, heads),
    strengths: drawn(5, heads),
    parameters: backend.upload(2, heads, Float32Array.of(-0.1, -0.2, -0.3, 0, 1, 2)),
    starts: backend.uploadIndices(Uint32Array.from(starts)),
    ...{ heads, keyHeads: heads },
    output,
  });
  const convolved = backend.matrix(rows, valueDim);
  backend.run(causalConvolution, {
    input: drawn(6, valueDim),
    weights: backend.upload(valueDim, 4, randomDraws(7).numbers(4 * valueDim)),
    spans: backend.uploadIndices(spans),
    output: convolved,
  });
  const read = await backend.read([output, convolved]);
  return read.map((numbers, i) => {
    const { columns } = [output, convolved][i]!;
    return numbers.slice(others * columns, (others + tokens) * columns);
  });
}

for (const { name, missing, open } of testedEngines) {
  testWhere(missing, `attention has the same bits in any company (${name})`, async () => {
    using backend = await open();
    for (const [what, attend] of Object.entries(attends)) {
      const expected = await lastRows(backend, attend(backend, alone), tokens);
      assert.ok(expected.every(Number.isFinite), what);
      for (const [where, placed] of Object.entries(companies)) {
        const count = tokens - placed.asking;
        const found = await lastRows(backend, attend(backend, placed), count);
        const same = expected.subarray((tokens - count) * width);
        assert.deepEqual(found, same, `${what}, ${where}`);
      }
    }
  });

  testWhere(missing, `linear attention has the same bits in any company (${name})`, async () => {
    using backend = await open();
    const expected = await remembered(backend, 0);
    assert.ok(expected.every((numbers) => numbers.every(Number.isFinite)));
    for (const others of [1, 30, 65]) {
      assert.deepEqual(await remembered(backend, others), expected, `${others} rows around it`);
    }
  });
}
