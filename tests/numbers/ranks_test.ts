import assert from "node:assert/strict";
import fc from "fast-check";
import { averageRanks, discordantShare, median, spearman } from "../../src/numbers/ranks.ts";
import { assertClose } from "../calibration/assertions.ts";

const column = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 2, maxLength: 40 });

Deno.test("averageRanks() gives equal values the average of their ranks", () => {
  assert.deepEqual([...averageRanks([10, 20, 10, 30, 10])], [2, 4, 2, 5, 2]);
  fc.assert(fc.property(column, (values) => {
    const ranks = averageRanks(values);
    values.forEach((value, i) => {
      const less = values.filter((other) => other < value).length;
      const equal = values.filter((other) => other === value).length;
      assert.equal(ranks[i], less + (equal + 1) / 2);
    });
  }));
});

Deno.test("spearman() equals known values, with and without ties", () => {
  // scipy.stats.spearmanr
  assertClose([spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7])!], [0.8207826816681233], 1e-15);
  assertClose([spearman([1, 2, 2, 4, 5, 6], [2, 1, 4, 4, 9, 3])!], [0.4852941176470589], 1e-15);
  assert.equal(spearman([1, 2, 3], [3, 2, 1]), -1);
});

Deno.test("spearman() is null where it is undefined", () => {
  assert.equal(spearman([1, 1, 1], [1, 2, 3]), null);
  assert.equal(spearman([1], [1]), null);
  assert.equal(spearman([], []), null);
  assert.equal(spearman([1, NaN], [1, 2]), null);
});

Deno.test("spearman() leaves out rows that are not finite", () => {
  assert.equal(spearman([1, NaN, 2, 3, 4], [1, 0, 2, Infinity, 3]), 1);
});

Deno.test("spearman() does not change with increasing maps", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(9), fc.nat(9)), { minLength: 2 }), (rows) => {
    const a = rows.map(([value]) => value);
    const b = rows.map(([, value]) => value);
    assert.equal(spearman(a, b), spearman(a.map((value) => value ** 3 - 7), b.map(Math.exp)));
  }));
});

Deno.test("discordantShare() counts the pairs of rows put in opposite order", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.nat(6), fc.nat(6)), { minLength: 2 }), (rows) => {
    let opposite = 0;
    for (const [i, [a, b]] of rows.entries()) {
      for (const [c, d] of rows.slice(0, i)) if ((a - c) * (b - d) < 0) opposite++;
    }
    const share = discordantShare(rows.map(([a]) => a), rows.map(([, b]) => b));
    assertClose([share!], [opposite / (rows.length * (rows.length - 1) / 2)], 1e-15);
  }));
  assert.equal(discordantShare([1], [2]), null);
});

Deno.test("median() is the middle value, or the mean of the two middle ones, in any order", () => {
  assert.equal(median([3, 1, 2]), 2);
  assert.equal(median([10, 2, 1, 3]), 2.5);
  assert.ok(Number.isNaN(median([])));
  fc.assert(fc.property(fc.array(fc.double({ noNaN: true }), { minLength: 1 }), (values) => {
    assert.equal(median(values), median(values.toReversed()));
  }));
});
