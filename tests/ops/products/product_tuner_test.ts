import assert from "node:assert/strict";
import { AssayError } from "../../../src/error.ts";
import type { Choices, ChoiceStore } from "../../../src/gpu/choice_store.ts";
import { Device } from "../../../src/gpu/device.ts";
import { GpuBackend } from "../../../src/ops/gpu_backend.ts";
import { matmul } from "../../../src/ops/matmul.ts";
import { productName } from "../../../src/ops/products/product_tiles.ts";
import { ProductTuner, type Tuning } from "../../../src/ops/products/product_tuner.ts";
import { randomDraws } from "../../../src/ops/checks/draws.ts";
import { assertSameBits } from "../../bits.ts";
import { type TestedKernelSet, testedKernelSets } from "../../kernel_sets.ts";
import { testWhere } from "../../requirement.ts";

type TestedSet = TestedKernelSet["kernelSet"];

for (const { kernelSet, missing } of testedKernelSets) {
  const kernels = `(${kernelSet} kernels)`;
  testWhere(
    missing,
    `tuning times tiles once, and changes no bit ${kernels}`,
    () => timed(kernelSet),
  );
  testWhere(
    missing,
    `a tile that the kernel set lacks can't be pinned ${kernels}`,
    () => unknownTile(kernelSet),
  );
  testWhere(
    missing,
    `little work is never timed, nor any where tuning is off ${kernels}`,
    () => untimed(kernelSet),
  );
}

type Store = Pick<ChoiceStore, "read" | "add">;

/** A backend whose tuner has all the time it needs: its clock stands still. */
async function open(kernelSet: TestedSet, tuning: Tuning, store: Store, worth = 1000) {
  const device = await Device.open();
  const tuner = new ProductTuner(device, kernelSet, tuning, { worth, store, now: () => 0 });
  return new GpuBackend(device, kernelSet, undefined, tuner);
}

/** Remembers for a test, and leaves nothing behind on the machine. */
function freshStore(): Store {
  const held = new Map<string, string>();
  return {
    read: () => Promise.resolve(held),
    add: (choices: Choices) => {
      choices.forEach((tile, product) => held.set(product, tile));
      return Promise.resolve(true);
    },
  };
}

/** Two products, of which the backend is told; their bits. */
async function multiply(gpu: GpuBackend, operations: number): Promise<Uint32Array[]> {
  const random = randomDraws(3);
  const [rows, inner] = [70, 64];
  const weights = [40, 96].map((columns) => {
    const bytes = new Uint8Array(random.numbers(columns * inner).buffer);
    return gpu.weight(columns, inner, "F32", bytes);
  });
  const numbers = random.numbers(rows * inner);
  await gpu.prepare({ weights, rows, operations });
  const outputs = weights.map((weight) => {
    const output = gpu.matrix(rows, weight.rows);
    gpu.run(matmul, { input: gpu.upload(rows, inner, numbers), weight, output });
    return output;
  });
  const read = await gpu.read(outputs);
  assert.deepEqual(gpu.device.uncapturedErrors, []);
  return read.map((output) => new Uint32Array(output.buffer));
}

const products = [40, 96].map((rows) => productName({ type: "F32", rows, columns: 64 }));

async function timed(kernelSet: TestedSet): Promise<void> {
  const store = freshStore();
  using untuned = await open(kernelSet, "off", store);
  const expected = await multiply(untuned, 1e12);
  using tuned = await open(kernelSet, "auto", store);
  assertSameBits(await multiply(tuned, 600), expected);
  assert.equal((await store.read()).size, 0);
  assertSameBits(await multiply(tuned, 600), expected); // it adds up
  const chosen = await store.read();
  assert.deepEqual([...chosen.keys()].sort(), products.toSorted());
  for (const tile of chosen.values()) assert.ok(tuned.tuner.tiles.includes(tile), tile);

  // What another process chose is taken over, and not timed again.
  const last = tuned.tuner.tiles.at(-1)!;
  await store.add(new Map(products.map((product) => [product, last])));
  using later = await open(kernelSet, "auto", store);
  assertSameBits(await multiply(later, 1e12), expected);
  assert.deepEqual(products.map((product) => later.tuner.choose(product)), [last, last]);
  for (const tile of tuned.tuner.tiles) {
    using pinned = await open(kernelSet, tile, store);
    assert.equal(pinned.tuner.choose(products[0]!), tile);
    assertSameBits(await multiply(pinned, 1e12), expected, tile);
  }
}

async function unknownTile(kernelSet: TestedSet): Promise<void> {
  using device = await Device.open();
  assert.throws(
    () => new ProductTuner(device, kernelSet, "7x7x7"),
    (error) => error instanceof AssayError && error.code === "ops/unknown-tile",
  );
}

async function untimed(kernelSet: TestedSet): Promise<void> {
  const store = freshStore();
  for (const [tuning, operations] of [["auto", 999], ["off", 1e15]] as const) {
    using gpu = await open(kernelSet, tuning, store);
    await multiply(gpu, operations);
    assert.equal((await store.read()).size, 0);
    assert.equal(gpu.tuner.choose(products[0]!), undefined);
  }
}
