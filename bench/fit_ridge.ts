/**
 * Stage 1 of ArmoRM at its real size: 100,000 rows of 4,096 features with 19 objectives, whose labels
 * come from six sources that do not overlap, as in the paper's data. Prints memory and seconds, by the
 * clock and of the processor, with a progress bar where standard error is a terminal.
 *
 *     deno run --allow-sys bench/fit_ridge.ts [ROWS [FEATURES]]
 *
 * The features are drawn as they are asked for, with the same numbers every time, as a folder of
 * features would be read: they never lie in memory together.
 */
import { cpuUsage } from "node:process";
import { fitRidge, type LabelledFeatures } from "@assay/assay/fitting";
import { Output } from "../src/cli/output.ts";
import { progressBar } from "../src/cli/progress_bar.ts";

/** Objectives of each source of ratings: HelpSteer, UltraFeedback, BeaverTails, Prometheus, Argilla, code. */
const sources = [5, 5, 1, 1, 2, 5];
const objectives = sources.reduce((a, b) => a + b);
const rowsTogether = 256;

/** Numbers from −1 to 1 that the seed decides (xorshift32: this many are wanted fast). */
function drawInto(numbers: Float32Array, seed: number): void {
  let state = (Math.imul(seed + 1, 0x9e3779b1) | 1) >>> 0;
  for (let i = 0; i < numbers.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    numbers[i] = state / 2 ** 31;
  }
}

/** Rows whose labels are a few features' sum, with noise. */
function drawnRows(rows: number, dimension: number, firstSeed: number): LabelledFeatures {
  const labels = new Float64Array(rows * objectives).fill(NaN);
  const batch = (first: number): Float32Array => {
    const numbers = new Float32Array(Math.min(rowsTogether, rows - first) * dimension);
    drawInto(numbers, firstSeed + first);
    return numbers;
  };
  for (let first = 0; first < rows; first += rowsTogether) {
    const numbers = batch(first);
    for (let row = 0; row * dimension < numbers.length; row++) {
      const source = (first + row) % sources.length;
      let objective = sources.slice(0, source).reduce((a, b) => a + b, 0);
      for (let i = 0; i < sources[source]!; i++, objective++) {
        const at = row * dimension + objective;
        // A product of features, which no weights can foretell.
        const noise = numbers[at + objectives]! * numbers[at + 2 * objectives]!;
        labels[(first + row) * objectives + objective] = numbers[at]! + 0.1 * noise;
      }
    }
  }
  return {
    labels,
    *batches(): Generator<Float32Array> {
      for (let first = 0; first < rows; first += rowsTogether) yield batch(first);
    },
  };
}

const [rows, dimension] = [Number(Deno.args[0] ?? 100_000), Number(Deno.args[1] ?? 4096)];
const train = drawnRows(Math.floor(0.8 * rows), dimension, 1);
const validation = drawnRows(Math.ceil(0.2 * rows), dimension, 1e9);
const seconds: Record<string, number> = {};
let [phase, since] = ["sum", performance.now()];
let peak = 0;
using bar = progressBar(Output.system());
const labels = { sum: "multiplying rows", solve: "solving", validate: "validating" };
const fit = await fitRidge(dimension, objectives, train, validation, {
  onProgress: ({ phase: now, done, total }) => {
    peak = Math.max(peak, Deno.memoryUsage().rss);
    seconds[phase] = (performance.now() - since) / 1000;
    if (now !== phase) [phase, since] = [now, performance.now()];
    bar.update(labels[now], done, total);
  },
});
bar.clear();
const worst = Math.max(...fit.objectives.map(({ validationLoss }) => validationLoss ?? Infinity));
const { user, system } = cpuUsage();
console.log(JSON.stringify({
  rows,
  dimension,
  objectives,
  seconds: Object.fromEntries(Object.entries(seconds).map(([k, v]) => [k, Number(v.toFixed(1))])),
  processor_seconds: Number(((user + system) / 1e6).toFixed(1)),
  peak_gib: Number((peak / 2 ** 30).toFixed(2)),
  alphas: [...new Set(fit.objectives.map(({ alpha }) => alpha))],
  forms: [...new Set(fit.objectives.map(({ form }) => form))],
  worst_validation_mse: Number(worst.toFixed(5)),
}));
