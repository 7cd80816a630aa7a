import { AssayError } from "../error.ts";
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
 * Makes sure that a device can compute with a kernel set: shuffles among 8 lanes are undefined in
 * smaller subgroups, and would give wrong numbers in silence.
 *
 * @throws {AssayError} `gpu/no-shuffles` for `texture` kernels where subgroups hold no groups of 8.
 */
export function expectShuffles(
  { adapter, subgroups: { size } }: Pick<Device, "adapter" | "subgroups">,
  kernelSet: KernelSet,
): void {
  if (kernelSet === "tiled" || (size > 0 && size % 8 === 0)) return;
  throw new AssayError(
    "gpu/no-shuffles",
    `Cannot compute with the texture kernels on ${
      adapter.description || "this adapter"
    }: expected ` +
      `subgroups of 8 lanes or a multiple of 8, found ${
        size === 0 ? "none, or of several sizes" : size
      }; leave the kernel set to Assay, or take "tiled"`,
  );
}

/**
 * Lanes of a subgroup that the texture kernels count on: 8 or 16. A wider subgroup holds groups of 8
 * that shuffle among themselves. The number does not change the order of any sum.
 */
export function textureLanes({ subgroups }: Device): 8 | 16 {
  return subgroups.size === 16 ? 16 : 8;
}
