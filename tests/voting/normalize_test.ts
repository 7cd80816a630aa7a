import assert from "node:assert/strict";
import fc from "fast-check";
import { normalizeMargins, standardizeScores } from "../../src/voting/normalize.ts";
import { populationStd } from "../../src/numbers/moments.ts";
import { allClose, close, golden, nums } from "./golden.ts";

Deno.test("normalizeMargins() and standardizeScores() equal NumPy for every golden voter", () => {
  for (const voter of golden.normalization) {
    const margins = normalizeMargins(nums(voter.margins));
    close(margins.scale, voter.scale);
    allClose(margins.values, nums(voter.normalized));
    const scores = standardizeScores(nums(voter.margins));
    close(scores.centre, voter.centre);
    allClose(scores.values, nums(voter.standardized));
  }
});

Deno.test("normalizeMargins() never changes a sign, whatever the margins", () => {
  const values = fc.array(fc.double(), { minLength: 1, maxLength: 20 });
  fc.assert(fc.property(values, (margins) => {
    const { values } = normalizeMargins(margins);
    margins.forEach((margin, pair) => {
      const expected = Number.isFinite(margin) ? Math.sign(margin) + 0 : NaN;
      assert.equal(Math.sign(values[pair]!) + 0, expected);
    });
  }));
});

Deno.test("normalizeMargins() makes voters of any scale alike, and keeps their order", () => {
  const values = fc.array(fc.integer({ min: -1000, max: 1000 }), { minLength: 2, maxLength: 30 });
  const scales = fc.double({ min: 1e-3, max: 1e3, noNaN: true });
  fc.assert(fc.property(values, scales, (margins, scale) => {
    const plain = normalizeMargins(margins).values;
    allClose(normalizeMargins(margins.map((margin) => margin * scale)).values, plain, 1e-9);
    if (new Set(margins).size > 1) close(populationStd([...plain]), 1, 1e-9);
    margins.forEach((a, i) =>
      margins.forEach((b, j) => {
        if (a < b) assert.ok(plain[i]! < plain[j]!);
      })
    );
  }));
});

Deno.test("normalizeMargins() turns margins without spread into votes", () => {
  assert.deepEqual([...normalizeMargins([0.1, 0.1, 0.1]).values], [1, 1, 1]);
  assert.deepEqual([...normalizeMargins([-7]).values], [-1]);
  assert.deepEqual([...normalizeMargins([0, 0]).values], [0, 0]);
  assert.deepEqual([...normalizeMargins([]).values], []);
});

Deno.test("standardizeScores() leaves out a voter whose scores are all alike", () => {
  const { values, scale } = standardizeScores([0.1, 0.1, 0.1]);
  assert.deepEqual([...values], [NaN, NaN, NaN]);
  assert.ok(Number.isNaN(scale));
});
