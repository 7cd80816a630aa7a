import type { Backend } from "../../ops/backend.ts";
import type { GpuBackend } from "../../ops/gpu_backend.ts";
import type { WasmBackend } from "../../ops/wasm_backend.ts";
import { type EngineName, fasterEngine } from "./engine_timing.ts";
import { type EngineWork, timedParts } from "./engine_work.ts";

/** Milliseconds for which helpers are waited for. */
const patience = 200;

/** Times a model's work on both backends; what it made on them is freed. */
export async function raceBackends(
  work: EngineWork,
  backends: { readonly gpu: GpuBackend; readonly wasm: WasmBackend },
): Promise<EngineName> {
  const parts = timedParts(work);
  using made = new DisposableStack();
  const runs = new Map<string, () => void>();
  for (const part of parts) {
    for (const engine of ["gpu", "wasm"] as const) {
      const { run, dispose } = part.prepare(backends[engine]);
      runs.set(`${engine} ${part.name}`, run);
      made.defer(dispose);
    }
  }
  const finish = (backend: Backend): Promise<void> => backend.finish();
  const winner = await fasterEngine({
    parts,
    now: () => performance.now(),
    ready: async (engine) => {
      if (engine === "gpu") return await finish(backends.gpu);
      const { team } = backends.wasm.engine;
      const start = performance.now();
      team.assemble();
      while (!team.isComplete && performance.now() - start < patience) {
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    },
    run: async (engine, part, times) => {
      const run = runs.get(`${engine} ${part}`)!;
      for (let i = 0; i < times; i++) run();
      await finish(backends[engine]);
    },
  });
  await finish(backends.gpu); // before its weights are freed
  return winner;
}
