/** The engines that may compute on a processor: Mesa's software adapter by WebGPU, and WebAssembly. */
export type EngineName = "gpu" | "wasm";

/** Engines to time, and how. */
export interface EngineRace {
  /** What is timed, and how often each part stands in the work. */
  readonly parts: readonly { readonly name: string; readonly weight: number }[];
  /** Gets an engine ready to compute at its full speed; not timed. */
  ready(engine: EngineName): Promise<void>;
  /** Computes a part so many times, to the end. */
  run(engine: EngineName, part: string, times: number): Promise<void>;
  /** The time now in milliseconds. */
  now(): number;
}

/** Milliseconds that a part's runs may take, from when both engines have computed it once. */
const budget = 700;
/** Milliseconds of a run from which the waits between engine and clock no longer count. */
const enough = 60;
/** Runs of each engine, in turns: what slows the machine down for a while slows both. */
const rounds = 5;
/** Lavapipe is taken where it takes less than this part of the other's time. */
const clearlyFaster = 0.9;

/**
 * Finds the engine that computes some work faster, in about two seconds and the time for compiling
 * shaders. Where neither is clearly faster it is WebAssembly, which needs no shaders compiled.
 */
export async function fasterEngine(race: EngineRace): Promise<EngineName> {
  const total = { gpu: 0, wasm: 0 };
  for (const { name, weight } of race.parts) {
    const times = await timesOf(race, name);
    total.gpu += weight * times.gpu;
    total.wasm += weight * times.wasm;
  }
  return total.gpu < clearlyFaster * total.wasm ? "gpu" : "wasm";
}

/** Milliseconds that each engine takes for a part. */
async function timesOf(race: EngineRace, part: string): Promise<Record<EngineName, number>> {
  const time = async (engine: EngineName, times: number): Promise<number> => {
    await race.ready(engine);
    const start = race.now();
    await race.run(engine, part, times);
    return race.now() - start;
  };
  await time("gpu", 1); // compiles
  await time("wasm", 1);
  const end = race.now() + budget;
  let times = 1;
  while (race.now() < end - budget / 2 && await time("wasm", times) < enough) times *= 2;
  const found: Record<EngineName, number[]> = { gpu: [], wasm: [] };
  for (let round = 0; round < rounds && (round === 0 || race.now() < end); round++) {
    for (const engine of ["wasm", "gpu"] as const) found[engine].push(await time(engine, times));
  }
  return { gpu: median(found.gpu) / times, wasm: median(found.wasm) / times };
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}
