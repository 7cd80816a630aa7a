import assert from "node:assert/strict";
import { Checkpoint } from "../../../src/checkpoint/checkpoint.ts";
import { Device } from "../../../src/gpu/device.ts";
import { CpuBackend } from "../../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../../src/ops/gpu_backend.ts";
import { WasmBackend } from "../../../src/ops/wasm_backend.ts";
import {
  type EngineWork,
  timedParts,
  timedProducts,
  workOf,
} from "../../../src/scoring/engines/engine_work.ts";
import { raceBackends } from "../../../src/scoring/engines/race_backends.ts";
import { planFor } from "../../../src/scoring/model_plan.ts";
import { Engine } from "../../../src/wasm/engine.ts";
import { gpuTest } from "../../adapter.ts";
import { parityFolder, parityModels } from "../../golden/parity.ts";

const tiny: EngineWork = {
  name: "tiny",
  weights: 4 * 64 * 64 + 2 * 96 * 64,
  layers: 2,
  products: [
    { type: "BF16", rows: 64, columns: 64, count: 4 },
    { type: "F32", rows: 96, columns: 64, count: 2 },
  ],
  attention: { heads: 4, keyHeads: 2, headDim: 16, causal: true },
};

gpuTest("both engines are timed on a model's work, which leaves nothing behind", async () => {
  using gpu = new GpuBackend(await Device.open());
  using wasm = new WasmBackend(await Engine.open());
  const before = { gpu: gpu.device.uncapturedErrors, wasm: wasm.bytes };
  assert.ok(["gpu", "wasm"].includes(await raceBackends(tiny, { gpu, wasm })));
  assert.equal(wasm.bytes, before.wasm);
  assert.deepEqual(gpu.device.uncapturedErrors, []);
});

async function planOf(folder: string) {
  using checkpoint = await Checkpoint.open(folder);
  const { name, config, tensors } = checkpoint;
  const last = { last: { at: "last" } } as const;
  return planFor({ name, config, tensors }, { head: "none", reads: last });
}

Deno.test("a model's work is told by its plan: the layers' matrices, and its heads", async () => {
  const work = workOf(await planOf("models/demo"));
  assert.equal(work.layers, 5);
  // q and o, k and v, gate and up, down.
  const layer = 2 * 256 * 256 + 2 * 128 * 256 + 3 * 640 * 256;
  assert.equal(work.weights, 5 * layer);
  assert.deepEqual(work.attention, { heads: 8, keyHeads: 4, headDim: 32, causal: true });
  assert.match(work.name, /^llama, 5 layers, 3 M weights, [0-9a-f]+$/);
});

Deno.test("models of one shape have one name, others have others", async () => {
  const names = new Map<string, string>();
  for (const model of parityModels) {
    const work = workOf(await planOf(parityFolder(model)));
    assert.ok(work.weights > 0, model);
    names.set(model, work.name);
  }
  assert.equal(names.get("llama"), workOf(await planOf(parityFolder("llama"))).name);
  assert.notEqual(names.get("llama"), names.get("llama_f16"));
  assert.notEqual(names.get("llama"), names.get("bert"));
});

Deno.test("products are timed on few outputs where a model is large, each by its share", () => {
  const [hidden, inner] = [4096, 14336];
  const products = [
    { type: "BF16", rows: hidden, columns: hidden, count: 64 },
    { type: "BF16", rows: 8, columns: hidden, count: 64 },
    { type: "BF16", rows: inner, columns: hidden, count: 64 },
    { type: "BF16", rows: hidden, columns: inner, count: 32 },
  ] as const;
  const weights = products.reduce(
    (sum, shape) => sum + shape.rows * shape.columns * shape.count,
    0,
  );
  const timed = timedProducts({ ...tiny, products, weights });
  assert.deepEqual(timed.map(({ columns }) => columns), [hidden, hidden, inner]); // without the small one
  const operations = timed.map((shape) => 512 * shape.rows * shape.columns * shape.count);
  assert.ok(operations.reduce((a, b) => a + b) < 3e9);
  assert.ok(operations[1]! > 2 * operations[0]!); // gate and up are 3.5 times q and o
  assert.ok(timed.every(({ rows }) => rows % 64 === 0 && rows >= 64));
});

Deno.test("a part of the work runs on any backend, and frees its operands", () => {
  using backend = new CpuBackend();
  const small = { ...tiny, products: [{ ...tiny.products[0]!, count: 1 }], weights: 4096 };
  for (const part of timedParts({ ...small, attention: undefined })) {
    assert.ok(part.weight > 0);
    part.prepare(backend).dispose();
  }
  assert.deepEqual(timedParts(small).map(({ name }) => name), ["products", "attention"]);
});
