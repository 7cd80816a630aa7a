import type { Device } from "./device.ts";

/**
 * Which kernels compute matrix products and attention.
 *
 * - `tiled`: storage buffers, tiles that pass through workgroup memory; made for GPUs, runs everywhere.
 * - `texture`: activations and weights in storage textures, values handed round by shuffles of 8
 *   or 16 lanes; many times faster on lavapipe, whose buffer and workgroup reads are scalar.
 *
 * The two sum in different orders, so a score may differ in its last bits between kernel sets; within
 * one it never does.
 */
export type KernelSet = "tiled" | "texture";

/** The kernel set for a device. */
export function chooseKernelSet({ adapter, subgroups }: Device): KernelSet {
  const { size } = subgroups;
  return adapter.software && (size === 8 || size === 16) ? "texture" : "tiled";
}

/**
 * Lanes of a subgroup that the texture kernels count on: 8 or 16. A wider subgroup holds groups of 8
 * that shuffle among themselves. The number does not change the order of any sum.
 */
export function textureLanes({ subgroups }: Device): 8 | 16 {
  return subgroups.size === 16 ? 16 : 8;
}
