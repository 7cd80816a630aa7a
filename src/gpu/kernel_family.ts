import type { Device } from "./device.ts";

/**
 * Which kernels compute matrix products and attention.
 *
 * - `buffer`: plain storage buffers and register tiles; runs everywhere.
 * - `texture`: activations and weights in storage textures, values handed round by shuffles of 8
 *   lanes; several times faster on lavapipe, whose buffer reads are scalar.
 *
 * The two sum in different orders, so a score may differ in its last bits between families; within
 * one it never does.
 */
export type KernelFamily = "buffer" | "texture";

/** The family for a device. */
export function chooseFamily(device: Device): KernelFamily {
  return device.adapter.software && device.subgroups.size === 8 ? "texture" : "buffer";
}
