import type { Precision } from "../../gpu/precision.ts";
import type { AdapterDescription } from "../../gpu/adapter.ts";
import type { Choices } from "../../gpu/choice_store.ts";
import type { KernelSet } from "../../gpu/kernel_set.ts";
import type { Tuning } from "../../ops/products/product_tuner.ts";
import type { EngineWork } from "./engine_work.ts";
import type { EngineName } from "./engine_timing.ts";

/** Numbers in a model's layers from which timing pays: below, nothing is compiled for it, timed or looked up. */
export const worthTiming = 5e7;

/** An engine, and why it was chosen. */
export interface EngineChoice {
  readonly engine: EngineName;
  readonly why: string;
}

/** What is asked for of the GPU's kernels. */
export interface KernelWishes {
  readonly kernels?: KernelSet | undefined;
  readonly precision?: Precision | undefined;
  readonly tuning?: Tuning | undefined;
}

/**
 * What `auto` takes by rule, whatever the model.
 *
 * @param adapter The machine's adapter; `undefined` where there is none.
 * @returns `undefined` where it depends on the model: there is a software adapter.
 */
export function choiceByRule(
  adapter: AdapterDescription | undefined,
  { kernels, precision, tuning = "auto" }: KernelWishes,
): EngineChoice | undefined {
  if (kernels !== undefined) return { engine: "gpu", why: "a GPU's kernel set is asked for" };
  if (precision === "f16") return { engine: "gpu", why: "a GPU's half precision is asked for" };
  if (tuning !== "auto" && tuning !== "off") {
    return { engine: "gpu", why: "a tile of a GPU's products is asked for" };
  }
  if (adapter === undefined) return { engine: "wasm", why: "there is no WebGPU adapter" };
  if (!adapter.software) return { engine: "gpu", why: "the adapter is a GPU" };
  if (adapter.openGl) {
    return { engine: "wasm", why: "the adapter is a software one through OpenGL, which is slow" };
  }
  if (tuning === "off") {
    return { engine: "wasm", why: "the adapter is a software one, and nothing is timed" };
  }
  return undefined;
}

/** How the engine for a model is chosen where the adapter is a software one. */
export interface ModelChoice {
  /** The model's work; `undefined` where nothing is known of it. */
  readonly work: EngineWork | undefined;
  /** Whether the WebAssembly engine's memory has room for the model, be it layer by layer. */
  readonly fitsWasm: boolean;
  /** Where choices are remembered, by the work's name. */
  readonly store: {
    read(): Promise<Choices>;
    /** Tells whether they last longer than the process. */
    add(choices: Choices): Promise<boolean>;
  };
  /** Times both engines. */
  race(work: EngineWork): Promise<EngineName>;
}

/**
 * Chooses between lavapipe and WebAssembly for a model. The two differ in a score's last bits, so a
 * choice that was made by the clock is kept; where it can't be kept, nothing is timed.
 */
export async function chooseForModel(
  { work, fitsWasm, store, race }: ModelChoice,
): Promise<EngineChoice> {
  if (!fitsWasm) {
    return { engine: "gpu", why: "the model does not fit into the WebAssembly engine's memory" };
  }
  if (work === undefined || work.weights < worthTiming) {
    return { engine: "wasm", why: "the model is too small for the engines to be timed" };
  }
  const remembered = (await store.read()).get(work.name);
  if (remembered === "gpu" || remembered === "wasm") {
    return { engine: remembered, why: "it was timed before" };
  }
  if (!await store.add(new Map())) {
    return { engine: "wasm", why: "nothing can be remembered here, so nothing is timed" };
  }
  const engine = await race(work);
  await store.add(new Map([[work.name, engine]]));
  return { engine, why: "it was timed" };
}

/**
 * What `auto` takes on a machine, for people to read.
 *
 * @param adapter The machine's adapter; `undefined` where there is none.
 */
export function describeAutomatic(adapter: AdapterDescription | undefined): string {
  const rule = choiceByRule(adapter, {});
  if (rule !== undefined) return `${rule.engine}: ${rule.why}`;
  return `wasm for models below ${
    worthTiming / 1e6
  } million weights in their layers; for a larger one ` +
    "the faster of wasm and the software adapter (gpu), timed once";
}
