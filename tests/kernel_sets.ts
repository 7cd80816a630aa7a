import { findAdapter } from "../src/gpu/adapter.ts";
import { Device } from "../src/gpu/device.ts";
import type { KernelSet } from "../src/gpu/kernel_set.ts";

/** A kernel set, and why it can't be tested on this machine, if it can't. */
export interface TestedKernelSet {
  readonly kernelSet: KernelSet;
  readonly missing: string | undefined;
}

async function adapterFacts(): Promise<{ size?: number; software?: boolean }> {
  if (await findAdapter() === undefined) return {};
  using device = await Device.open();
  return { size: device.subgroups.size, software: device.adapter.software };
}

const { size, software } = await adapterFacts();
/** Whether kernels run on the processor, and take long to compile. */
export const onSoftwareAdapter: boolean = software === true;
const noAdapter = size === undefined ? "no WebGPU adapter on this machine" : undefined;
const noShuffles = size === 8 || size === 16
  ? undefined
  : "no adapter with subgroups of 8 or 16 lanes";

/** Why products in half precision can't be tested on this machine, if they can't. */
export const noHalf: string | undefined = noAdapter ??
  ((await findAdapter())!.features.has("shader-f16") ? undefined : "no adapter with shader-f16");

/** Every kernel set. */
export const testedKernelSets: readonly TestedKernelSet[] = [
  { kernelSet: "tiled", missing: noAdapter },
  { kernelSet: "texture", missing: noAdapter ?? noShuffles },
];
