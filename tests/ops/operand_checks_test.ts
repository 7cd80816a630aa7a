import assert from "node:assert/strict";
import fc from "fast-check";
import { AssayError } from "../../src/error.ts";
import { Device } from "../../src/gpu/device.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { randomDraws } from "../../src/ops/checks/draws.ts";
import { trials } from "../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { gatedMatmul } from "../../src/ops/gated_matmul.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { matmul } from "../../src/ops/matmul.ts";
import { Indices, Matrix } from "../../src/ops/matrix.ts";
import type { Operation } from "../../src/ops/operation.ts";
import { logSoftmaxSlice } from "../../src/ops/log_softmax_slice.ts";
import { softmaxGate } from "../../src/ops/softmax_gate.ts";
import { Weight } from "../../src/ops/weight.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { testedEngines } from "../wasm_engines.ts";

type Operands = Readonly<Record<string, unknown>>;
interface Call {
  readonly operation: Operation<Operands>;
  readonly operands: Operands;
}

/** Sizes that may be others: no operand says them, or (`attention`, `rope`) more than one will do. */
const freeSizes: Readonly<Record<string, readonly string[]>> = {
  attention: ["blocks.length"],
  disentangled_attention: ["blocks.length", "places.columns", "relative.rows"],
  causal_convolution: ["weights.columns"],
  gated_delta_rule: ["starts.length", "keyHeads"],
  gather_rows: ["input.rows"],
  log_softmax_slice: ["logits.columns"],
  mean_rows: ["input.rows", "rows.length"],
  rope: ["angles.columns"],
  scatter_rows: ["output.rows"],
  softmax_gate: ["logits.rows", "logits.columns"],
};

/** What is compared with nothing but itself: every positive number will do. */
const freeNumbers = [
  "window",
  "scale",
  "softcap",
  "epsilon",
  "padding",
  "temperature",
  "logitScale",
];

/** The call of an operation that its trial makes, valid by construction; nothing is run. */
function callOf(name: string, backend: Backend, seed: number): Call {
  const calls: Call[] = [];
  const { run } = backend;
  backend.run = (operation, operands) =>
    void calls.push({ operation, operands } as unknown as Call);
  try {
    trials[name]!(backend, randomDraws(seed));
  } finally {
    backend.run = run;
  }
  return calls.findLast(({ operation }) => operation.name === name)!;
}

/** Sizes of the operands that a check must not let change alone. */
function sizesOf({ operation, operands }: Call): string[] {
  const free = freeSizes[operation.name] ?? [];
  return Object.entries(operands).flatMap(([name, value]) => {
    if (value instanceof Indices) return [`${name}.length`];
    if (value instanceof Matrix || value instanceof Weight) {
      return [`${name}.rows`, `${name}.columns`];
    }
    return typeof value === "number" && !freeNumbers.includes(name) ? [name] : [];
  }).filter((size) => !free.includes(size));
}

/** The operands with one size changed, over the same memory. */
function withSize(operands: Operands, path: string, change: (size: number) => number): Operands {
  const [name, size] = path.split(".") as [string, string | undefined];
  const value = operands[name];
  const changed = (which: string, old: number): number => which === size ? change(old) : old;
  if (value instanceof Indices) {
    return { ...operands, [name]: new Indices(change(value.length), value.storage) };
  }
  if (value instanceof Matrix) {
    const { rows, columns, storage } = value;
    const matrix = new Matrix(changed("rows", rows), changed("columns", columns), storage);
    return { ...operands, [name]: matrix };
  }
  if (value instanceof Weight) {
    const { rows, columns, type, storage } = value;
    const weight = new Weight(changed("rows", rows), changed("columns", columns), type, storage);
    return { ...operands, [name]: weight };
  }
  return { ...operands, [name]: change(value as number) };
}

function assertRefused(backend: Backend, operation: Operation<Operands>, operands: Operands): void {
  assert.throws(() => backend.run(operation, operands), (error) => {
    assert.ok(error instanceof AssayError, String(error));
    assert.equal(error.code, "ops/shape", error.message);
    assert.match(
      error.message,
      new RegExp(`^Cannot run ${operation.name}: expected .+, found .+`),
    );
    return true;
  });
}

/** The kinds of change: one more, a few times as much, one less, nothing left. */
const changes = fc.constantFrom<((size: number) => number)[]>(
  (size) => size + 1,
  (size) => 3 * size + 8,
  (size) => size - 1,
  () => 0,
);

/** Every operand in turn, each at other shapes, is refused with any of its sizes changed. */
function sizesAreChecked(name: string, backend: Backend): void {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1000 }), changes, (seed, change) => {
      const call = callOf(name, backend, seed);
      for (const size of sizesOf(call)) {
        assertRefused(backend, call.operation, withSize(call.operands, size, change));
      }
      call.operation.check(call.operands);
    }),
    { numRuns: 12 },
  );
}

