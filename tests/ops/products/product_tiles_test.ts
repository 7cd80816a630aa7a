import assert from "node:assert/strict";
import { Device } from "../../../src/gpu/device.ts";
import { attention } from "../../../src/ops/attention.ts";
import { queriesPerBlock, queryBlocks } from "../../../src/ops/query_blocks.ts";
import { gatedMatmul } from "../../../src/ops/gated_matmul.ts";
import { GpuBackend } from "../../../src/ops/gpu_backend.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import type { Matrix } from "../../../src/ops/matrix.ts";
import { queryKeyValue } from "../../../src/ops/query_key_value.ts";
import type { Backend } from "../../../src/ops/backend.ts";
import { productTiles, tileName, tilesOf } from "../../../src/ops/products/product_tiles.ts";
import { ProductTuner } from "../../../src/ops/products/product_tuner.ts";
import { type Random, randomDraws, weightBytes } from "../../../src/ops/checks/draws.ts";
import type { Weight, WeightType } from "../../../src/ops/weight.ts";
import { gpuTest } from "../../adapter.ts";
import { assertSameBits } from "../../bits.ts";
import { type TestedKernelSet, testedKernelSets } from "../../kernel_sets.ts";
import { testWhere } from "../../requirement.ts";

type TestedSet = TestedKernelSet["kernelSet"];

for (const { kernelSet, missing } of testedKernelSets) {
  const kernels = `(${kernelSet} kernels)`;
  testWhere(
    missing,
    `products give the same bits with every tile ${kernels}`,
    () => tiles(kernelSet),
  );
  testWhere(
    missing,
    `a product's row has the same bits alone ${kernels}`,
    () => rowsAlone(kernelSet),
  );
  testWhere(
    missing,
    `attention gives the same bits in query blocks of any length ${kernels}`,
    () => attentionInBlocks(kernelSet),
  );
}

gpuTest(
  "products that run together have the bits of those that run alone (tiled kernels)",
  async () => {
    const found: Uint32Array[][] = [];
    // Of weights of more than one binding, as with the second limit, each product runs alone.
    for (const most of [undefined, 12288]) {
      using gpu = new GpuBackend(await Device.open(), "tiled", most);
      const random = randomDraws(4);
      const input = gpu.upload(40, 64, random.numbers(40 * 64));
      const bias = (columns: number) => gpu.upload(1, columns, random.numbers(columns));
      const weights = [60, 50, 50].map((rows) => weightOf(gpu, random, [rows, 64], "F32"));
      assert.ok(weights.every(({ parts }) => (parts.length > 1) === (most !== undefined)));
      const [query, key, value] = weights as [Weight, Weight, Weight];
      const outputs = [60, 50, 50].map((columns) => gpu.matrix(40, columns));
      const [queries, keys, values] = outputs as [Matrix, Matrix, Matrix];
      const biases = { queryBias: bias(60), keyBias: bias(50), valueBias: bias(50) };
      gpu.run(queryKeyValue, { input, query, key, value, ...biases, queries, keys, values });
      const gated = gpu.matrix(40, 60, "operand");
      const up = weightOf(gpu, random, [60, 64], "F32");
      const [gateBias, upBias] = [bias(60), bias(60)];
      gpu.run(gatedMatmul, { input, gate: query, up, gateBias, upBias, output: gated });
      found.push(await bitsOf(gpu, [...outputs, gated]));
    }
    assertSameBits(found[1]!, found[0]!);
  },
);

Deno.test("tiles that a device can't run are left out, never the first", () => {
  const device = (bytes: number, size: number, software = false) => ({
    limits: { maxComputeWorkgroupStorageSize: bytes },
    subgroups: { size, enabledByDirective: false },
    adapter: { software },
  });
  const names = tilesOf("tiled", device(16384, 0)).map(tileName);
  assert.equal(names[0], tileName(productTiles.tiled[0]!));
  assert.ok(names.length > 3 && !names.includes("128x128x256"));
  assert.ok(!names.some((name) => name.includes("shuffled")));
  assert.deepEqual(tilesOf("tiled", device(49152, 32)), productTiles.tiled);
  assert.equal(new Set(productTiles.tiled.map(tileName)).size, productTiles.tiled.length);
  // Where every read of memory is made lane by lane, shuffles come first.
  assert.equal(tilesOf("tiled", device(32768, 8, true))[0]!.core, "shuffled");
});

/** Bit patterns of a backend's readback, errors of the device excluded. */
async function bitsOf(gpu: GpuBackend, matrices: Parameters<Backend["read"]>[0]) {
  const read = await gpu.read(matrices);
  assert.deepEqual(gpu.device.uncapturedErrors, []);
  return read.map((numbers) => new Uint32Array(numbers.buffer));
}

function weightOf(backend: Backend, random: Random, shape: [number, number], type: WeightType) {
  return backend.weight(...shape, type, weightBytes(random, ...shape, type));
}

