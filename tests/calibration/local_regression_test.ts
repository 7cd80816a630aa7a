import assert from "node:assert/strict";
import fc from "fast-check";
import {
  DirectRegression,
  GroupedRegression,
  pairwiseSum,
} from "../../src/calibration/local_regression.ts";

const windows = fc.integer({ min: 2, max: 60 }).chain((count) =>
  fc.record({
    x: fc.array(fc.integer({ min: 0, max: 12 }), { minLength: count, maxLength: count }),
    y: fc.array(fc.double({ min: -100, max: 100, noNaN: true }), {
      minLength: count,
      maxLength: count,
    }),
    robustness: fc.array(fc.constantFrom(0, 0.25, 0.9, 1), { minLength: count, maxLength: count }),
    ends: fc.tuple(fc.nat(count - 1), fc.nat(count - 1)),
    at: fc.nat(count - 1),
  })
);

Deno.test("GroupedRegression equals DirectRegression on any window, cut groups included", () => {
  fc.assert(
    fc.property(windows, ({ x, y, robustness, ends, at }) => {
      const sorted = Float64Array.from(x).sort();
      const [left, right] = [Math.min(...ends), Math.max(...ends) + 1];
      const inside = left + at % (right - left);
      const center = sorted[inside]!;
      const radius = Math.max(center - sorted[left]!, sorted[right - 1]! - center);
      const columns = [sorted, Float64Array.from(y), Float64Array.from(robustness)] as const;
      const fits = [new DirectRegression(...columns), new GroupedRegression(...columns)].map(
        (regression) => {
          regression.prepare();
          return regression.fitAt(center, left, right, radius);
        },
      );
      assert.equal(Number.isNaN(fits[0]), Number.isNaN(fits[1]));
      if (Number.isNaN(fits[0])) return;
      const usable = new Set(
        [...sorted.keys()].slice(left, right)
          .filter((row) => robustness[row]! > 0 && Math.abs(sorted[row]! - center) < radius)
          .map((row) => sorted[row]!),
      );
      // Rows of one x have no slope; statsmodels' formula then divides the rounding of their mean x by
      // its floor for a variance, 1e-12.
      const [only] = usable;
      const rounding = usable.size > 1
        ? 0
        : 8 * Number.EPSILON * only! * Math.abs(center - only!) / 1e-12;
      const bound = 1e-8 + rounding * Math.max(...y.map(Math.abs));
      assert(Math.abs(fits[0]! - fits[1]!) < bound, fits.join(" "));
    }),
    { numRuns: 500 },
  );
});

Deno.test("a window of one x, or without two usable rows, has no fit", () => {
  const x = Float64Array.of(1, 1, 2, 3);
  const y = Float64Array.of(5, 6, 7, 8);
  for (const Regression of [DirectRegression, GroupedRegression]) {
    const one = new Regression(x, y, Float64Array.of(1, 1, 1, 1));
    one.prepare();
    assert(Number.isNaN(one.fitAt(1, 0, 2, 0)));
    // At radius 1 the row at 2 weighs nothing, so only the two at 1 count.
    assert.equal(one.fitAt(1, 0, 3, 1), 5.5);
    const none = new Regression(x, y, Float64Array.of(1, 0, 0, 0));
    none.prepare();
    assert(Number.isNaN(none.fitAt(2, 0, 4, 1)));
  }
});

Deno.test("pairwiseSum() adds every value once, at any length", () => {
  for (const count of [0, 1, 7, 8, 9, 127, 128, 129, 255, 1000, 4099]) {
    const values = Float64Array.from({ length: count + 3 }, (_, i) => i % 17);
    const expected = values.subarray(2, 2 + count).reduce((sum, value) => sum + value, 0);
    assert.equal(pairwiseSum(values, 2, count), expected);
  }
});
