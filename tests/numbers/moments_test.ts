import assert from "node:assert/strict";
import fc from "fast-check";
import { mean, meanInOrder } from "../../src/numbers/moments.ts";

const numbers = fc.array(fc.double({ noNaN: true, min: -1e100, max: 1e100 }), { minLength: 1 });

Deno.test("meanInOrder() sums in order and divides once", () => {
  fc.assert(fc.property(numbers, (values) => {
    const expected = values.reduce((sum, value) => sum + value, 0) / values.length;
    assert.equal(meanInOrder(values), expected);
    assert.equal(meanInOrder(Float64Array.from(values)), expected);
  }));
  assert.ok(Number.isNaN(meanInOrder([])));
});

Deno.test("mean() does not depend on the order, meanInOrder() may", () => {
  const values = [1e16, 1, -1e16];
  assert.equal(mean(values), mean(values.toReversed()));
  assert.equal(meanInOrder(values), 0);
  assert.equal(meanInOrder([1e16, -1e16, 1]), 1 / 3);
});
