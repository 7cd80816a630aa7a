import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { applyGate } from "../../src/ops/apply_gate.ts";
import { attention } from "../../src/ops/attention.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { disentangledAttention } from "../../src/ops/disentangled_attention.ts";
import { gatedDeltaRule } from "../../src/ops/gated_delta_rule.ts";
import { gatedMatmul } from "../../src/ops/gated_matmul.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { layerNorm } from "../../src/ops/layer_norm.ts";
import { logSoftmaxSlice } from "../../src/ops/log_softmax_slice.ts";
import { matmul } from "../../src/ops/matmul.ts";
import type { Matrix } from "../../src/ops/matrix.ts";
import { queryBlocks } from "../../src/ops/query_blocks.ts";
import { rmsNorm } from "../../src/ops/rms_norm.ts";
import { softmaxGate } from "../../src/ops/softmax_gate.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { testedEngines } from "../wasm_engines.ts";

const columns = 8;
const ones = new Float32Array(columns).fill(1);

/** A row of ones, but for its first number. */
function row(first: number): Float32Array<ArrayBuffer> {
  return Float32Array.of(first, ...ones.slice(1));
}

function weight(backend: Backend, numbers: Float32Array<ArrayBuffer>) {
  const bytes = new Uint8Array(numbers.buffer);
  return backend.weight(numbers.length / columns, columns, "F32", bytes);
}

/** Operations of whose formula an overflow would come back as a number, each with one in it. */
const overflows: Readonly<Record<string, (backend: Backend) => Matrix>> = {
  "rms_norm of squares": (backend) => normed(backend, row(3e38), "rows"),
  "rms_norm of squares, for a product": (backend) => normed(backend, row(3e38), "operand"),
  "rms_norm of -infinity": (backend) => normed(backend, row(-Infinity), "rows"),
  "rms_norm of NaN": (backend) => normed(backend, row(NaN), "operand"),
  "layer_norm of squares": (backend) => layerNormed(backend, row(3e38)),
  "layer_norm of a sum": (backend) => layerNormed(backend, new Float32Array(columns).fill(3e38)),
  "relu of -infinity": (backend) => rectified(backend, -1e38),
  "relu of NaN": (backend) => rectified(backend, NaN),
  "softmax_gate of -infinity": (backend) => {
    const logits = backend.upload(1, columns, row(-Infinity));
    backend.run(softmaxGate, { logits, temperature: 10, logitScale: 1 });
    return logits;
  },
  "log_softmax_slice of -infinity": (backend) => {
    const state = backend.matrix(1, 4);
    backend.run(logSoftmaxSlice, {
      logits: backend.upload(1, columns, row(-Infinity)),
      targets: backend.uploadIndices(Uint32Array.of(3)),
      slice: backend.uploadIndices(Uint32Array.of(0, columns)),
      state,
    });
    return state;
  },
  "gated_matmul": (backend) => {
    const output = backend.matrix(1, columns, "operand");
    backend.run(gatedMatmul, {
      input: backend.upload(1, columns, ones),
      gate: weight(backend, new Float32Array(columns * columns).fill(1e20)),
      up: weight(backend, new Float32Array(columns * columns).fill(-1e30)),
      output,
    });
    return output;
  },
  "apply_gate of -infinity": (backend) => {
    const gate = backend.upload(1, columns, new Float32Array(columns).fill(-Infinity));
    backend.run(applyGate, { gate, input: backend.upload(1, columns, ones), activation: "silu" });
    return gate;
  },
  "gated_delta_rule of an infinite decay": (backend) => remembered(backend, Infinity, 0),
  "gated_delta_rule of a strength of -infinity": (backend) => remembered(backend, 0, -Infinity),
  "disentangled_attention, a score of -infinity": (backend) => placed(backend, -1e30),
  "disentangled_attention, a score of infinity": (backend) => placed(backend, 1e30),
  "attention, a score of -infinity": (backend) => attended(backend, -1e30),
  "attention, a score of infinity": (backend) => attended(backend, 1e30),
};

function normed(backend: Backend, x: Float32Array<ArrayBuffer>, use: "rows" | "operand"): Matrix {
  const output = backend.matrix(1, columns, use);
  const input = backend.upload(1, columns, x);
  const weight = backend.upload(1, columns, ones);
  backend.run(rmsNorm, { input, weight, epsilon: 1e-5, output });
  return output;
}

