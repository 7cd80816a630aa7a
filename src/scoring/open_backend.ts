import type { Precision } from "../gpu/precision.ts";
import { AssayError } from "../error.ts";
import { describeAdapter, findAdapter, openGlAdvice, type WebGpuName } from "../gpu/adapter.ts";
import { Device } from "../gpu/device.ts";
import { chooseKernelSet, type KernelSet } from "../gpu/kernel_set.ts";
import { CpuBackend } from "../ops/cpu_backend.ts";
import { GpuBackend } from "../ops/gpu_backend.ts";
import type { Backend } from "../ops/backend.ts";
import { WasmBackend } from "../ops/wasm_backend.ts";
import { ProductTuner, type Tuning } from "../ops/products/product_tuner.ts";
import { Engine } from "../wasm/engine.ts";
import type { BackendChoice } from "./backend_choice.ts";
import { openDawn } from "./engines/dawn.ts";
import { choiceByRule, chooseForModel, worthTiming } from "./engines/engine_choice.ts";
import { engineChoices } from "./engines/engine_memory.ts";
import { workOf } from "./engines/engine_work.ts";
import { raceBackends } from "./engines/race_backends.ts";
import type { LoadOptions } from "./load_options.ts";
import { memoryFor, type ModelPlan } from "./model_plan.ts";

/** Which kernels to use; what is not named is chosen by the adapter and the processor. */
export interface KernelOptions {
  /** Of a GPU. */
  readonly kernels?: KernelSet | undefined;
  /** Of a GPU's products; `f16` is one of the kernel set `tiled`. */
  readonly precision?: Precision | undefined;
  /** Of a GPU: the implementation of WebGPU, in place of the runtime's own. */
  readonly webgpu?: WebGpuName | undefined;
  /** Of Dawn: products in f16 on matrix units. */
  readonly experimental?: boolean | undefined;
  /** Of a GPU's products. */
  readonly tuning?: Tuning | undefined;
  /** Threads of the WebAssembly engine; by default as many as there are cores, up to 16. */
  readonly threads?: number | undefined;
}

/** How a backend is opened. */
export type OpenBackendOptions =
  & KernelOptions
  & Pick<LoadOptions, "memoryBudget" | "maxTokens" | "tokensPerPack" | "layers">;

/** Told of what is odd but no error. */
type Warn = (message: string) => void;

/**
 * Opens the backend.
 *
 * @param model What it is for; `auto` may depend on it.
 * @throws {AssayError} `gpu/no-adapter` where a GPU was asked for and there is none;
 *   `gpu/no-f16`; `ops/unknown-tile`; where WebAssembly was asked for, what {@link Engine.open} throws;
 *   where Dawn was, what {@link openDawn} throws.
 */
export async function openBackend(
  choice: BackendChoice,
  warn: Warn,
  options: OpenBackendOptions = {},
  model?: ModelPlan,
): Promise<Backend> {
  switch (choice) {
    case "cpu":
      return new CpuBackend();
    case "wasm":
      return await openWasm(warn, options, model);
    case "gpu":
      return await openGpu(warn, options);
    case "auto":
      return options.webgpu === undefined
        ? await openAutomatic(warn, options, model)
        : await openGpu(warn, options);
  }
}

async function openAutomatic(
  warn: Warn,
  options: OpenBackendOptions,
  model: ModelPlan | undefined,
): Promise<Backend> {
  const found = await findAdapter();
  const adapter = found && describeAdapter(found);
  const rule = choiceByRule(adapter, options);
  if (rule?.engine === "gpu") return await openGpu(warn, options, found);
  using opened = new DisposableStack();
  let wasm: WasmBackend;
  try {
    wasm = opened.use(await openWasm(warn, options, model));
  } catch (error) {
    if (!(error instanceof AssayError && error.code.startsWith("wasm/"))) throw error;
    if (found !== undefined) return await openGpu(warn, options, found);
    warn(`${error.message}. There is no WebGPU adapter either: scoring with plain loops, slowly`);
    return new CpuBackend();
  }
  if (rule === undefined && found !== undefined) {
    const gpu = await softwareAdapterFor(found, wasm, { warn, options, model });
    if (gpu !== undefined) return gpu;
  }
  opened.move();
  return wasm;
}

/** The backend of a software adapter, where that is the one for the model. */
async function softwareAdapterFor(
  found: GPUAdapter,
  wasm: WasmBackend,
  { warn, options, model }: {
    readonly warn: Warn;
    readonly options: OpenBackendOptions;
    readonly model: ModelPlan | undefined;
  },
): Promise<GpuBackend | undefined> {
  using opened = new DisposableStack();
  let gpu: GpuBackend | undefined;
  const open = async (): Promise<GpuBackend> =>
    gpu ??= opened.use(await openGpu(warn, options, found));
  try {
    const { engine } = await chooseForModel({
      work: model && workOf(model),
      fitsWasm: model === undefined || fits(model, wasm, options),
      store: engineChoices(describeAdapter(found), wasm.engine),
      race: async (work) => await raceBackends(work, { gpu: await open(), wasm }),
    });
    if (engine === "wasm") return undefined;
    const chosen = await open();
    opened.move();
    return chosen;
  } catch (error) {
    // An adapter that opens no device, or is lost: nothing of it is wanted.
    if (error instanceof AssayError && error.code.startsWith("gpu/")) return undefined;
    throw error;
  }
}

/** Whether a backend has room for a model, be it layer by layer. */
function fits(model: ModelPlan, backend: Backend, options: OpenBackendOptions): boolean {
  try {
    memoryFor(model, backend, options);
    return true;
  } catch (error) {
    if (error instanceof AssayError && error.code === "scoring/over-budget") return false;
    throw error;
  }
}

async function openWasm(
  warn: Warn,
  { threads }: KernelOptions,
  model: ModelPlan | undefined,
): Promise<WasmBackend> {
  const engine = await Engine.open({ threads });
  const alone = "the WebAssembly engine computes with one thread";
  engine.team.onFailure = (reason) => warn(`${alone}: its helpers can't be started (${reason})`);
  const isLarge = model !== undefined && workOf(model).weights >= worthTiming;
  if (!engine.isShared && (isLarge || (threads ?? 1) > 1)) {
    warn(`${alone}: a page's memory is shared with more only where it is cross-origin isolated`);
  }
  return new WasmBackend(engine);
}

async function openGpu(
  warn: Warn,
  options: KernelOptions,
  found?: GPUAdapter,
): Promise<GpuBackend> {
  using opened = new DisposableStack();
  const webgpu = options.webgpu === undefined ? undefined : await openDawn(options.experimental);
  const device = opened.use(await Device.open(found, webgpu));
  const { adapter } = device;
  if (options.experimental && device.matrixUnit === undefined) {
    warn(
      `${
        adapter.description || adapter.device || "the adapter"
      }: it lists no matrix unit for f16 with ` +
        "f32 sums; products are computed without (--experimental, `experimental`)",
    );
  }
  if (adapter.openGl) {
    warn(`${adapter.description || adapter.device || "the adapter"}: ${openGlAdvice}`);
  }
  const { precision } = options;
  const kernels = options.kernels ?? (precision === "f16" ? "tiled" : chooseKernelSet(device));
  const tuner = new ProductTuner(device, kernels, options.tuning);
  const backend = new GpuBackend(device, kernels, device.maxBindingBytes, tuner, precision);
  opened.move();
  return backend;
}
