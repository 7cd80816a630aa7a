/**
 * Products on a GPU's matrix units, by Dawn: whether there are any, trials against the CPU twin, and times
 * beside the tiles of the same device in f16 and f32. A line of JSON for each.
 *
 * @module
 */
import { AssayError } from "../../src/error.ts";
import type { WebGpu } from "../../src/gpu/adapter.ts";
import { Device } from "../../src/gpu/device.ts";
import type { Precision } from "../../src/gpu/precision.ts";
import { Recorder } from "../../src/gpu/recorder.ts";
import { randomDraws, weightBytes } from "../../src/ops/checks/draws.ts";
import { tolerance } from "../../src/ops/checks/trials.ts";
import type { Backend } from "../../src/ops/backend.ts";
import { CpuBackend } from "../../src/ops/cpu_backend.ts";
import { GpuBackend } from "../../src/ops/gpu_backend.ts";
import { matmul } from "../../src/ops/matmul.ts";
import type { Matrix } from "../../src/ops/matrix.ts";
import { dawnOptions, openDawn } from "../../src/scoring/engines/dawn.ts";
import { formatNumber, median } from "../statistics.ts";

/** Where the kit unpacks Dawn; elsewhere it comes from Deno's cache. */
const packed = new URL("../../.cache/dawn/package/index.js", import.meta.url);
const trials = 24;
const runs = 9;
/** Rows, inputs and outputs. */
const shapes = [[512, 4096, 4096], [2048, 4096, 14336]] as const;

function print(check: string, ok: boolean, found: string): void {
  console.log(JSON.stringify({ check, ok, found }));
  if (!ok) Deno.exitCode = 1;
}

async function findDawn(): Promise<WebGpu> {
  const isPacked = await Deno.stat(packed).then(() => true, () => false);
  if (!isPacked) return await openDawn(true);
  const { create } = await import(packed.href);
  return { name: "dawn", gpu: create(dawnOptions(true)), advice: "" };
}

function productOf(backend: Backend, seed: number): Matrix {
  const random = randomDraws(seed);
  const [rows, inner] = [random.integer(1, 200), 8 * random.integer(1, 60)];
  const columns = random.integer(1, 300);
  const type = random.pick(["F32", "F16", "BF16", "I8x32", "I4x128"] as const);
  const output = backend.upload(rows, columns, random.numbers(rows * columns));
  backend.run(matmul, {
    input: backend.upload(rows, inner, random.numbers(rows * inner)),
    weight: backend.weight(columns, inner, type, weightBytes(random, columns, inner, type)),
    bias: backend.upload(1, columns, random.numbers(columns)),
    accumulate: random.pick([true, false]),
    precision: "f16",
    output,
  });
  return output;
}

async function tryProducts(gpu: GpuBackend): Promise<void> {
  using cpu = new CpuBackend();
  let largest = 0;
  for (let seed = 1; seed <= trials; seed++) {
    const [actual] = await gpu.read([productOf(gpu, seed)]);
    const [expected] = await cpu.read([productOf(cpu, seed)]);
    const size = expected!.reduce((most, x) => Math.max(most, Math.abs(x)), 1e-3);
    expected!.forEach((x, i) => {
      const difference = Math.abs(x - actual![i]!) / size;
      if (!(difference <= largest)) largest = difference; // keeps a NaN
    });
  }
  const [error] = gpu.device.uncapturedErrors;
  const found = `differs from its CPU twin by ${
    largest.toExponential(1)
  } at most, ${trials} trials`;
  print("matrix unit, product", largest <= tolerance && error === undefined, error ?? found);
}

/** Milliseconds of a product, the median of some runs in turns; with the fastest of the tiles. */
async function timeOf(
  device: Device,
  [rows, inner, columns]: readonly [number, number, number],
  precision: Precision,
  tiles: readonly (string | undefined)[],
): Promise<number> {
  const gpu = new GpuBackend(device, "tiled", undefined, undefined, precision); // not its owner
  using weight = gpu.weight(
    columns,
    inner,
    "BF16",
    weightBytes(randomDraws(1), columns, inner, "BF16"),
  );
  const input = gpu.upload(rows, inner, randomDraws(2).numbers(rows * inner));
  const output = gpu.matrix(rows, columns);
  let tile: string | undefined;
  const recorder = new Recorder(device, "tiled", () => tile);
  const record = (): void => matmul.onGpu(recorder, { input, weight, precision, output });
  const times: number[] = [];
  for (tile of tiles) {
    await recorder.time([record]); // compiles
    times.push(median(await recorder.time(Array.from({ length: runs }, () => record))));
  }
  gpu.release(input, output);
  return Math.min(...times);
}

async function main(): Promise<void> {
  const webgpu = await findDawn();
  const device = await Device.open(undefined, webgpu);
  const { matrixUnit, adapter } = device;
  if (matrixUnit === undefined || !device.hasHalf) {
    print("matrix unit", true, `none that fits on ${adapter.description || adapter.device}`);
    return device[Symbol.dispose]();
  }
  using gpu = new GpuBackend(device, "tiled", undefined, undefined, "f16");
  const { m, n, k } = matrixUnit;
  print("matrix unit", true, `${m} × ${n} × ${k} on ${adapter.description || adapter.device}`);
  await tryProducts(gpu);
  if (!device.hasClock) return;
  for (const shape of shapes) {
    const operations = 2 * shape[0] * shape[1] * shape[2];
    const told = (milliseconds: number): string =>
      `${formatNumber(milliseconds)} ms, ${formatNumber(operations / milliseconds / 1e9)} TFLOP/s`;
    const unit = await timeOf(device, shape, "f16", [undefined]);
    Object.defineProperty(device, "matrixUnit", { value: undefined, configurable: true });
    const half = await timeOf(device, shape, "f16", gpu.tuner.tiles);
    const full = await timeOf(device, shape, "f32", gpu.tuner.tiles);
    Object.defineProperty(device, "matrixUnit", { value: matrixUnit, configurable: true });
    print(
      `matrix unit, ${shape.join("×")}`,
      true,
      `${told(unit)}; the fastest tile in f16 ${told(half)}, in f32 ${told(full)}`,
    );
  }
}

try {
  await main();
} catch (error) {
  if (!(error instanceof AssayError)) throw error;
  // Neither Dawn nor an adapter that it takes is needed: said, and no failure.
  const isMissing = ["gpu/no-dawn", "gpu/no-adapter"].includes(error.code);
  print("matrix unit", isMissing, error.message);
}
