import assert from "node:assert/strict";
import fc from "fast-check";
import { averageRanks, rankPositions } from "../../src/numbers/ranks.ts";
import { categorize } from "../../src/voting/categories.ts";
import { strengthGroups } from "../../src/voting/groups.ts";
import { allClose, close, golden, nums } from "./golden.ts";

const { categories } = golden;
const means = nums(categories.means);

Deno.test("rankPositions() equals SciPy's average ranks", () => {
  allClose(rankPositions(means), nums(categories.positions));
});

Deno.test("averageRanks() of n values add up to n (n + 1) / 2", () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: -3, max: 3 })), (values) => {
    const sum = averageRanks(values).reduce((a, b) => a + b, 0);
    assert.equal(sum, values.length * (values.length + 1) / 2);
  }));
});

Deno.test("categorize() equals the golden categories by quantiles and thresholds", () => {
  assert.deepEqual(categorize(means), categories.quantiles);
  const own = categorize(means, { quantiles: [0.05, 0.5, 0.75] });
  assert.deepEqual(own, categories.ownQuantiles);
  const byThreshold = categorize(means, { thresholds: [-0.5, 0.5, 2] });
  assert.deepEqual(byThreshold, categories.thresholds);
});

Deno.test("categorize() splits distinct strengths 20 / 20 / 50 / 10", () => {
  const found = categorize(Float64Array.from({ length: 1000 }, (_, i) => (i * 617) % 1000));
  const count = (name: string) => found.filter((category) => category === name).length;
  assert.deepEqual(["incorrect", "ambiguous", "normal", "strong"].map(count), [200, 200, 500, 100]);
});

Deno.test("categorize() gives equal strengths one category, whatever their order", () => {
  const strengths = fc.array(fc.integer({ min: -4, max: 4 }), { minLength: 5, maxLength: 40 });
  fc.assert(fc.property(strengths, (values) => {
    const byValue = new Map(values.map((value, i) => [value, categorize(values)[i]]));
    const reversed = values.toReversed();
    categorize(reversed).forEach((category, i) =>
      assert.equal(category, byValue.get(reversed[i]!))
    );
  }));
});

Deno.test("categorize() of fewer than five pairs goes by the sign", () => {
  assert.deepEqual(categorize([-0.1, 0, 3, NaN, 9]), [
    "incorrect",
    "ambiguous",
    "normal",
    "unscored",
    "normal",
  ]);
  assert.deepEqual(categorize([]), []);
});

Deno.test("categorize() can ask for a negative strength of what it calls incorrect", () => {
  const positive = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
  assert.equal(categorize(positive)[0], "incorrect");
  assert.equal(categorize(positive, { requireNegative: true })[0], "ambiguous");
});

Deno.test("categorize() throws on bounds that are no bounds", () => {
  const bad = { code: "voting/bad-bounds" };
  assert.throws(() => categorize([1], { quantiles: [0.4, 0.2, 0.9] }), bad);
  assert.throws(() => categorize([1], { quantiles: [0.2, 0.4, 1.9] }), bad);
  assert.throws(() => categorize([1], { quantiles: [0.2, NaN, 0.9] }), bad);
  assert.throws(() => categorize([1], { quantiles: [0, 0.4, 1], thresholds: [0, 1, 2] }), bad);
  assert.doesNotThrow(() => categorize([1], { thresholds: [-7, 0, 12] }));
});

Deno.test("strengthGroups() equals the golden groups", () => {
  const stds = nums(categories.stds);
  const groups = strengthGroups(means.map((mean, i) => ({ mean, std: stds[i]! })), 8);
  assert.equal(groups.length, categories.groups.length);
  groups.forEach((group, index) => {
    const expected = categories.groups[index];
    for (const key of Object.keys(expected) as (keyof typeof group)[]) {
      close(group[key], expected[key]);
    }
  });
});

Deno.test("strengthGroups() makes equal groups of distinct strengths, and holds every scored pair", () => {
  const pairs = Array.from({ length: 400 }, (_, i) => ({ mean: Math.sin(i), std: 1 }));
  assert.deepEqual(strengthGroups(pairs).map((group) => group.count), new Array(20).fill(20));
  const holed = [...pairs, { mean: NaN, std: NaN }];
  assert.equal(strengthGroups(holed, 7).reduce((sum, group) => sum + group.count, 0), 400);
  assert.deepEqual(strengthGroups([]), []);
  assert.throws(() => strengthGroups(pairs, 0), { code: "voting/bad-groups" });
});
