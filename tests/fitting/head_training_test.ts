import assert from "node:assert/strict";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { AssayError } from "../../src/error.ts";
import { measureHead, trainHead } from "../../src/fitting/head_training.ts";
import { linearHead } from "../../src/fitting/linear_head.ts";
import { metaHead } from "../../src/fitting/meta_head.ts";
import type { PreferencePairs } from "../../src/fitting/preference_pairs.ts";

/** Pairs whose first feature tells which response is better; of `flipped` the label is wrong. */
function madePairs(count: number, seed: number, flipped = 0): PreferencePairs {
  const random = seededRandom(seed);
  const features = Float32Array.from({ length: 2 * count * 3 }, () => 2 * random() - 1);
  const pairs = Uint32Array.from({ length: 2 * count }, (_, i) => i);
  for (let pair = 0; pair < count; pair++) {
    const isRight = features[6 * pair]! > features[6 * pair + 3]!;
    if (isRight === pair < flipped) pairs.set([2 * pair + 1, 2 * pair], 2 * pair);
  }
  return { dimension: 3, features, pairs };
}

const options = { steps: 200, batchSize: 32, rate: 0.1, seed: 3 };

Deno.test("trainHead() learns which feature pairs are told by, and the same head every time", async () => {
  const first = await trainHead(linearHead(3), madePairs(100, 1, 20), options);
  const again = await trainHead(linearHead(3), madePairs(100, 1, 20), options);
  const other = await trainHead(linearHead(3), madePairs(100, 1, 20), { ...options, seed: 4 });
  assert.deepEqual(first.weight, again.weight);
  assert.notDeepEqual(first.weight, other.weight);
  assert.ok(measureHead(first.weight, madePairs(500, 2)).accuracy > 0.9);
});

Deno.test("trainHead() keeps the step with the least loss on the validation pairs", async () => {
  const validation = madePairs(40, 5, 4);
  const { measurements, step, weight } = await trainHead(linearHead(3), madePairs(8, 1, 3), {
    ...options,
    rate: 1,
    validation,
    measureEvery: 10,
  });
  assert.equal(measurements.length, 20);
  const least = Math.min(...measurements.map(({ loss }) => loss));
  assert.equal(measurements.find(({ loss }) => loss === least)!.step, step);
  assert.equal(measureHead(weight, validation).loss, least);
});

Deno.test("trainHead() ends with the signal's reason", async () => {
  const controller = new AbortController();
  const onProgress = (): void => controller.abort(new Error("enough"));
  const run = trainHead(linearHead(3), madePairs(8, 1), {
    ...options,
    onProgress,
    signal: controller.signal,
  });
  await assert.rejects(run, /enough/);
});

Deno.test("measureHead() counts a tie half", () => {
  const pairs = { dimension: 1, features: Float32Array.of(1, 1), pairs: Uint32Array.of(0, 1) };
  assert.deepEqual(measureHead(Float64Array.of(1), pairs), { loss: Math.LN2, accuracy: 0.5 });
});

Deno.test("trainHead() and metaHead() refuse pairs that can't be learnt from", async () => {
  const good = madePairs(4, 1);
  const refused: [PreferencePairs, string][] = [
    [{ ...good, pairs: new Uint32Array() }, "fitting/no-pairs"],
    [{ ...good, pairs: Uint32Array.of(0, 8) }, "fitting/wrong-rows"],
    [{ ...good, pairs: Uint32Array.of(0) }, "fitting/wrong-rows"],
    [{ ...good, margin: new Float64Array(3) }, "fitting/wrong-rows"],
    [{ ...good, features: good.features.with(3, NaN) }, "fitting/not-finite"],
    [{ ...good, margin: new Float64Array(4).fill(Infinity) }, "fitting/not-finite"],
  ];
  const hasCode = (code: string) => (error: unknown) =>
    error instanceof AssayError && error.code === code;
  for (const [pairs, code] of refused) {
    await assert.rejects(trainHead(linearHead(3), pairs, options), hasCode(code));
  }
  const meta = { features: good.features, prompts: [[0], [1]] };
  const metaOptions = { promptsPerStep: 1, ascentRate: 0.1, seed: 1 };
  assert.throws(() => metaHead(3, meta, metaOptions), hasCode("fitting/no-meta-set"));
});
