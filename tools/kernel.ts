/**
 * `deno task kernel [NAME]`: holds an operation's kernels against their CPU twin on random shapes, and
 * times them: on this machine's adapter by the device's own clock, products and attention with every
 * tile, and both kernel sets where the adapter can run them; and the WebAssembly engine's with all its
 * threads.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { kernelRuns, type Work } from "../bench/kernel_runs.ts";
import { kernelSetsOf, timeKernel, tryKernel } from "../bench/kernel_times.ts";
import { formatNumber, median } from "../bench/statistics.ts";
import { AssayError } from "../src/error.ts";
import { findAdapter } from "../src/gpu/adapter.ts";
import { Device } from "../src/gpu/device.ts";
import type { KernelSet } from "../src/gpu/kernel_set.ts";
import type { Backend } from "../src/ops/backend.ts";
import { trials } from "../src/ops/checks/trials.ts";
import { GpuBackend } from "../src/ops/gpu_backend.ts";
import { WasmBackend } from "../src/ops/wasm_backend.ts";
import { type WeightType, weightTypes } from "../src/ops/weight.ts";
import { Engine } from "../src/wasm/engine.ts";

const names = Object.keys(trials);

const usage = `Usage: deno task kernel [NAME] [options]

Holds the kernels of an operation (by default of all) against their CPU twin on random shapes, then
times them: a GPU's by the device's own clock, products and attention with every tile; the
WebAssembly engine's with all its threads.

  NAME               ${names.slice(0, 5).join(", ")},
                     ${names.slice(5).join(", ")}
  --kernels SET      tiled, texture or wasm alone (default: all that run on this machine)
  --trials N         trials, each of another shape (default 24)
  --shape SIZES      what is timed, as 512x4096x4096: of a product rows × columns × inner; of
                     attention tokens × heads × key heads × head dimensions (default: shapes of
                     real models)
  --type TYPE        the type of the weights: BF16 (default), F16 or F32
  --help             this text

Example:
  deno task kernel matmul --shape 256x2048x1024 --type F16

Exit status: 0 all is well, 1 a trial failed, 2 wrong usage, or no kernels that run.
`;

/** The command line is not as it should be. */
class UsageError extends Error {}

/** Which kernels are tried. */
type Kernels = KernelSet | "wasm";

interface Settings {
  /** Names of operations. */
  readonly kernels: readonly string[];
  /** The only ones that are tried; `undefined` for all that run. */
  readonly only: Kernels | undefined;
  readonly trials: number;
  readonly shape: readonly number[] | undefined;
  readonly type: WeightType;
}

/** @returns The settings, or `undefined` where help is asked for. */
function readSettings(args: readonly string[]): Settings | undefined {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      kernels: { type: "string" },
      trials: { type: "string", default: "24" },
      shape: { type: "string" },
      type: { type: "string", default: "BF16" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const [name, ...others] = positionals;
  if (others.length > 0) throw new UsageError(`expected one kernel, found ${positionals}`);
  if (name !== undefined && !names.includes(name)) {
    throw new UsageError(`there is no kernel "${name}"; expected one of ${names.join(", ")}`);
  }
  const count = Number(values.trials);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new UsageError(`--trials: expected a whole number from 1 on, found "${values.trials}"`);
  }
  const only = values.kernels;
  if (only !== undefined && !["tiled", "texture", "wasm"].includes(only)) {
    throw new UsageError(`--kernels: expected tiled, texture or wasm, found "${only}"`);
  }
  const type = weightTypes.find((type) => type === values.type);
  if (type === undefined) {
    throw new UsageError(
      `--type: expected one of ${weightTypes.join(", ")}, found "${values.type}"`,
    );
  }
  return {
    kernels: name === undefined ? names : [name],
    only: only as Kernels | undefined,
    trials: count,
    shape: readShape(values.shape, name),
    type,
  };
}

function readShape(text: string | undefined, name: string | undefined): number[] | undefined {
  if (text === undefined) return undefined;
  if (name === undefined) throw new UsageError("--shape: expected a kernel's name beside it");
  const { dimensions } = kernelRuns[name]!;
  const shape = text.split(/[x×]/).map(Number);
  if (
    shape.length !== dimensions.length || !shape.every((n) => Number.isSafeInteger(n) && n > 0)
  ) {
    throw new UsageError(
      `--shape: expected the ${dimensions.length} numbers of ${dimensions.join(" × ")}, as ` +
        `${kernelRuns[name]!.shapes.software[0]!.join("x")}, found "${text}"`,
    );
  }
  return shape;
}

/** What the trials of a kernel came to, as a row of the table. */
interface TriedRow {
  readonly ok: boolean;
  readonly row: readonly string[];
}

async function triedRow(name: string, backend: Backend, count: number): Promise<TriedRow> {
  const { largest, failure } = await tryKernel(name, backend, count);
  const verdict = failure === undefined ? "ok" : `FAILED: ${failure}`;
  const row = [name, backend.kernels, String(count), largest.toExponential(1), verdict];
  return { ok: failure === undefined, row };
}

function speed({ unit, amount }: Work, milliseconds: number): string {
  const giga = formatNumber(amount / milliseconds / 1e6);
  return unit === "operations" ? `${giga} GFLOP/s` : `${giga} GB/s`;
}

