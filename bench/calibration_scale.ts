/**
 * Calibration at real size: fits RC-LWR on 300,000 scores by integer length, and by a real-valued
 * feature; then applies a calibrator to a stream of 10 million scores and watches the memory.
 *
 *     deno run --v8-flags=--single-threaded bench/calibration_scale.ts
 *
 * The flag keeps V8's own helpers on the same core. Times are the processor's, so that other programs
 * on the machine do not count; memory is the resident size of the whole process.
 *
 * @module
 */

import process from "node:process";
import { Calibrator, fit, lowess } from "../src/calibration/mod.ts";
import { seededRandom } from "../src/numbers/seeded_random.ts";

const rows = 300_000;
const streamed = 10_000_000;

/** Lengths as responses have them (log-normal, median 1,100 characters), and scores that follow. */
function pool(count: number, wholeLengths: boolean) {
  const random = seededRandom(2024);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  const length = new Float64Array(count);
  const scores = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const value = Math.exp(7 + 0.8 * normal());
    length[row] = wholeLengths ? Math.round(value) : value;
    scores[row] = Math.log(value) + normal();
  }
  return { scores, features: { length } };
}

let largest = 0;
function mebibytes(): number {
  const now = Deno.memoryUsage().rss / 2 ** 20;
  largest = Math.max(largest, now);
  return now;
}

function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function timed<Result>(what: string, run: () => Result): Result {
  const start = processorSeconds();
  const result = run();
  const seconds = processorSeconds() - start;
  console.log(`${what}: ${seconds.toFixed(2)} s, ${mebibytes().toFixed(0)} MiB resident`);
  return result;
}

function* stream(count: number) {
  const random = seededRandom(7);
  for (let row = 0; row < count; row++) {
    yield { score: random(), features: { length: 1 + Math.floor(6000 * random()) } };
  }
}

console.log(`at the start: ${mebibytes().toFixed(0)} MiB resident`);
const whole = pool(rows, true);
const distinct = new Set(whole.features.length).size;
console.log(`${rows} scores, ${distinct} distinct lengths`);
for (const frac of [0.9, 1 / 3]) {
  timed(
    `LOWESS, frac ${frac.toFixed(2)}, exact`,
    () => lowess(whole.features.length, whole.scores, { frac }),
  );
}
const { calibrator } = timed("fit with lwr, diagnostics included", () => fit(whole));
timed("fit with mean, diagnostics included", () => fit(whole, { method: "mean" }));
const real = pool(rows, false);
timed("fit with lwr on 300,000 distinct real values (delta auto)", () => fit(real));

const fitted = Calibrator.parse(JSON.stringify(calibrator));
const before = mebibytes();
let sum = 0;
let most = before;
const start = processorSeconds();
let row = 0;
for await (const { calibrated } of fitted.applyStream(stream(streamed))) {
  sum += calibrated;
  if (++row % 500_000 === 0) most = Math.max(most, mebibytes());
}
const seconds = processorSeconds() - start;
console.log(
  `applyStream over ${streamed} scores: ${seconds.toFixed(1)} s, ` +
    `${before.toFixed(0)} MiB resident before, at most ${most.toFixed(0)} during it (mean ${
      (sum / row).toFixed(4)
    })`,
);
console.log(`largest resident size: ${largest.toFixed(0)} MiB`);
