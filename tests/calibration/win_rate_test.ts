import assert from "node:assert/strict";
import fc from "fast-check";
import { lowess } from "../../src/calibration/lowess.ts";
import { calibrateWinRates } from "../../src/calibration/win_rate.ts";
import { assertClose, rejectsWith } from "./assertions.ts";

/** A judge that likes length: `count` comparisons of a model that writes `extra` more. */
function judged(count: number, extra: number, model?: string) {
  return Array.from({ length: count }, (_, i) => {
    const lengthDifference = extra + ((i * 137) % 1001) - 500;
    const noise = ((i * 71) % 97) / 97 - 0.5;
    const preference = Math.min(1, Math.max(0, 0.5 + lengthDifference / 2500 + 0.4 * noise));
    return { preference, lengthDifference, ...(model === undefined ? {} : { model }) };
  });
}

Deno.test("calibrateWinRates() is clip(p − γ(r̂(Δ) − r̂(0)), 0, 1)", () => {
  const comparisons = judged(80, 100);
  const { fit, order, x } = lowess(
    comparisons.map((row) => row.lengthDifference),
    comparisons.map((row) => row.preference),
    { frac: 0.9, iterations: 0 },
  );
  const right = x.findIndex((value) => value >= 0);
  const share = (0 - x[right - 1]!) / (x[right]! - x[right - 1]!);
  const atZero = (1 - share) * fit[right - 1]! + share * fit[right]!;
  const expected = new Float64Array(comparisons.length);
  order.forEach((row, i) => {
    const corrected = comparisons[row]!.preference - 1.3 * (fit[i]! - atZero);
    expected[row] = Math.min(1, Math.max(0, corrected));
  });
  assertClose(calibrateWinRates(comparisons, { gamma: 1.3 }).preferences, expected, 1e-12);
});

Deno.test("calibrateWinRates() takes the length bias out of a model's win rate", () => {
  for (const scale of ["probability", "logit"] as const) {
    const comparisons = [...judged(200, 300, "long"), ...judged(200, -300, "short")];
    const { models, overall } = calibrateWinRates(comparisons, { scale });
    assert(models.long!.winRate > 60 && models.short!.winRate < 40);
    assert(Math.abs(models.long!.calibratedWinRate - 50) < 3, `${models.long!.calibratedWinRate}`);
    assert(Math.abs(models.short!.calibratedWinRate - 50) < 3);
    assert.equal(models.long!.comparisons, 200);
    assertClose([models.long!.meanLengthDifference], [300], 10);
    assert.equal(overall.comparisons, 400);
  }
});

Deno.test("calibrateWinRates() keeps preferences in [0, 1] and γ = 0 changes nothing", () => {
  const row = fc.record({
    preference: fc.double({ min: 0, max: 1, noNaN: true }),
    lengthDifference: fc.integer({ min: -500, max: 500 }),
  });
  fc.assert(fc.property(
    fc.array(row, { minLength: 10, maxLength: 40 }),
    fc.constantFrom("probability" as const, "logit" as const),
    (comparisons, scale) => {
      const { preferences } = calibrateWinRates(comparisons, { scale, gamma: 1.7 });
      for (const preference of preferences) assert(preference >= 0 && preference <= 1);
      const still = calibrateWinRates(comparisons, { gamma: 0 }).preferences;
      assertClose(still, comparisons.map(({ preference }) => preference), 1e-15);
    },
  ));
});

Deno.test("calibrateWinRates() counts wins, ties and the standard error", () => {
  const comparisons = Array.from({ length: 10 }, (_, i) => ({
    preference: i < 3 ? 1 : i < 5 ? 0.5 : 0,
    lengthDifference: 0,
  }));
  const { overall } = calibrateWinRates(comparisons);
  assert.equal(overall.winRate, 40);
  assert.equal(overall.discreteWinRate, 40);
  assert.equal(overall.calibratedWinRate, 40);
  const squares = 3 * 0.6 ** 2 + 2 * 0.1 ** 2 + 5 * 0.4 ** 2;
  assertClose([overall.standardError!], [100 * Math.sqrt(squares / 9 / 10)], 1e-12);
});

Deno.test("calibrateWinRates() leaves out what is not finite and refuses what is no probability", () => {
  const comparisons = judged(20, 0);
  const dirty = [...comparisons, { preference: NaN, lengthDifference: 1 }, {
    preference: 0.5,
    lengthDifference: Infinity,
  }];
  const found = calibrateWinRates(dirty);
  assert.equal(found.dropped, 2);
  assert.deepEqual([...found.preferences.slice(20)], [NaN, NaN]);
  assertClose(found.preferences.slice(0, 20), calibrateWinRates(comparisons).preferences, 0);
  const stored = [...comparisons, { preference: 1.5, lengthDifference: 1 }];
  rejectsWith("calibration/bad-preference", () => calibrateWinRates(stored), /1\.5.*subtract 1/);
  rejectsWith("calibration/too-few-rows", () => calibrateWinRates(comparisons.slice(0, 9)));
  rejectsWith("calibration/bad-option", () => calibrateWinRates(comparisons, { gamma: NaN }));
  rejectsWith("calibration/bad-option", () => calibrateWinRates(comparisons, { logitLimit: 0 }));
});
