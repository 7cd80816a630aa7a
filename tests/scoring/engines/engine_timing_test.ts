import assert from "node:assert/strict";
import { type EngineName, fasterEngine } from "../../../src/scoring/engines/engine_timing.ts";

/** Milliseconds of a part on each engine, by part. */
type Speeds = Readonly<Record<string, Readonly<Record<EngineName, number>>>>;

/** A race by a clock that only runs when something is computed, and what was run. */
function raceOf(
  speeds: Speeds,
  options: {
    readonly weights?: Readonly<Record<string, number>>;
    /** Added to a run, by how many were made before. */
    readonly disturbed?: (run: number) => number;
    readonly compiling?: number;
  } = {},
) {
  const { weights = {}, disturbed = () => 0, compiling = 0 } = options;
  const runs: string[] = [];
  const compiled = new Set<string>();
  let now = 0;
  const race = {
    parts: Object.keys(speeds).map((name) => ({ name, weight: weights[name] ?? 1 })),
    now: () => now,
    ready: () => Promise.resolve(),
    run(engine: EngineName, part: string, times: number) {
      if (engine === "gpu" && !compiled.has(part)) now += compiling;
      compiled.add(part);
      now += speeds[part]![engine] * times + disturbed(runs.length);
      runs.push(`${engine} ${part} ${times}`);
      return Promise.resolve();
    },
  };
  return { race, runs, time: () => now };
}

Deno.test("the engine that is clearly faster wins, and WebAssembly where neither is", async () => {
  const cases = [[10, 30, "wasm"], [30, 10, "gpu"], [10, 10, "wasm"], [10, 9.5, "wasm"]] as const;
  for (const [wasm, gpu, expected] of cases) {
    assert.equal(await fasterEngine(raceOf({ products: { wasm, gpu } }).race), expected);
  }
});

Deno.test("parts count by how often they stand in the work", async () => {
  const speeds = { products: { wasm: 10, gpu: 30 }, attention: { wasm: 30, gpu: 10 } };
  const winner = (attention: number) =>
    fasterEngine(raceOf(speeds, { weights: { products: 1, attention } }).race);
  assert.equal(await winner(0.5), "wasm");
  assert.equal(await winner(2), "gpu");
});

Deno.test("what slows the machine down for a while decides nothing, nor does compiling", async () => {
  const disturbed = (run: number): number => (run % 5 === 3 ? 300 : 0);
  const speeds = { products: { wasm: 1, gpu: 0.5 } };
  assert.equal(await fasterEngine(raceOf(speeds, { disturbed }).race), "gpu");
  assert.equal(await fasterEngine(raceOf(speeds, { compiling: 1e5 }).race), "gpu");
});

Deno.test("engines are timed in turns, on as much work as a clock can tell, within bounds", async () => {
  const quick = raceOf({ products: { wasm: 1, gpu: 2 } });
  await fasterEngine(quick.race);
  const timed = quick.runs.slice(-4);
  assert.deepEqual(timed, ["wasm", "gpu", "wasm", "gpu"].map((engine) => `${engine} products 64`));
  assert.ok(quick.time() < 2000, `${quick.time()} ms`);
  // Each is run to warm up, and then at least once.
  const slow = raceOf({ products: { wasm: 5000, gpu: 9000 } });
  assert.equal(await fasterEngine(slow.race), "wasm");
  assert.ok(slow.runs.length <= 5, slow.runs.join());
});
