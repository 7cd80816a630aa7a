/**
 * A kernel held against its CPU twin, and timed by the device's own clock: what `deno task kernel` and
 * the kit for a GPU share.
 *
 * @module
 */
import { AssayError } from "../src/error.ts";
import type { Device } from "../src/gpu/device.ts";
import type { KernelSet } from "../src/gpu/kernel_set.ts";
import type { Backend } from "../src/ops/backend.ts";
import { compareWithTwin, tolerance, trials } from "../src/ops/checks/trials.ts";
import { attentionTileName, attentionTilesFor } from "../src/ops/attention_tiles.ts";
import { CpuBackend } from "../src/ops/cpu_backend.ts";
import { GpuBackend } from "../src/ops/gpu_backend.ts";
import { fewRowsTile, headTile, tileName } from "../src/ops/products/product_tiles.ts";
import type { WeightType } from "../src/ops/weight.ts";
import { type KernelRun, kernelRuns, type Work } from "./kernel_runs.ts";
import { timeRun } from "./kernel_speeds.ts";

/** What the trials of a kernel came to. */
export interface Tried {
  /** The largest difference from the CPU twin. */
  readonly largest: number;
  /** What was wrong; undefined where nothing was. */
  readonly failure: string | undefined;
}

/** Holds a kernel against its CPU twin on random shapes. */
export async function tryKernel(name: string, backend: Backend, count: number): Promise<Tried> {
  using cpu = new CpuBackend();
  let largest = 0;
  let failure: string | undefined;
  try {
    for (let seed = 1; seed <= count; seed++) {
      const difference = await compareWithTwin(trials[name]!, backend, cpu, seed);
      if (!(difference <= largest)) largest = difference; // keeps a NaN
      if (!(difference <= tolerance)) failure ??= `trial ${seed} is over ${tolerance}`;
    }
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    failure = error.message;
  }
  if (backend instanceof GpuBackend) failure ??= backend.device.uncapturedErrors[0];
  return { largest, failure };
}

/** How long one run of a kernel took. */
export interface KernelTime extends Work {
  readonly shape: readonly number[];
  /** The tile, of a product or of attention. */
  readonly tile: string | undefined;
  readonly milliseconds: number;
}

/** A software adapter takes minutes for more with kernels that are not made for it. */
const mostWork = 2e9;

/** The shapes that a kernel is timed at where none is asked for. */
function shapesOf(name: string, gpu: GpuBackend): readonly (readonly number[])[] {
  const { shapes, work } = kernelRuns[name]!;
  if (!gpu.device.adapter.software) return shapes.gpu;
  return gpu.kernelSet === "texture"
    ? shapes.software
    : shapes.software.filter((shape) => work(shape).amount <= mostWork);
}

/** The tiles that there are to choose from for a run: none but for products and attention. */
function tilesOf(
  name: string,
  { weights: [weight] }: KernelRun,
  shape: readonly number[],
  gpu: GpuBackend,
) {
  if (name === "attention" && gpu.kernelSet === "tiled") {
    const { maxComputeWorkgroupStorageSize } = gpu.device.limits;
    return attentionTilesFor(shape[3]!, maxComputeWorkgroupStorageSize).map(attentionTileName);
  }
  if (weight === undefined) return [undefined];
  const inTexture = weight.parts.every(({ layout }) => layout === "texture");
  if (gpu.kernelSet === "texture") return inTexture ? gpu.tuner.tiles : [tileName(headTile)];
  return shape[0]! <= fewRowsTile.rows ? [tileName(fewRowsTile)] : gpu.tuner.tiles;
}

/**
 * Times a kernel by the device's clock, products and attention with every tile.
 *
 * @param shape What is timed; by default shapes of real models.
 */
export async function* timeKernel(
  name: string,
  gpu: GpuBackend,
  { shape, type }: { readonly shape?: readonly number[] | undefined; readonly type: WeightType },
): AsyncGenerator<KernelTime> {
  for (const one of shape === undefined ? shapesOf(name, gpu) : [shape]) {
    using run = kernelRuns[name]!.prepare(gpu, one, type);
    await gpu.finish();
    const { unit, amount } = run;
    for (const [tile, milliseconds] of await timeRun(gpu, run, tilesOf(name, run, one, gpu))) {
      yield { shape: one, tile, milliseconds, unit, amount };
    }
  }
}

/** The kernel sets that an adapter can run: the shuffles of `texture` are among 8 lanes at least. */
export function kernelSetsOf(device: Device): KernelSet[] {
  return device.subgroups.size >= 8 ? ["tiled", "texture"] : ["tiled"];
}
