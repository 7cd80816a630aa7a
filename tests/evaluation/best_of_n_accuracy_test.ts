import assert from "node:assert/strict";
import fc from "fast-check";
import { bestOfNWin } from "../../src/evaluation/best_of_n_accuracy.ts";

/** Rows with few distinct scores, so that ties are the rule. */
const rows = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 2, maxLength: 8 })
  .chain((scores) =>
    fc.record({ scores: fc.constant(scores), correct: fc.nat(scores.length - 2).map((c) => c + 1) })
  );

Deno.test("bestOfNWin() counts a pair by its margin, equal scores by the tie rule", () => {
  const cases: [number, number, number, number][] = [
    [2, 1, 1, 1],
    [1, 2, 0, 0],
    [1, 1, 0.5, 0],
    [-0, 0, 0.5, 0],
    [-3, -2, 0, 0],
  ];
  for (const [chosen, rejected, half, wrong] of cases) {
    assert.equal(bestOfNWin([chosen, rejected], 1), half);
    assert.equal(bestOfNWin([chosen, rejected], 1, "wrong"), wrong);
  }
});

Deno.test("bestOfNWin() follows RewardBench 2 on best of four: 1 / #ties where the first is at the top", () => {
  assert.equal(bestOfNWin([5, 1, 2, 3], 1), 1);
  assert.equal(bestOfNWin([5, 5, 2, 3], 1), 1 / 2);
  assert.equal(bestOfNWin([5, 5, 5, 3], 1), 1 / 3);
  assert.equal(bestOfNWin([5, 5, 5, 5], 1), 1 / 4);
  assert.equal(bestOfNWin([4, 5, 5, 5], 1), 0);
});

Deno.test("bestOfNWin() gives the share of the highest scored candidates that is right", () => {
  assert.equal(bestOfNWin([5, 5, 5, 1], 2), 2 / 3);
  assert.equal(bestOfNWin([5, 5, 5, 1], 2, "wrong"), 0);
  assert.equal(bestOfNWin([5, 5, 4, 1], 2, "wrong"), 1);
});

Deno.test("bestOfNWin() depends on the order of the scores only, and wins of all candidates sum to one", () => {
  fc.assert(fc.property(rows, ({ scores, correct }) => {
    const win = bestOfNWin(scores, correct);
    assert.equal(bestOfNWin(scores.map((score) => 3 * score - 7), correct), win);
    assert.ok(bestOfNWin(scores, correct, "wrong") <= win);
    const one = scores.map((score, index) => bestOfNWin([score, ...scores.toSpliced(index, 1)], 1));
    assert.ok(Math.abs(one.reduce((sum, each) => sum + each) - 1) < 1e-12);
    const right = one.slice(0, correct).reduce((sum, each) => sum + each);
    assert.ok(Math.abs(right - win) < 1e-12);
  }));
});

Deno.test("bestOfNWin() refuses rows without a right or a wrong candidate, and NaN", () => {
  for (const correct of [0, 2, 3, 1.5, NaN]) {
    assert.throws(() => bestOfNWin([1, 2], correct), { code: "evaluation/bad-row" });
  }
  for (const bad of [NaN, Infinity]) {
    assert.throws(() => bestOfNWin([1, bad], 1), {
      code: "evaluation/bad-row",
      message: `Cannot evaluate candidate 2: expected a finite score, found ${bad}`,
    });
  }
});
