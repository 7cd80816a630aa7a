import assert from "node:assert/strict";
import { WaveClock } from "../../../src/scoring/packs/wave_clock.ts";

/** Runs waves whose layers take `seconds(rows)`, the last one `last`; gives what is left, said and true. */
function run(rows: readonly number[], seconds: (rows: number) => number, last: number) {
  let now = 0;
  const layers = 32;
  const clock = new WaveClock(layers, () => 1000 * now);
  const told: { wave: number; layer: number; at: number; left: number }[] = [];
  rows.forEach((count, i) => {
    clock.begin(count, rows.slice(i + 1).reduce((a, b) => a + b, 0));
    for (let layer = 1; layer <= layers; layer++) {
      now += layer === layers ? last : seconds(count) * (layer === 1 ? 2 : 1);
      clock.layerDone();
      const { wave, secondsLeft } = clock.progress;
      told.push({ wave, layer, at: now, left: secondsLeft! });
    }
  });
  return told.map((one) => ({ ...one, actual: now - one.at }));
}

Deno.test("WaveClock tells the time left by the layers that are done", () => {
  const told = run([4096, 4096, 1024], (rows) => 1 + rows / 1000, 1.2);
  for (const { wave, layer, left, actual } of told) {
    if (wave === 1 && layer < 2) continue; // the first layer alone says little
    assert.ok(Math.abs(left - actual) <= 0.2 * actual, `${wave}, ${layer}: ${left} of ${actual}`);
  }
  assert.equal(told.at(-1)!.left, 0);
});

Deno.test("WaveClock knows no time before a layer is done, and none where rows yet to come are unknown", () => {
  const clock = new WaveClock(4, () => 0);
  clock.begin(10, 0);
  assert.deepEqual(clock.progress, {
    wave: 1,
    waves: 1,
    layer: 0,
    layers: 4,
    secondsLeft: undefined,
  });
  clock.begin(10, undefined);
  clock.layerDone();
  assert.equal(clock.progress.secondsLeft, undefined);
  assert.equal(clock.progress.waves, undefined);
});
