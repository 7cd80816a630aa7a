import { AssayError } from "../error.ts";
import { adapterAdvice, openGlAdvice } from "../gpu/adapter.ts";
import { Device } from "../gpu/device.ts";
import { processorHasWideVectors } from "../gpu/software_adapter.ts";
import { CpuBackend } from "../ops/cpu_backend.ts";
import { GpuBackend } from "../ops/gpu_backend.ts";
import { tilesThatDiffer } from "../ops/checks/tile_agreement.ts";
import { compareWithTwin, trials } from "../ops/checks/trials.ts";

/** One thing that `assay doctor` looked at. */
export interface Check {
  /** What was looked at: `runtime`, `adapter`, `limit …`, `kernels`, `kernel …`, `tiles`. */
  readonly check: string;
  /** Whether it is as it should be. */
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** What to do about it, where it is not as it should be. */
  readonly advice?: string | undefined;
}

/** Largest difference of a kernel from its CPU twin that rounding explains, relative. */
const tolerance = 1e-4;
/** Trials of each kernel, each with other shapes. */
const trialsOfKernel = 5;

/** Limits that decide which models fit, and what small ones mean. */
const limits = [
  "maxStorageBufferBindingSize",
  "maxBufferSize",
  "maxComputeWorkgroupStorageSize",
  "maxComputeInvocationsPerWorkgroup",
] as const;

/**
 * Looks at the machine: the runtime, the adapter and its limits, then every kernel against its CPU
 * twin on shapes drawn at random.
 *
 * @param openDevice Opens the GPU; a stand-in in tests.
 */
export async function* checkMachine(
  openDevice: () => Promise<Device> = () => Device.open(),
): AsyncGenerator<Check> {
  const { deno, v8 } = Deno.version;
  const { os, arch } = Deno.build;
  yield { check: "runtime", ok: true, found: `Deno ${deno}, V8 ${v8}, ${os} ${arch}` };
  let device: Device;
  try {
    device = await openDevice();
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    yield { check: "adapter", ok: false, found: error.message, advice: adapterAdvice };
    return;
  }
  using gpu = new GpuBackend(device);
  yield adapterCheck(device);
  const { vectorBits } = device.adapter;
  if (vectorBits !== undefined) yield vectorCheck(vectorBits, processorHasWideVectors());
  for (const name of limits) {
    yield { check: `limit ${name}`, ok: true, found: String(device.limits[name]) };
  }
  yield await choiceCheck(gpu);
  yield* kernelChecks(gpu);
  yield await tilesCheck(gpu);
  const uncaptured = device.uncapturedErrors;
  yield {
    check: "validation",
    ok: uncaptured.length === 0,
    found: uncaptured.length === 0 ? "no WebGPU errors" : uncaptured.join("; "),
  };
}

/** What adapter it is, and whether there is a better way to it. */
export function adapterCheck({ adapter }: Pick<Device, "adapter">): Check {
  const { vendor, architecture, device, description, software } = adapter;
  const name = description ||
    [vendor, architecture, device].filter((part) => part !== "").join(" ");
  const note = software ? " (software: computes on the CPU)" : "";
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

/** Which kernels compute here, and how products are divided. */
async function choiceCheck({ device, kernels, tuner }: GpuBackend): Promise<Check> {
  const timed = [...await tuner.timedTiles()].map(([product, tile]) => `${tile} of ${product}`);
  const told = timed.length > 0
    ? `timed: ${timed.join(", ")}`
    : device.hasClock
    ? "none timed yet"
    : "none timed: the adapter has no clock";
  const tiles = `tiles ${tuner.tiles.join(", ")}, the first unless another was timed faster`;
  return { check: "kernels", ok: true, found: `${kernels}; ${tiles}; ${told}` };
}

async function* kernelChecks(gpu: GpuBackend): AsyncGenerator<Check> {
  using cpu = new CpuBackend();
  for (const [name, trial] of Object.entries(trials)) {
    const check = `kernel ${name}`;
    try {
      let largest = 0;
      for (let seed = 1; seed <= trialsOfKernel; seed++) {
        const difference = await compareWithTwin(trial, gpu, cpu, seed);
        if (!(difference <= largest)) largest = difference; // keeps a NaN
      }
      const ok = largest <= tolerance;
      const found = `differs from its CPU twin by ${largest.toExponential(1)} at most`;
      yield { check, ok, found, ...(ok ? {} : { advice: wrongKernelAdvice }) };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      yield { check, ok: false, found: error.message, advice: wrongKernelAdvice };
    }
  }
}

/** Whether a score is free of the choice of a tile, and of its company, on this adapter too. */
async function tilesCheck({ device, kernels }: GpuBackend): Promise<Check> {
  const check = "tiles";
  try {
    const differ = await tilesThatDiffer(device, kernels);
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
  "don't trust scores from this adapter: update its driver, or run on the " +
  "CPU with --backend cpu; and report it with this output";
