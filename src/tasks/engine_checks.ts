import { AssayError } from "../error.ts";
import type { AdapterDescription } from "../gpu/adapter.ts";
import { WasmBackend } from "../ops/wasm_backend.ts";
import { describeAutomatic } from "../scoring/engines/engine_choice.ts";
import { engineChoices } from "../scoring/engines/engine_memory.ts";
import type { Engine } from "../wasm/engine.ts";
import { kernelChecks, speedCheck } from "./kernel_checks.ts";
import type { Check } from "./machine_check.ts";

/**
 * Looks at the WebAssembly engine: what it computes with, and every kernel against its CPU twin.
 *
 * @param bench Whether its speed is measured too.
 * @param adapter The machine's adapter; `undefined` where there is none.
 */
export async function* engineChecks(
  openEngine: () => Promise<Engine>,
  bench: boolean,
  adapter: AdapterDescription | undefined,
): AsyncGenerator<Check> {
  let engine: Engine;
  try {
    engine = await openEngine();
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    const ok = adapter !== undefined;
    yield { check: "engine", ok, found: error.message, ...(ok ? {} : { advice: noEngineAdvice }) };
    return;
  }
  using wasm = new WasmBackend(engine);
  yield await engineCheck(engine);
  yield* kernelChecks(wasm, "wasm kernel", wrongKernelAdvice);
  if (bench) yield await speedCheck(wasm, "engine");
  yield { check: "auto", ok: true, found: describeAutomatic(adapter) };
  if (adapter?.software !== true) return;
  for (const [model, chosen] of await engineChoices(adapter, engine).read()) {
    yield { check: "auto", ok: true, found: `${chosen} was faster for ${model}` };
  }
}

/** What the engine computes with. */
async function engineCheck(engine: Engine): Promise<Check> {
  engine.team.assemble();
  await new Promise((resolve) => setTimeout(resolve, 300)); // those that can't start have failed by then
  const { arithmetic, isShared, threads, mostBytes, team } = engine;
  const rounding = arithmetic === "relaxed"
    ? "relaxed SIMD (a product and its sum are rounded once)"
    : "SIMD (a product and its sum are rounded apart)";
  const sharing = isShared ? "memory shared with threads" : "memory that no thread shares";
  const found = `WebAssembly, ${rounding}; ${threads} ${threads === 1 ? "thread" : "threads"}, ` +
    `${sharing}, up to ${(mostBytes / 2 ** 30).toFixed(1)} GiB`;
  const advice = team.failure === undefined
    ? isShared ? undefined : noSharingAdvice
    : `helpers can't be started: ${team.failure}`;
  return { check: "engine", ok: true, found, ...(advice === undefined ? {} : { advice }) };
}

const noSharingAdvice = "for more threads, a page must be cross-origin isolated";

const noEngineAdvice =
  "there is no adapter either: scores are right, but computed by plain loops, many times slower; use a " +
  "newer runtime";

const wrongKernelAdvice =
  "don't trust scores from this runtime's WebAssembly: use another version of it, or --backend cpu; " +
  "and report it with this output";
