import { WasmBackend } from "../src/ops/wasm_backend.ts";
import { type Arithmetic, Engine, type EngineOptions } from "../src/wasm/engine.ts";
import { relaxedModule } from "../src/wasm/modules.ts";

/** An engine that tests run on, and why it can't be on this machine, if it can't. */
export interface TestedEngine {
  /** For the names of tests. */
  readonly name: string;
  readonly missing: string | undefined;
  /** A backend of its own, with all its threads at work. */
  open(): Promise<WasmBackend>;
}

const takesRelaxed = WebAssembly.validate(Uint8Array.fromBase64(relaxedModule));

function tested(arithmetic: Arithmetic, threads: number): TestedEngine {
  return {
    name: `wasm, ${arithmetic}, ${threads === 1 ? "1 thread" : `${threads} threads`}`,
    missing: arithmetic === "relaxed" && !takesRelaxed ? "no relaxed SIMD here" : undefined,
    open: () => openBackend({ arithmetic, threads }),
  };
}

/** Both modules, each with one thread and with two. */
export const testedEngines: readonly TestedEngine[] = [
  tested("relaxed", 1),
  tested("relaxed", 2),
  tested("strict", 1),
  tested("strict", 2),
];

/** Opens an engine's backend and waits until its helpers are there. */
export async function openBackend(options: EngineOptions): Promise<WasmBackend> {
  const engine = await Engine.open(options);
  await assembled(engine);
  return new WasmBackend(engine);
}

/** Has all the engine's helpers at work: some left, where there was nothing to do for long. */
export async function assembled({ team }: Engine): Promise<void> {
  await team.assembled();
  if (team.failure !== undefined) throw new Error(`no helpers: ${team.failure}`);
}
