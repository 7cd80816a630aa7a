import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { type Random, randomDraws, weightBytes } from "../../src/ops/checks/draws.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { gatedMatmul } from "../../src/ops/gated_matmul.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { matmul } from "../../src/ops/matmul.ts";
import {
  quantizedForms,
  type QuantizedType,
  widenRowsWithScales,
} from "../../src/ops/quantization/quantized_rows.ts";
import type { Weight } from "../../src/ops/weight.ts";
import { assertSameBits } from "../bits.ts";
import { testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { testedEngines } from "../wasm_engines.ts";

const types = Object.keys(quantizedForms) as QuantizedType[];
const title = "products with quantized weights have the bits of those with their f32 numbers";

/** Weights by their bytes on a backend, and the same numbers in f32. */
function bothWays(backend: Backend, random: Random, shape: [number, number], type: QuantizedType) {
  const bytes = weightBytes(random, ...shape, type);
  const numbers = new Uint8Array(widenRowsWithScales(bytes, shape[1], type).buffer);
  return [backend.weight(...shape, type, bytes), backend.weight(...shape, "F32", numbers)] as const;
}

/** Inner sizes that end inside of a group, of 16 bytes, of a block of 256; several parts of a weight. */
async function holdAgainstPlain(backend: Backend, seeds: number): Promise<void> {
  for (const type of types) {
    for (let seed = 1; seed <= seeds; seed++) {
      const random = randomDraws(seed);
      const rows = random.pick([1, 19, 30]);
      const inner = 8 * random.pick([1, 3, 4, 9, 33, 67]);
      const columns = 4 * random.integer(1, 40);
      const input = backend.upload(rows, inner, random.numbers(rows * inner));
      const shape = [columns, inner] as [number, number];
      const gates = bothWays(backend, random, shape, type);
      const ups = bothWays(backend, random, shape, type);
      const products = (gate: Weight, up: Weight) => {
        const product = backend.matrix(rows, columns);
        backend.run(matmul, { input, weight: gate, output: product });
        const gated = backend.matrix(rows, columns, "operand");
        backend.run(gatedMatmul, { input, gate, up, output: gated });
        return [product, gated];
      };
      const found = [...products(gates[0], ups[0]), ...products(gates[1], ups[1])];
      const bits = (await backend.read(found)).map((numbers) => new Uint32Array(numbers.buffer));
      const name = `${type}, ${rows} × ${inner} × ${columns}`;
      assertSameBits(bits.slice(0, 2), bits.slice(2), name);
      assert.ok(bits.every((part) => part.some((word) => word !== 0)), name);
      for (const weight of [...gates, ...ups]) weight[Symbol.dispose]();
      backend.discard();
    }
  }
}

for (const { kernelSet, missing } of testedKernelSets) {
  testWhere(missing, `${title} (${kernelSet} kernels)`, async () => {
    // Most weights are larger than a binding then, and come or are laid out in parts.
    using gpu = new GpuBackend(await Device.open(), kernelSet, 2 ** 16);
    await holdAgainstPlain(gpu, 8);
    assert.deepEqual(gpu.device.uncapturedErrors, []);
  });
}

for (const { name, missing, open } of testedEngines) {
  testWhere(missing, `${title} (${name})`, async () => {
    using wasm = await open();
    await holdAgainstPlain(wasm, 8);
  });
}

Deno.test(`${title} (CPU twins)`, async () => {
  await holdAgainstPlain(new CpuBackend(), 2);
});
