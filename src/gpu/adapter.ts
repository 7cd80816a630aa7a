import { AssayError } from "../error.ts";
import { prepareSoftwareAdapter } from "./software_adapter.ts";

/** What is known of the adapter that a device was opened on. */
export interface AdapterDescription {
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

/** Finds a WebGPU adapter, or `undefined` where there is none. */
export async function findAdapter(): Promise<GPUAdapter | undefined> {
  prepareSoftwareAdapter();
  // Not by the type Navigator, which a worker's types don't have.
  const { gpu } = (globalThis as { navigator?: { gpu?: GPU } }).navigator ?? {};
  if (gpu === undefined) return undefined;
  return await gpu.requestAdapter({ powerPreference: "high-performance" }) ?? undefined;
}

/**
 * Finds a WebGPU adapter.
 *
 * @throws {AssayError} `gpu/no-adapter` where there is none.
 */
export async function requireAdapter(): Promise<GPUAdapter> {
  const adapter = await findAdapter();
  if (adapter !== undefined) return adapter;
  throw new AssayError(
    "gpu/no-adapter",
    `Cannot open a GPU: expected a WebGPU adapter, found none on this machine; ${adapterAdvice}`,
  );
}

/** Names an adapter; software adapters are told by name, since WebGPU reports them as fallbacks rarely. */
export function describeAdapter(adapter: GPUAdapter): AdapterDescription {
  const { vendor, architecture, device, description } = adapter.info;
  const software = /llvmpipe|lavapipe|swiftshader|software|basic render/i.test(
    `${device} ${description}`,
  );
  const bits = description.match(/\bllvmpipe \(.*\b(\d+) bits\)/)?.[1];
  const vectorBits = bits === undefined ? undefined : Number(bits);
  const openGl = isThroughOpenGl(adapter.info);
  return { vendor, architecture, device, description, software, openGl, vectorBits };
}

/** All that tells an adapter and its driver from others, as a key for what was measured on it. */
export function adapterName(
  { vendor, architecture, device, description }: AdapterDescription,
): string {
  return [vendor, architecture, device, description].join(" | ");
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
