import { AssayError } from "../error.ts";
import { adapterAdvice } from "../gpu/adapter.ts";
import { Device } from "../gpu/device.ts";
import type { KernelFamily } from "../gpu/kernel_family.ts";
import { CpuBackend } from "../ops/cpu_backend.ts";
import { GpuBackend } from "../ops/gpu_backend.ts";
import type { Backend } from "../ops/operation.ts";

/** Where to compute: `auto` takes the GPU and falls back to the CPU with a warning. */
export type BackendChoice = "auto" | "gpu" | "cpu";

/**
 * Opens the backend.
 *
 * @param kernels Pins the family of kernels on a GPU; by default the fast one for the adapter.
 * @throws {AssayError} `gpu/no-adapter` where a GPU was asked for and there is none.
 */
export async function openBackend(
  choice: BackendChoice,
  warn: (message: string) => void,
  kernels?: KernelFamily,
): Promise<Backend> {
  if (choice === "cpu") return new CpuBackend();
  try {
    return new GpuBackend(await Device.open(), kernels);
  } catch (error) {
    const missing = error instanceof AssayError && error.code === "gpu/no-adapter";
    if (choice === "gpu" || !missing) throw error;
    warn(
      `no WebGPU adapter found: scoring on the CPU, which is right but slow; ${adapterAdvice}`,
    );
    return new CpuBackend();
  }
}
