import { AssayError } from "../error.ts";
import { prepareSoftwareAdapter } from "./software_adapter.ts";

/** Implementations of WebGPU that may stand in for the runtime's own, by their names in verdicts and keys. */
export type WebGpuName = "dawn";

/** An implementation of WebGPU in place of the runtime's own. */
export interface WebGpu {
  readonly name: WebGpuName;
  /** Where its adapters come from. */
  readonly gpu: GPU;
  /** What to do where it finds none. */
  readonly advice: string;
}

/** What is known of the adapter that a device was opened on. */
export interface AdapterDescription {
  /** The implementation that it was asked of; undefined for the runtime's own. */
  readonly webgpu?: WebGpuName | undefined;
  readonly vendor: string;
  readonly architecture: string;
  readonly device: string;
  readonly description: string;
  /** Whether it runs on the CPU (lavapipe, SwiftShader). */
  readonly software: boolean;
  /** Whether it computes through OpenGL. */
  readonly openGl: boolean;
  /** Bits of the vectors that Mesa's software adapter computes with; undefined for others. */
  readonly vectorBits: number | undefined;
}

/** How to get a WebGPU adapter on a machine that has none. */
export const adapterAdvice: string =
  'none is needed, since --backend wasm computes without (`backend: "wasm"` in a program; auto takes ' +
  "it by itself); on Debian or Ubuntu, a software adapter comes with " +
  "`apt-get install -y mesa-vulkan-drivers`";

/** What to do about an adapter that computes through OpenGL. */
export const openGlAdvice: string =
  "this adapter computes through OpenGL, several times slower than Mesa's adapter " +
  "for Vulkan, and compiles for long: on Debian or Ubuntu `apt-get install -y mesa-vulkan-drivers`";

/**
 * Finds a WebGPU adapter, or `undefined` where there is none.
 *
 * @param webgpu The implementation to ask; the runtime's own by default.
 */
export async function findAdapter(webgpu?: WebGpu): Promise<GPUAdapter | undefined> {
  prepareSoftwareAdapter();
  // Not by the type Navigator, which a worker's types don't have.
  const own = (globalThis as { navigator?: { gpu?: GPU } }).navigator?.gpu;
  const gpu = webgpu === undefined ? own : webgpu.gpu;
  if (gpu === undefined) return undefined;
  return await gpu.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/**
 * Finds a WebGPU adapter.
 *
 * @param webgpu The implementation to ask; the runtime's own by default.
 * @throws {AssayError} `gpu/no-adapter` where there is none.
 */
export async function requireAdapter(webgpu?: WebGpu): Promise<GPUAdapter> {
  const adapter = await findAdapter(webgpu);
  if (adapter !== undefined) return adapter;
  if (webgpu !== undefined) {
    throw new AssayError(
      "gpu/no-adapter",
      `Cannot open a GPU by ${webgpu.name}: expected an adapter that it accepts, found none on this ` +
        `machine; ${webgpu.advice}`,
    );
  }
  throw new AssayError(
    "gpu/no-adapter",
    `Cannot open a GPU: expected a WebGPU adapter, found none on this machine; ${adapterAdvice}`,
  );
}

/**
 * Names an adapter. Software adapters are told by name, since WebGPU reports them as fallbacks rarely;
 * browsers keep device and description to themselves, and name SwiftShader as an architecture.
 *
 * @param webgpu The implementation that it was asked of; the runtime's own by default.
 */
export function describeAdapter(adapter: GPUAdapter, webgpu?: WebGpuName): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  const software = /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(
    `${architecture} ${device} ${description}`,
  );
  // Two implementations write the same name: "llvmpipe (LLVM 15, 256 bits)", "llvmpipe-llvm-15-256-bits-".
  const bits = `${description} ${device}`.match(/\bllvmpipe\b.*\b(\d+)[ -]bits\b/)?.[1];
  const vectorBits = bits === undefined ? undefined : Number(bits);
  const openGl = isThroughOpenGl(adapter.info);
  return { webgpu, vendor, architecture, device, description, software, openGl, vectorBits };
}

/** All that tells an adapter and its driver from others, as a key for what was measured on it. */
export function adapterName(
  { webgpu, vendor, architecture, device, description }: AdapterDescription,
): string {
  const own = [vendor, architecture, device, description];
  return (webgpu === undefined ? own : [...own, webgpu]).join(" | ");
}

/**
 * Whether an adapter computes through OpenGL, which a runtime falls back to in silence where there is
 * no Vulkan. WebGPU doesn't say. OpenGL's renderers have names of their own, and wgpu, which is Deno's
 * WebGPU, gives them all the range of subgroups that says nothing is known of them.
 *
 * @param info What the adapter tells of itself.
 */
export function isThroughOpenGl(
  info: Pick<
    GPUAdapterInfo,
    "vendor" | "architecture" | "device" | "description" | "subgroupMinSize" | "subgroupMaxSize"
  >,
): boolean {
  const { vendor, architecture, device, description, subgroupMinSize, subgroupMaxSize } = info;
  const name = [vendor, architecture, device, description].join(" ");
  return /\bopengl\b|\bgles?\b|\bvirgl\b|softpipe|\/PCIe\/SSE2/i.test(name) ||
    (subgroupMinSize === 4 && subgroupMaxSize === 128);
}