async function timeOnGpu(name: string, gpu: GpuBackend, settings: Settings): Promise<string[][]> {
  const rows: string[][] = [];
  for await (const timed of timeKernel(name, gpu, settings)) {
    const { shape, tile, milliseconds } = timed;
    const time = formatNumber(milliseconds);
    rows.push([name, gpu.kernels, shape.join("×"), tile ?? "", time, speed(timed, milliseconds)]);
  }
  return rows;
}

/** Runs of the engine's kernels that are timed, and how long a measurement takes at the least. */
const engineRuns = 7;
const engineMilliseconds = 40;

/** Times the engine's kernels by the clock of the process: the median of a few measurements. */
async function timeEngine(
  name: string,
  wasm: WasmBackend,
  { shape: asked, type }: Settings,
): Promise<string[][]> {
  const { shapes, prepare } = kernelRuns[name]!;
  const rows: string[][] = [];
  for (const shape of asked === undefined ? shapes.software : [asked]) {
    using run = prepare(wasm, shape, type);
    await wasm.engine.team.assembled();
    const timed = (count: number): number => {
      const start = performance.now();
      for (let i = 0; i < count; i++) run.run();
      return (performance.now() - start) / count;
    };
    let count = 1;
    while (timed(count) * count < engineMilliseconds) count *= 2; // until compiled and warm
    const milliseconds = median(Array.from({ length: engineRuns }, () => timed(count)));
    const { threads, arithmetic } = wasm.engine;
    const how = `${arithmetic}, ${threads} thread${threads === 1 ? "" : "s"}`;
    const time = formatNumber(milliseconds);
    rows.push([name, "wasm", shape.join("×"), how, time, speed(run, milliseconds)]);
  }
  return rows;
}

/** @param asked The only one that is wanted; where none is, a machine without an adapter has none. */
async function kernelSets(asked: KernelSet | undefined): Promise<KernelSet[]> {
  if (asked === undefined && await findAdapter() === undefined) {
    console.log("No WebGPU adapter: the WebAssembly engine's kernels alone.");
    return [];
  }
  using device = await Device.open();
  const { description, device: model, vendor } = device.adapter;
  console.log(`Adapter: ${description || `${vendor} ${model}`}`);
  if (asked !== undefined) return [asked];
  return kernelSetsOf(device);
}

/** Columns of one width each; the last one is ragged. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows];
  const widths = head.map((_, i) => Math.max(...all.map((row) => row[i]!.length)));
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ").trimEnd();
  return all.map(line).join("\n");
}

/** Kernels that run here, and how one of them is timed; `undefined` where there is no clock. */
interface Runner extends Disposable {
  readonly backend: Backend;
  readonly time: ((name: string) => Promise<string[][]>) | undefined;
}

/** The kernels that were asked for, one after another. */
async function* runners(settings: Settings): AsyncGenerator<Runner> {
  for (const kernelSet of settings.only === "wasm" ? [] : await kernelSets(settings.only)) {
    const device = await Device.open();
    const gpu = new GpuBackend(device, kernelSet);
    const time = (name: string): Promise<string[][]> => timeOnGpu(name, gpu, settings);
    const timed = device.canTime ? time : undefined;
    yield { backend: gpu, time: timed, [Symbol.dispose]: () => gpu[Symbol.dispose]() };
  }
  if (settings.only !== undefined && settings.only !== "wasm") return;
  const wasm = new WasmBackend(await Engine.open());
  const time = (name: string): Promise<string[][]> => timeEngine(name, wasm, settings);
  yield { backend: wasm, time, [Symbol.dispose]: () => wasm[Symbol.dispose]() };
}

/** @returns Whether every trial was right. */
async function tryAndTime(settings: Settings): Promise<boolean> {
  const tried: TriedRow[] = [];
  const times: string[][] = [];
  let hasClock = true;
  for await (const opened of runners(settings)) {
    using runner = opened;
    const { backend, time } = runner;
    hasClock &&= time !== undefined;
    for (const name of settings.kernels) {
      console.error(`${name}, ${backend.kernels} kernels …`);
      const outcome = await triedRow(name, backend, settings.trials);
      tried.push(outcome);
      if (time !== undefined && outcome.ok) times.push(...await time(name));
    }
  }
  const head = ["kernel", "kernels", "trials", "largest difference", "verdict"];
  console.log(`\n${table(head, tried.map(({ row }) => row))}\n`);
  if (!hasClock) console.log("Not timed by the adapter: it has no clock.");
  if (times.length > 0) {
    console.log(table(["kernel", "kernels", "shape", "tile or threads", "ms", "speed"], times));
  }
  return tried.every(({ ok }) => ok);
}

function refuse(error: unknown, kinds: readonly (new (...args: never[]) => Error)[]): 2 {
  if (!kinds.some((kind) => error instanceof kind)) throw error;
  console.error(`deno task kernel: ${(error as Error).message}; see --help`);
  return 2;
}

async function main(): Promise<0 | 1 | 2> {
  let settings: Settings | undefined;
  try {
    settings = readSettings(Deno.args);
  } catch (error) {
    return refuse(error, [UsageError, TypeError]); // the latter from parseArgs()
  }
  if (settings === undefined) {
    console.log(usage);
    return 0;
  }
  try {
    return await tryAndTime(settings) ? 0 : 1;
  } catch (error) {
    return refuse(error, [AssayError]);
  }
}

Deno.exit(await main());
