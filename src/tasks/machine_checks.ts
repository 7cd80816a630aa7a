import { AssayError } from "../error.ts";
import { adapterAdvice, openGlAdvice, type WebGpuName } from "../gpu/adapter.ts";
import { Device } from "../gpu/device.ts";
import { processorHasWideVectors } from "../gpu/software_adapter.ts";
import { GpuBackend } from "../ops/gpu_backend.ts";
import { tilesThatDiffer } from "../ops/checks/tile_agreement.ts";
import { dawnPackage, openDawn } from "../scoring/engines/dawn.ts";
import { Engine } from "../wasm/engine.ts";
import { engineChecks } from "./engine_checks.ts";
import { adapterSpeedCheck } from "./adapter_speed.ts";
import { kernelChecks } from "./kernel_checks.ts";
import type { Check } from "./machine_check.ts";
import { runtimeName } from "../runtime/process.ts";

/** Limits that decide which models fit, and what small ones mean. */
const limits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/** What is looked at; stand-ins in tests. */
export interface Machine {
  /** Opens the GPU. */
  readonly openDevice?: ((webgpu?: WebGpuName) => Promise<Device>) | undefined;
  /** Opens the WebAssembly engine. */
  readonly openEngine?: (() => Promise<Engine>) | undefined;
  /** The implementation of WebGPU, in place of the runtime's own. */
  readonly webgpu?: WebGpuName | undefined;
  /** Whether speeds are measured too. */
  readonly bench?: boolean | undefined;
}

/**
 * Looks at the machine: the runtime, the adapter and its limits, the WebAssembly engine, every kernel
 * of both against its CPU twin on shapes drawn at random, and what `auto` takes.
 */
export async function* checkMachine(
  { openDevice = open, openEngine = () => Engine.open(), webgpu, bench = false }: Machine = {},
): AsyncGenerator<Check> {
  yield { check: "runtime", ok: true, found: runtimeName() };
  let device: Device | undefined;
  try {
    device = await openDevice(webgpu);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    // None is needed; one that does not open, or that was asked for, is worth a look.
    const ok = error.code === "gpu/no-adapter" && webgpu === undefined;
    const found = ok ? "none" : error.message;
    const advice = webgpu === undefined ? { advice: adapterAdvice } : {}; // the message has its own
    yield { check: "adapter", ok, found, ...advice };
  }
  const adapter = device?.adapter;
  if (device !== undefined) yield* deviceChecks(device, bench);
  yield* engineChecks(openEngine, bench, adapter);
}

async function open(webgpu?: WebGpuName): Promise<Device> {
  return await Device.open(undefined, webgpu === undefined ? undefined : await openDawn());
}

/** The adapter, its limits and its kernels; the device is disposed of. */
async function* deviceChecks(device: Device, bench: boolean): AsyncGenerator<Check> {
  using gpu = new GpuBackend(device);
  yield adapterCheck(device);
  const { vectorBits } = device.adapter;
  if (vectorBits !== undefined) yield vectorCheck(vectorBits, processorHasWideVectors());
  for (const name of limits) {
    yield { check: `limit ${name}`, ok: true, found: String(device.limits[name]) };
  }
  yield await choiceCheck(gpu);
  yield halfCheck(device);
  yield* kernelChecks(gpu, "kernel", wrongKernelAdvice);
  yield await tilesCheck(gpu);
  if (bench) yield await adapterSpeedCheck(gpu);
  const uncaptured = device.uncapturedErrors;
  yield {
    check: "validation",
    ok: uncaptured.length === 0,
    found: uncaptured.length === 0 ? "no WebGPU errors" : uncaptured.join("; "),
  };
}

/** What an implementation of WebGPU is, for people. */
const webgpuTitles: Readonly<Record<WebGpuName, string>> = { dawn: `Dawn (npm ${dawnPackage})` };

/** What adapter it is, and whether there is a better way to it. */
export function adapterCheck({ adapter }: Pick<Device, "adapter">): Check {
  const { webgpu, vendor, architecture, device, description, software } = adapter;
  const name = description ||
    [vendor, architecture, device].filter((part) => part !== "").join(" ");
  const note = (webgpu === undefined ? "" : `, by ${webgpuTitles[webgpu]}`) +
    (software ? " (software: computes on the CPU)" : "");
  const found = (name || "without a name") + note;
  if (!adapter.openGl) return { check: "adapter", ok: true, found };
  return { check: "adapter", ok: true, found: `${found}, through OpenGL`, advice: openGlAdvice };
}

/**
 * What vectors a software adapter computes with.
 *
 * @param bits Their width.
 * @param canBeWide Whether the processor has wider ones, of 512 bits; undefined where not known.
 */
export function vectorCheck(bits: number, canBeWide: boolean | undefined): Check {
  const found = `${bits} bits`;
  if (bits >= 512 || canBeWide === false) return { check: "vectors", ok: true, found };
  const processor = canBeWide ? "this processor has AVX-512" : "if this processor has AVX-512";
  return {
    check: "vectors",
    ok: true,
    found,
    advice: `${processor}, 512 bits are faster: \`deno task assay\` takes them by itself; with a ` +
      "`deno run` of your own set LP_NATIVE_VECTOR_WIDTH=512 and, since Mesa does not tell widths " +
      "apart, a MESA_SHADER_CACHE_DIR for it alone",
  };
}

/** Whether products can multiply in half precision here. */
function halfCheck({ hasHalf }: Device): Check {
  const found = hasHalf
    ? "`--precision f16` can be asked for"
    : "not here: the adapter lacks shader-f16, so `--precision f16` is refused";
  return { check: "half precision", ok: true, found };
}

/** Which kernels compute here, and how products are divided. */
async function choiceCheck({ device, kernels, tuner }: GpuBackend): Promise<Check> {
  const timed = [...await tuner.timedTiles()].map(([product, tile]) => `${tile} of ${product}`);
  const told = timed.length > 0
    ? `timed: ${timed.join(", ")}`
    : device.canTime
    ? "none timed yet"
    : "none timed: the adapter has no clock";
  const tiles = `tiles ${tuner.tiles.join(", ")}, the first unless another was timed faster`;
  return { check: "kernels", ok: true, found: `${kernels}; ${tiles}; ${told}` };
}

/** Whether a score is free of the choice of a tile, and of its company, on this adapter too. */
async function tilesCheck({ device, kernelSet }: GpuBackend): Promise<Check> {
  const check = "tiles";
  try {
    const differ = await tilesThatDiffer(device, kernelSet);
    if (differ.length === 0) return { check, ok: true, found: "all give the same bits" };
    const found = `other bits from ${differ.join(", ")}`;
    return { check, ok: false, found, advice: differingTilesAdvice };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { check, ok: false, found: error.message, advice: wrongKernelAdvice };
  }
}

const differingTilesAdvice =
  "scores may differ in their last bits with --tuning and with what is " +
  "scored beside them: this adapter's compiler rounds the same sum in two ways; report it with " +
  "this output";

const wrongKernelAdvice =
  "don't trust scores from this adapter: update its driver, or compute without it by --backend wasm; " +
  "and report it with this output";
