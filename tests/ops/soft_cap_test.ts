import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { attention } from "../../src/ops/attention.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { gatedMatmul } from "../../src/ops/gated_matmul.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { logSoftmaxSlice } from "../../src/ops/log_softmax_slice.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { queryBlocks } from "../../src/ops/query_blocks.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { testedEngines } from "../wasm_engines.ts";

/** Runs a test on the twins, on every kernel set and on the WebAssembly engine. */
function onAll(name: string, test: (backend: Backend) => Promise<void>): void {
  Deno.test(`${name} (CPU)`, async () => {
    using backend = new CpuBackend();
    await test(backend);
  });
  for (const { kernelSet, missing } of testedKernelSets) {
    testWhere(missing, `${name} (${kernelSet} kernels)`, async () => {
      using backend = new GpuBackend(await Device.open(), kernelSet);
      await test(backend);
      assert.deepEqual(backend.device.uncapturedErrors, []);
    });
  }
  for (const { name: engine, missing, open } of testedEngines) {
    testWhere(missing, `${name} (${engine})`, async () => {
      using backend = await open();
      await test(backend);
    });
  }
}

/** Soft-capped numbers, by a log-softmax over one token each: its highest logit. */
async function capped(backend: Backend, numbers: Float32Array<ArrayBuffer>, softcap: number) {
  const { length } = numbers;
  const state = backend.matrix(length, 4);
  const logits = backend.upload(length, 1, numbers);
  const targets = backend.uploadIndices(new Uint32Array(length));
  const slice = backend.uploadIndices(Uint32Array.of(0, 1));
  backend.run(logSoftmaxSlice, { logits, targets, slice, softcap, state });
  const [read] = await backend.read([state]);
  return numbers.map((_, i) => read![4 * i]!);
}

onAll(
  "a soft cap is exact to a few units in the last place, near 0 and where it is flat",
  async (backend) => {
    const cap = 50;
    const scales = [1e-6, 1e-3, 0.1, 1, 10, 100, 1e4, 1e30];
    const numbers = Float32Array.from({ length: 4000 }, (_, i) => {
      const scale = scales[i % scales.length]!;
      return scale * (i / 2000 - 1);
    });
    const found = await capped(backend, numbers, cap);
    found.forEach((y, i) => {
      const expected = cap * Math.tanh(numbers[i]! / cap);
      assert.ok(Math.abs(y - expected) <= 5e-7 * Math.abs(expected), `${numbers[i]}: ${y}`);
    });
  },
);

/** One query of 8 numbers, two keys: what it takes of the first key's value, 1; the other's is 0. */
async function shareOfFirst(backend: Backend, query: number, keys: readonly [number, number]) {
  const spans = Uint32Array.of(1, 0, 0, 0);
  const row = (x: number) => [x, 0, 0, 0, 0, 0, 0, 0];
  const output = backend.matrix(1, 8, "operand");
  backend.run(attention, {
    queries: backend.upload(1, 8, Float32Array.from(row(query))),
    keys: backend.upload(2, 8, Float32Array.from(keys.flatMap(row))),
    values: backend.upload(2, 8, Float32Array.from([...row(1), ...row(0)])),
    spans: backend.uploadIndices(spans),
    blocks: backend.uploadIndices(queryBlocks(spans, Uint32Array.of(2), backend.queriesPerBlock)),
    heads: 1,
    keyHeads: 1,
    headDim: 8,
    window: 0,
    scale: 1,
    softcap: 2,
    output,
  });
  const rows = backend.matrix(1, 8);
  // A product with the identity reads what attention keeps for products.
  const identity = Float32Array.from({ length: 64 }, (_, i) => i % 9 === 0 ? 1 : 0);
  using weight = backend.weight(8, 8, "F32", new Uint8Array(identity.buffer));
  backend.run(matmul, { input: output, weight, output: rows });
  const [read] = await backend.read([rows]);
  return read![0]!;
}

onAll("attention caps scores of any size, and keeps what is no number", async (backend) => {
  const most = 1 / (1 + Math.exp(-4)); // of the caps 2 and −2
  for (const size of [1e3, 1e15]) {
    const share = await shareOfFirst(backend, size, [size, -size]);
    assert.ok(Math.abs(share - most) < 1e-6, `${size}: ${share}`);
  }
  assert.ok(Number.isNaN(await shareOfFirst(backend, 1, [NaN, 0])));
});

onAll("the gate's gelu is finite and exact for numbers of any size", async (backend) => {
  const numbers = [-1e30, -1e4, -12, -3, -0.5, -1e-6, 1e-6, 0.5, 3, 12, 1e4, 1e30];
  const one = new Float32Array(64).fill(0);
  for (let i = 0; i < 8; i++) one[8 * i] = 1;
  using gate = backend.weight(8, 8, "F32", new Uint8Array(one.buffer));
  const input = new Float32Array(8 * numbers.length);
  numbers.forEach((x, i) => input.set([x, 1], 8 * i));
  const up = new Float32Array(64).fill(0);
  for (let i = 0; i < 8; i++) up[8 * i + 1] = 1;
  using second = backend.weight(8, 8, "F32", new Uint8Array(up.buffer));
  const output = backend.matrix(numbers.length, 8);
  const activation = "gelu_tanh";
  const operands = { input: backend.upload(numbers.length, 8, input), gate, up: second };
  backend.run(gatedMatmul, { ...operands, activation, output });
  const [read] = await backend.read([output]);
  numbers.forEach((x, i) => {
    const inner = Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);
    const expected = x / 2 * (1 + Math.tanh(inner));
    const found = read![8 * i]!;
    const bound = 1e-6 * Math.abs(expected) + (x < -10 ? 1e-6 : 0);
    assert.ok(Math.abs(found - expected) <= bound, `${x}: ${found}, not ${expected}`);
  });
});
