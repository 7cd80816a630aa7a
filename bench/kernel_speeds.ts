/**
 * Speeds of one kernel set on this machine's adapter, by the device's own clock, in GFLOP/s: the
 * matrix product with each of its tiles, and attention. Run as a program it takes a request as JSON and
 * prints the speeds as JSON.
 *
 * @module
 */
import { Device } from "../src/gpu/device.ts";
import type { KernelSet } from "../src/gpu/kernel_set.ts";
import { Recorder } from "../src/gpu/recorder.ts";
import { GpuBackend } from "../src/ops/gpu_backend.ts";
import type { WeightType } from "../src/ops/weight.ts";
import { type KernelRun, kernelRuns } from "./kernel_runs.ts";
import { median } from "./statistics.ts";
import type { ProductShape } from "./peers/serve.ts";

/** Attention to measure: one conversation, every position asking. */
export interface AttentionShape {
  readonly tokens: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly headDim: number;
}

/** What is to be measured. */
export interface SpeedRequest {
  readonly kernelSet: KernelSet;
  readonly type: WeightType;
  readonly products: readonly ProductShape[];
  readonly attention: AttentionShape;
}

/** What was measured; GFLOP/s. */
export interface Speeds {
  /** For each shape, by the tile's name. */
  readonly products: readonly Readonly<Record<string, number>>[];
  readonly attention: number;
}

/** Runs of fewer milliseconds are repeated, and the median taken: a GPU's. */
const shortRun = 120; // from an idle clock a run of 4 ms took 20
const shortRuns = 7;
/** Milliseconds of work in one measurement of a short run, so that the device is not idle between. */
const together = 5;
const mostTogether = 500;
/** Milliseconds of work before a short run is timed: a GPU's clock rises from idle, fivefold on an H100. */
const warmUp = 400;

/**
 * Times a run with each of some tiles (`undefined` for what has none), after a first one that is not
 * counted. Short runs are recorded many times over and measured once the device is warm. Only where the
 * device has a clock.
 *
 * @returns Milliseconds, by tile.
 */
export async function timeRun<Tile extends string | undefined>(
  { device, kernelSet }: GpuBackend,
  run: KernelRun,
  tiles: readonly Tile[],
): Promise<Map<Tile, number>> {
  let chosen: string | undefined;
  const recorder = new Recorder(device, kernelSet, () => chosen);
  const timed = async (counts: readonly number[]): Promise<number[]> => {
    const records = tiles.map((tile, i) => () => {
      chosen = tile;
      for (let count = counts[i]!; count > 0; count--) run.record(recorder);
    });
    const times = await recorder.time(records);
    return times.map((time, i) => time / counts[i]!);
  };
  const once = tiles.map(() => 1);
  await timed(once);
  const first = await timed(once);
  if (Math.max(...first) >= shortRun) return byTile(tiles, [first]);
  const counts = first.map((time) =>
    Math.min(mostTogether, Math.max(1, Math.ceil(together / time)))
  );
  for (const start = performance.now(); performance.now() - start < warmUp;) await timed(counts);
  const times: number[][] = [];
  for (let i = 0; i < shortRuns; i++) times.push(await timed(counts));
  return byTile(tiles, times);
}

function byTile<Tile>(
  tiles: readonly Tile[],
  times: readonly (readonly number[])[],
): Map<Tile, number> {
  return new Map(tiles.map((tile, i) => [tile, median(times.map((of) => of[i]!))]));
}

/** Measures each kernel. */
export async function kernelSpeeds(request: SpeedRequest): Promise<Speeds> {
  const { kernelSet, type } = request;
  const device = await Device.open();
  using gpu = new GpuBackend(device, kernelSet);
  if (!device.canTime) throw new Error("the adapter has no clock");
  const speeds = async <Tile extends string | undefined>(
    kernel: string,
    shape: readonly number[],
    tiles: readonly Tile[],
  ): Promise<[Tile, number][]> => {
    using run = kernelRuns[kernel]!.prepare(gpu, shape, type);
    await gpu.finish();
    const times = await timeRun(gpu, run, tiles);
    return [...times].map(([tile, milliseconds]) => [tile, run.amount / milliseconds / 1e6]);
  };
  const products: Record<string, number>[] = [];
  for (const { rows, columns, inner } of request.products) {
    const byTile = await speeds("matmul", [rows, columns, inner], gpu.tuner.tiles);
    products.push(Object.fromEntries(byTile));
  }
  const { tokens, heads, keyHeads, headDim } = request.attention;
  const [found] = await speeds("attention", [tokens, heads, keyHeads, headDim], [undefined]);
  return { products, attention: found![1] };
}

if (import.meta.main) {
  console.log(JSON.stringify(await kernelSpeeds(JSON.parse(Deno.args[0]!))));
}
