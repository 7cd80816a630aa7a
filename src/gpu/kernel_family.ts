import type { Device } from "./device.ts";

/**
 * Which kernels compute matrix products and attention.
 *
 * - `tiled`: storage buffers, tiles that pass through workgroup memory; made for GPUs, runs everywhere.
 * - `texture`: activations and weights in storage textures, values handed round by shuffles of 8
 *   lanes; many times faster on lavapipe, whose buffer and workgroup reads are scalar.
 *
 * The two sum in different orders, so a score may differ in its last bits between families; within
 * one it never does.
 */
export type KernelFamily = "tiled" | "texture";

/** The family for a device. */
export function chooseFamily(device: Device): KernelFamily {
  return device.adapter.software && device.subgroups.size === 8 ? "texture" : "tiled";
}