/**
 * Products with a bias and added to what there is, with weights of one type, and a gated one: over
 * several tiles, not a whole number of them.
 */
function products(backend: Backend, seed: number, only: WeightType) {
  const random = randomDraws(seed);
  const rows = random.integer(20, 150);
  const inner = 8 * random.integer(1, 40);
  const columns = 4 * random.integer(1, 60);
  const input = backend.upload(rows, inner, random.numbers(rows * inner));
  const outputs = (["F32", "BF16", "I8x32", "I4x128"] as const).map((type) => {
    const output = backend.upload(rows, columns, random.numbers(rows * columns));
    const weight = weightOf(backend, random, [columns, inner], type);
    const bias = backend.upload(1, columns, random.numbers(columns));
    // Each type is a kernel to compile: of those left out, what there is stays.
    if (type === only) backend.run(matmul, { input, weight, bias, accumulate: true, output });
    return output;
  });
  const gated = backend.matrix(rows, columns, "operand");
  const [gate, up] = [1, 2].map(() => weightOf(backend, random, [columns, inner], "BF16"));
  backend.run(gatedMatmul, { input, gate: gate!, up: up!, output: gated });
  return [...outputs, gated];
}

async function tiles(kernelSet: TestedSet): Promise<void> {
  using first = await Device.open();
  const names = tilesOf(kernelSet, first).map(tileName);
  assert.ok(names.length > 1);
  const types: readonly WeightType[] = ["F32", "BF16"];
  const expected = new Map<WeightType, Uint32Array[][]>();
  for (const [at, tile] of names.entries()) {
    const device = await Device.open();
    using gpu = new GpuBackend(
      device,
      kernelSet,
      undefined,
      new ProductTuner(device, kernelSet, tile),
    );
    for (const [i, type] of types.entries()) {
      if (at > 0 && at % types.length !== i) continue; // tiles take turns
      const found: Uint32Array[][] = [];
      for (let seed = 1; seed <= 4; seed++) {
        found.push(await bitsOf(gpu, products(gpu, seed, type)));
      }
      if (at === 0) expected.set(type, found);
      found.forEach((outputs, seed) =>
        assertSameBits(outputs, expected.get(type)![seed]!, `${tile}, ${type}, seed ${seed + 1}`)
      );
    }
  }
}

async function rowsAlone(kernelSet: TestedSet): Promise<void> {
  using gpu = new GpuBackend(await Device.open(), kernelSet);
  const random = randomDraws(1);
  const [rows, inner, columns] = [70, 136, 60];
  const numbers = random.numbers(rows * inner);
  const weight = weightOf(gpu, random, [columns, inner], "BF16");
  const product = async (first: number, count: number): Promise<Uint32Array> => {
    const part = numbers.slice(first * inner, (first + count) * inner);
    const output = gpu.matrix(count, columns);
    gpu.run(matmul, { input: gpu.upload(count, inner, part), weight, output });
    return (await bitsOf(gpu, [output]))[0]!;
  };
  const together = await product(0, rows);
  for (const [first, count] of [[0, 1], [3, 16], [40, 17], [69, 1]] as const) {
    const expected = together.subarray(first * columns, (first + count) * columns);
    assertSameBits([await product(first, count)], [expected], `rows ${first} + ${count}`);
  }
}

/** Queries of one conversation, in blocks of a few lengths; some see a window only. */
async function attentionInBlocks(kernelSet: TestedSet): Promise<void> {
  using gpu = new GpuBackend(await Device.open(), kernelSet);
  const random = randomDraws(2);
  const [heads, keyHeads, headDim, rows] = [4, 2, 24, 75];
  const upload = (columns: number) => gpu.upload(rows, columns, random.numbers(rows * columns));
  const [queries, keys, values] = [upload(96), upload(48), upload(48)];
  const numbers = Uint32Array.from({ length: 4 * rows }, (_, i) => (i % 4 === 0 ? i / 4 : 0));
  const spans = gpu.uploadIndices(numbers);
  const lengths = new Uint32Array(rows).fill(rows);
  for (const [causal, window] of [[true, 0], [true, 40], [false, 0], [false, 5]] as const) {
    let expected: Uint32Array[] | undefined;
    for (const most of [queriesPerBlock[kernelSet], 1, 5, 7]) {
      const output = gpu.matrix(rows, 96, "operand");
      const blocks = gpu.uploadIndices(queryBlocks(numbers, lengths, most));
      const operands = { queries: queries!, keys: keys!, values: values!, spans, blocks };
      gpu.run(attention, { ...operands, heads, keyHeads, headDim, causal, window, output });
      const found = await bitsOf(gpu, [output]);
      expected ??= found;
      const where = `causal ${causal}, window ${window}, ${most} queries in a block`;
      assertSameBits(found, expected, where);
    }
  }
}