function layerNormed(backend: Backend, x: Float32Array<ArrayBuffer>): Matrix {
  const output = backend.matrix(1, columns);
  const input = backend.upload(1, columns, x);
  const [weight, bias] = [backend.upload(1, columns, ones), backend.upload(1, columns, ones)];
  backend.run(layerNorm, { input, weight, bias, epsilon: 1e-5, output });
  return output;
}

function rectified(backend: Backend, factor: number): Matrix {
  const output = backend.matrix(1, columns);
  const input = backend.upload(1, columns, new Float32Array(columns).fill(10));
  const of = weight(backend, new Float32Array(columns * columns).fill(factor));
  backend.run(matmul, { input, weight: of, activation: "relu", output });
  return output;
}

/** Two tokens, of which the second sees the first with a score that overflows. */
function attended(backend: Backend, key: number): Matrix {
  const output = backend.matrix(2, columns, "operand");
  const spans = Uint32Array.of(0, 0, 0, 0, 1, 0, 0, 0);
  const blocks = queryBlocks(spans, Uint32Array.of(2, 2), backend.queriesPerBlock);
  backend.run(attention, {
    queries: backend.upload(2, columns, new Float32Array(2 * columns).fill(1e10)),
    keys: backend.upload(2, columns, Float32Array.of(...ones.map((x) => x * key), ...ones)),
    values: backend.upload(2, columns, new Float32Array(2 * columns).fill(1)),
    spans: backend.uploadIndices(spans),
    blocks: backend.uploadIndices(blocks),
    heads: 1,
    keyHeads: 1,
    headDim: columns,
    window: 0,
    output,
  });
  return output;
}

/** Two tokens, of which each sees both, the first with a score that overflows. */
function placed(backend: Backend, key: number): Matrix {
  const output = backend.matrix(2, columns);
  const spans = Uint32Array.of(0, 0, 0, 0, 1, 0, 0, 0);
  const blocks = queryBlocks(spans, Uint32Array.of(2, 2), backend.queriesPerBlock);
  backend.run(disentangledAttention, {
    queries: backend.upload(2, columns, new Float32Array(2 * columns).fill(1e10)),
    keys: backend.upload(2, columns, Float32Array.of(...ones.map((x) => x * key), ...ones)),
    values: backend.upload(2, columns, new Float32Array(2 * columns).fill(1)),
    relative: backend.upload(1, columns, ones),
    terms: "keys",
    places: backend.upload(1, 1, Float32Array.of(0)),
    spans: backend.uploadIndices(spans),
    blocks: backend.uploadIndices(blocks),
    heads: 1,
    headDim: columns,
    scale: 1,
    output,
  });
  return output;
}

/** What a head of linear attention finds of one row, whose decay or strength overflowed. */
function remembered(backend: Backend, decay: number, strength: number): Matrix {
  const output = backend.matrix(1, columns);
  const row = (): Matrix => backend.upload(1, columns, ones);
  backend.run(gatedDeltaRule, {
    queries: row(),
    keys: row(),
    values: row(),
    decays: backend.upload(1, 1, Float32Array.of(decay)),
    strengths: backend.upload(1, 1, Float32Array.of(strength)),
    parameters: backend.upload(2, 1, Float32Array.of(-1, 0)),
    starts: backend.uploadIndices(Uint32Array.of(0, 1)),
    heads: 1,
    keyHeads: 1,
    output,
  });
  return output;
}

async function neverFinite(backend: Backend): Promise<void> {
  for (const [name, run] of Object.entries(overflows)) {
    const [numbers] = await backend.read([run(backend)]);
    const seen = name.startsWith("attention") ? numbers!.slice(columns) : numbers!;
    const hidden = name.startsWith("log_softmax") ? [seen[1]!] : [...seen];
    assert.ok(hidden.some((x) => !Number.isFinite(x)), `${name}: ${hidden}`);
    if (/norm of squares|relu|gate of|rule of|attention/.test(name)) {
      assert.ok(hidden.every(Number.isNaN), `${name}: ${hidden}`);
    }
  }
}

Deno.test("an overflow never comes back as a number (CPU twins)", async () => {
  using backend = new CpuBackend();
  await neverFinite(backend);
});

for (const { kernelSet, missing } of testedKernelSets) {
  testWhere(
    missing,
    `an overflow never comes back as a number (${kernelSet} kernels)`,
    async () => {
      using backend = new GpuBackend(await Device.open(), kernelSet);
      await neverFinite(backend);
      assert.deepEqual(backend.device.uncapturedErrors, []);
    },
  );
}

for (const { name, missing, open } of testedEngines) {
  testWhere(missing, `an overflow never comes back as a number (${name})`, async () => {
    using backend = await open();
    await neverFinite(backend);
  });
}
