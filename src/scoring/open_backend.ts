import { AssayError } from "../error.ts";
import { adapterAdvice, openGlAdvice } from "../gpu/adapter.ts";
import { Device } from "../gpu/device.ts";
import { chooseKernelSet, type KernelSet } from "../gpu/kernel_set.ts";
import { CpuBackend } from "../ops/cpu_backend.ts";
import { GpuBackend } from "../ops/gpu_backend.ts";
import type { Backend, BackendKind } from "../ops/backend.ts";
import { WasmBackend } from "../ops/wasm_backend.ts";
import { Engine } from "../wasm/engine.ts";
import { ProductTuner, type Tuning } from "../ops/products/product_tuner.ts";

/** Where to compute: `auto` takes the GPU and falls back to the CPU with a warning. */
export type BackendChoice = "auto" | BackendKind;

/** Which kernels to use on a GPU; what is not named is chosen by the adapter. */
export interface KernelOptions {
  readonly kernels?: KernelSet | undefined;
  readonly tuning?: Tuning | undefined;
  /** Threads of the WebAssembly engine; by default as many as there are cores, up to 16. */
  readonly threads?: number | undefined;
}

/**
 * Opens the backend.
 *
 * @throws {AssayError} `gpu/no-adapter` where a GPU was asked for and there is none;
 *   `ops/unknown-tile`.
 */
export async function openBackend(
  choice: BackendChoice,
  warn: (message: string) => void,
  options: KernelOptions = {},
): Promise<Backend> {
  if (choice === "cpu") return new CpuBackend();
  if (choice === "wasm") return await openWasm(warn, options);
  try {
    return await openGpu(warn, options);
  } catch (error) {
    const missing = error instanceof AssayError && error.code === "gpu/no-adapter";
    if (choice === "gpu" || !missing) throw error;
    warn(
      `no WebGPU adapter found: scoring on the CPU, which is right but slow; ${adapterAdvice}`,
    );
    return new CpuBackend();
  }
}

async function openWasm(
  warn: (message: string) => void,
  { threads }: KernelOptions,
): Promise<WasmBackend> {
  const engine = await Engine.open({ threads });
  engine.team.onFailure = (reason) =>
    warn(
      `the WebAssembly engine computes with one thread: its helpers can't be started (${reason})`,
    );
  return new WasmBackend(engine);
}

async function openGpu(
  warn: (message: string) => void,
  options: KernelOptions,
): Promise<Backend> {
  using opened = new DisposableStack();
  const device = opened.use(await Device.open());
  const { adapter } = device;
  if (adapter.openGl) {
    warn(`${adapter.description || adapter.device || "the adapter"}: ${openGlAdvice}`);
  }
  const kernels = options.kernels ?? chooseKernelSet(device);
  const tuner = new ProductTuner(device, kernels, options.tuning);
  const backend = new GpuBackend(device, kernels, device.maxBindingBytes, tuner);
  opened.move();
  return backend;
}
