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
import { attention } from "../src/ops/attention.ts";
import { queryBlocks } from "../src/ops/query_blocks.ts";
import { GpuBackend } from "../src/ops/gpu_backend.ts";
import { matmul } from "../src/ops/matmul.ts";
import { bytesPerWeight, type WeightType } from "../src/ops/weight.ts";
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
const shortRun = 20;
const shortRuns = 7;

/** Measures each kernel, after a first run that is not counted. */
export async function kernelSpeeds(request: SpeedRequest): Promise<Speeds> {
  const { kernelSet, type } = request;
  const device = await Device.open();
  using gpu = new GpuBackend(device, kernelSet);
  if (!device.hasClock) throw new Error("the adapter has no clock");
  let tile: string | undefined;
  const recorder = new Recorder(device, kernelSet, () => tile);
  const time = async (records: (() => void)[]): Promise<number[]> => {
    await recorder.time(records);
    const runs = [await recorder.time(records)];
    const short = Math.max(...runs[0]!) < shortRun;
    for (let i = 1; short && i < shortRuns; i++) runs.push(await recorder.time(records));
    return records.map((_, i) => median(runs.map((times) => times[i]!)));
  };
  const products: Record<string, number>[] = [];
  for (const { rows, columns, inner } of request.products) {
    const bytes = new Uint8Array(columns * inner * bytesPerWeight[type]);
    using weight = gpu.weight(columns, inner, type, bytes);
    await gpu.finish();
    const [input, output] = [gpu.matrix(rows, inner, "operand"), gpu.matrix(rows, columns)];
    const { tiles } = gpu.tuner;
    const times = await time(tiles.map((name) => () => {
      tile = name;
      matmul.onGpu(recorder, { input, weight, output });
    }));
    const operations = 2 * rows * columns * inner;
    products.push(Object.fromEntries(tiles.map((name, i) => [name, operations / times[i]! / 1e6])));
    gpu.release(input, output);
  }
  const [milliseconds] = await time([recordAttention(gpu, recorder, request.attention)]);
  const { tokens, heads, headDim } = request.attention;
  // Two products over the keys that each position sees.
  const operations = 4 * heads * headDim * tokens * (tokens + 1) / 2;
  return { products, attention: operations / milliseconds! / 1e6 };
}

function recordAttention(gpu: GpuBackend, recorder: Recorder, shape: AttentionShape): () => void {
  const { tokens, heads, keyHeads, headDim } = shape;
  const operand = (count: number) => gpu.matrix(tokens, count * headDim, "operand");
  const [queries, keys, values] = [operand(heads), operand(keyHeads), operand(keyHeads)];
  const spans = Uint32Array.from({ length: 4 * tokens }, (_, i) => (i % 4 === 0 ? i / 4 : 0));
  const operands = {
    queries,
    keys,
    values,
    spans: gpu.uploadIndices(spans),
    blocks: gpu.uploadIndices(queryBlocks(spans, gpu.queriesPerBlock)),
    heads,
    keyHeads,
    headDim,
    window: 0,
    output: operand(heads),
  };
  return () => attention.onGpu(recorder, operands);
}

if (import.meta.main) {
  console.log(JSON.stringify(await kernelSpeeds(JSON.parse(Deno.args[0]!))));
}