/** An output in the memory of another matrix is refused, whatever its shape. */
function outputsAreApart(name: string, backend: Backend): void {
  const { operation, operands } = callOf(name, backend, 7);
  const written = ["output", "state"].find((output) => output in operands);
  if (written === undefined) return;
  const output = operands[written] as Matrix;
  for (const [other, value] of Object.entries(operands)) {
    if (!(value instanceof Matrix) || other === written) continue;
    const shared = new Matrix(output.rows, output.columns, value.storage);
    assertRefused(backend, operation, { ...operands, [written]: shared });
  }
}

function checkEverything(backend: Backend): void {
  for (const name of Object.keys(trials)) {
    sizesAreChecked(name, backend);
    outputsAreApart(name, backend);
  }
  const turned = callOf("rope", backend, 3);
  for (const change of [(n: number) => n + 4, (n: number) => n / 2 + 1, () => 0]) {
    assertRefused(backend, turned.operation, withSize(turned.operands, "angles.columns", change));
  }
  for (const name of ["rms_norm", "layer_norm"]) {
    const { operation, operands } = callOf(name, backend, 5);
    for (const padding of [-1, 2.5, NaN, (operands.input as Matrix).columns]) {
      assertRefused(backend, operation, { ...operands, padding });
    }
  }
  const { operation, operands } = callOf("attention", backend, 3);
  const blocks = operands.blocks as Indices;
  const queries = (operands.queries as Matrix).rows;
  for (const length of [0, blocks.length + 1, blocks.length - 2, 4 * queries + 4]) {
    assertRefused(backend, operation, withSize(operands, "blocks.length", () => length));
  }
  for (const number of [-1, 0.5, NaN]) {
    assertRefused(backend, operation, { ...operands, window: number });
  }
  for (const number of [-1, NaN, Infinity]) {
    assertRefused(backend, operation, { ...operands, scale: number });
    assertRefused(backend, operation, { ...operands, softcap: number });
    const slice = callOf("log_softmax_slice", backend, 1);
    assertRefused(backend, slice.operation, { ...slice.operands, softcap: number });
    assertRefused(backend, slice.operation, { ...slice.operands, scale: number });
  }
}

function tooSmallOrUneven(backend: Backend): void {
  const numbers = new Float32Array(64);
  const logits = (rows: number, columns: number): Operands => ({
    logits: new Matrix(rows, columns, backend.upload(8, 8, numbers).storage),
    temperature: 1,
    logitScale: 1,
  });
  for (const [rows, columns] of [[0, 8], [8, 0]] as const) {
    assertRefused(backend, softmaxGate as unknown as Operation<Operands>, logits(rows, columns));
  }
  const slice = callOf("log_softmax_slice", backend, 1).operands;
  const many = new Matrix(65536, 8, (slice.logits as Matrix).storage);
  const logSoftmax = logSoftmaxSlice as unknown as Operation<Operands>;
  assertRefused(backend, logSoftmax, { ...slice, logits: many });
  const { operands } = callOf("gated_matmul", backend, 1);
  const { rows } = operands.gate as Weight;
  const bias = backend.upload(1, rows, new Float32Array(rows));
  const gated = gatedMatmul as unknown as Operation<Operands>;
  assertRefused(backend, gated, { ...operands, gateBias: bias, upBias: undefined });
  assertRefused(backend, gated, { ...operands, gateBias: undefined, upBias: bias });
}

Deno.test("every operation checks its operands' shapes (CPU)", () => {
  using backend = new CpuBackend();
  checkEverything(backend);
  tooSmallOrUneven(backend);
});

for (const { kernelSet, missing } of testedKernelSets) {
  testWhere(
    missing,
    `every operation checks its operands' shapes (${kernelSet} kernels)`,
    async () => {
      const device = await Device.open();
      using backend = new GpuBackend(device, kernelSet);
      checkEverything(backend);
      tooSmallOrUneven(backend);
      await backend.finish();
      assert.deepEqual(device.uncapturedErrors, []);
    },
  );
}

const [{ name: engine, missing, open }] = testedEngines as [typeof testedEngines[number]];

testWhere(missing, `every operation checks its operands' shapes (${engine})`, async () => {
  using backend = await open();
  checkEverything(backend);
  tooSmallOrUneven(backend);
});

Deno.test("a product of operands that don't belong together says which, and both shapes", () => {
  using backend = new CpuBackend();
  const input = backend.matrix(3, 16);
  const weight = backend.weight(5, 24, "F32", new Uint8Array(5 * 24 * 4));
  assert.throws(() => backend.run(matmul, { input, weight, output: backend.matrix(3, 5) }), {
    code: "ops/shape",
    message:
      "Cannot run matmul: expected input to be 3 × 24 (the weight's columns), found 3 × 16; " +
      "give it operands whose shapes belong together",
  });
});
