import assert from "node:assert/strict";
import { AssayError } from "../../../src/error.ts";
import { Device } from "../../../src/gpu/device.ts";
import type { Trial } from "../../../src/ops/checks/draws.ts";
import { randomDraws } from "../../../src/ops/checks/draws.ts";
import { compareWithTwin, tolerance, trials } from "../../../src/ops/checks/trials.ts";
import { CpuBackend } from "../../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../../src/ops/gpu_backend.ts";
import { roundedToHalf } from "../../../src/ops/half_precision.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import { ProductTuner } from "../../../src/ops/products/product_tuner.ts";
import { tileName, tilesOf } from "../../../src/ops/products/product_tiles.ts";
import { assertSameBits } from "../../bits.ts";
import { noHalf } from "../../kernel_sets.ts";
import { testWhere } from "../../requirement.ts";

async function open(tile?: string): Promise<GpuBackend> {
  const device = await Device.open();
  const tuner = new ProductTuner(device, "tiled", tile);
  return new GpuBackend(device, "tiled", undefined, tuner, "f16");
}

/** The trial of a product, its operands multiplied in half precision. */
function inHalf(trial: Trial): Trial {
  return (backend, random) => {
    const { run } = backend;
    backend.run = (operation, operands) =>
      run.call(backend, operation as never, { ...operands, precision: "f16" } as never);
    try {
      return trial(backend, random);
    } finally {
      backend.run = run;
    }
  };
}

for (const name of ["matmul", "gated_matmul", "query_key_value"]) {
  testWhere(noHalf, `${name} in f16 equals its CPU twin on random shapes`, async () => {
    using gpu = await open();
    const cpu = new CpuBackend();
    for (let seed = 1; seed <= 5; seed++) {
      const difference = await compareWithTwin(inHalf(trials[name]!), gpu, cpu, seed);
      assert.ok(difference <= tolerance, `seed ${seed}: relative difference ${difference}`);
    }
    assert.deepEqual(gpu.device.uncapturedErrors, []);
  });
}

const [inner, columns] = [72, 100];

/** A product of some rows of the same input, in f16 and with weights of bf16. */
async function product(gpu: GpuBackend, first: number, count: number): Promise<Uint32Array> {
  const random = randomDraws(1);
  const numbers = random.numbers(70 * inner).slice(first * inner, (first + count) * inner);
  const halves = Uint16Array.from(random.numbers(columns * inner), (x) => Math.abs(x) * 0x3f80);
  using weight = gpu.weight(columns, inner, "BF16", new Uint8Array(halves.buffer));
  const output = gpu.matrix(count, columns);
  const input = gpu.upload(count, inner, numbers);
  gpu.run(matmul, { input, weight, precision: "f16", output });
  const [read] = await gpu.read([output]);
  assert.deepEqual(gpu.device.uncapturedErrors, []);
  return new Uint32Array(read!.buffer);
}

testWhere(
  noHalf,
  "a product in f16 has the same bits with every tile, and its rows alone",
  async () => {
    using gpu = await open();
    const expected = await product(gpu, 0, 70);
    const alone = await product(gpu, 33, 3);
    assertSameBits([alone], [expected.subarray(33 * columns, 36 * columns)], "rows alone");
    // Not the largest, which take a software adapter seconds each to compile.
    const small = tilesOf("tiled", gpu.device).filter(({ laneRows, laneColumns, core }) =>
      laneRows * laneColumns <= (core === "shuffled" ? 64 : 32)
    );
    assert.ok(small.length > 3);
    for (const tile of small.map(tileName)) {
      using pinned = await open(tile);
      assertSameBits([await product(pinned, 0, 70)], [expected], tile);
    }
  },
);

testWhere(
  noHalf,
  "what f16 has no number for is never a number, in its own row alone",
  async () => {
    using gpu = await open();
    const rows = 20;
    const input = new Float32Array(rows * 8).fill(1);
    input[8] = 65503; // the last number is 65504: from 65520 on there is none
    input[16] = 65521;
    input[24] = -1e6;
    input[32] = Infinity;
    input[40] = NaN;
    const output = gpu.matrix(rows, 4);
    using weight = gpu.weight(4, 8, "F32", new Uint8Array(new Float32Array(32).fill(1).buffer));
    gpu.run(matmul, { input: gpu.upload(rows, 8, input), weight, precision: "f16", output });
    const [read] = await gpu.read([output]);
    const sums = Array.from({ length: rows }, (_, row) => read![4 * row]!);
    assert.deepEqual(sums.slice(0, 7), [8, 65511, NaN, NaN, NaN, NaN, 8]);
    // And a weight: of bf16, whose range is that of f32.
    using huge = gpu.weight(
      4,
      8,
      "BF16",
      new Uint8Array(Uint16Array.from({ length: 32 }, (_, i) => i === 8 ? 0x4780 : 0x3f80).buffer),
    );
    gpu.run(matmul, { input: gpu.upload(rows, 8, input), weight: huge, precision: "f16", output });
    const [wide] = await gpu.read([output]);
    assert.deepEqual([...wide!.subarray(0, 4)], [8, NaN, 8, 8]);
  },
);

Deno.test("roundedToHalf() rounds as f16 does, and has no infinity", () => {
  const given = Float32Array.of(0, -0, 1 / 3, 2049, 2051, 65519, 65520, -1e9, 1e-8, 6e-8, NaN);
  const expected = [0, -0, 0.333251953125, 2048, 2052, 65504, NaN, NaN, 0, 2 ** -24, NaN];
  assert.deepEqual([...roundedToHalf(given)], expected);
});

Deno.test("half precision is refused by name where it can't be had", async (t) => {
  const without = (kernels: "tiled" | "texture", hasHalf: boolean) => () =>
    new GpuBackend(
      { adapter: { description: "an old GPU" }, hasHalf } as Device,
      kernels,
      2 ** 30,
      {} as ProductTuner,
      "f16",
    );
  await t.step("no feature", () => {
    assert.throws(
      without("tiled", false),
      (error) =>
        error instanceof AssayError && error.code === "gpu/no-f16" &&
        /shader-f16.*an old GPU/.test(error.message),
    );
  });
  await t.step("another kernel set", () => {
    assert.throws(
      without("texture", true),
      (error) =>
        error instanceof AssayError && error.code === "gpu/no-f16" && /texture/.test(error.message),
    );
  });
});
