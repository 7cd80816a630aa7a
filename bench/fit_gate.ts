/**
 * Stage 2 of ArmoRM at its real size: a gate from 4,096 numbers through three layers of 1,024 to 19
 * objectives, 1,024 pairs in a step. Prints the seconds of a step, by the clock and of the processor,
 * which tells more where other work runs beside it.
 *
 *     deno run --allow-read bench/fit_gate.ts [STEPS]
 */
import { cpuUsage } from "node:process";
import { GatingNetwork, type GatingPairs, seededRandom, trainGating } from "@assay/assay/fitting";

const [dimension, objectives, pairs] = [4096, 19, 2000];
const random = seededRandom(1);
const drawn = (count: number): Float64Array =>
  Float64Array.from({ length: count }, () => 2 * random() - 1);
const data: GatingPairs = {
  dimension,
  prompts: Float32Array.from(drawn(pairs * dimension)),
  promptOfPair: Uint32Array.from({ length: pairs }, (_, pair) => pair),
  differences: drawn(pairs * objectives),
};
const gate = GatingNetwork.create({ dimension, objectives }, 1);
const steps = Number(Deno.args[0] ?? 10);
const [start, before] = [performance.now(), cpuUsage()];
await trainGating(gate, data, { steps, seed: 1 });
const { user, system } = cpuUsage(before);
console.log(JSON.stringify({
  steps,
  seconds_per_step: Number(((performance.now() - start) / 1000 / steps).toFixed(2)),
  processor_seconds_per_step: Number(((user + system) / 1e6 / steps).toFixed(2)),
}));
