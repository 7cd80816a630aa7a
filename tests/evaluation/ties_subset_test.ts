import assert from "node:assert/strict";
import fc from "fast-check";
import { isTiesId, type TiesRow, tiesScore } from "../../src/evaluation/ties_subset.ts";

function near(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs(actual! - expected) < 1e-12, `${actual} is not ${expected}`);
}

Deno.test("tiesScore() gives hand-computed scores for two prompts and a prompt without a counterpart", () => {
  const score = tiesScore([
    { id: "ref:1", scores: [3, 1, 0], correct: 1 }, // margin 2
    { id: "tied:1", scores: [4, 3.5, 1], correct: 2 }, // margin 2.5, spread 0.5
    { id: "ref:2", scores: [1, 2], correct: 1 }, // margin −1
    { id: "tied:2", scores: [5, 3, 2], correct: 2 }, // margin 1, spread 2
    { id: "tied:3", scores: [0, 0, 0], correct: 2 }, // margin 0: not accurate, and no counterpart
  ])!;
  near(score.referenceAccuracy, 1 / 2);
  near(score.tiedAccuracy, 2 / 3);
  near(score.spreadBelowMargin, 1 / 2);
  near(score.spreadBelowBothMargins, 1 / 2);
  const margin = (Math.tanh(2 / 0.5 - 1) + Math.tanh(-1 / 2 - 1)) / 2;
  near(score.marginScore, margin);
  near(score.score, 0.3 * 2 / 3 + 0.3 / 2 + 0.2 / 2 + 0.2 / 2 + 0.01 * margin);
});

Deno.test("tiesScore() takes 0 / 0 as 0 and x / 0 as the limit of tanh", () => {
  const withReference = (scores: readonly number[]) =>
    tiesScore([
      { id: "ref:1", scores, correct: 1 },
      { id: "tied:1", scores: [2, 2, 1], correct: 2 }, // margin 1, spread 0
    ])!;
  assert.equal(withReference([1, 1]).marginScore, 0);
  assert.equal(withReference([2, 1]).marginScore, 1);
  assert.equal(withReference([1, 2]).marginScore, -1);
  near(withReference([2, 1]).score, 1.01); // the most there is
});

Deno.test("tiesScore() takes rows of one id together, and 07 for 7", () => {
  const together = [
    { id: "ref:7", scores: [3, 1], correct: 1 },
    { id: "tied:7", scores: [4, 3, 1, 2], correct: 2 },
  ];
  const apart = [
    { id: "tied:07", scores: [4, 1], correct: 1 },
    { id: "ref:7", scores: [3, 1], correct: 1 },
    { id: "tied:7", scores: [3, 2], correct: 1 },
  ];
  assert.deepEqual(tiesScore(apart), tiesScore(together));
});

Deno.test("tiesScore() does not change with the scores' place and scale, nor with the order of rows", () => {
  const answers = fc.tuple(
    fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 5 }),
    fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 5 }),
  );
  fc.assert(fc.property(fc.array(fc.tuple(answers, answers), { minLength: 1 }), (prompts) => {
    const rows: TiesRow[] = prompts.flatMap(([reference, tied], prompt) => [
      { id: `ref:${prompt}`, scores: reference.flat(), correct: reference[0].length },
      { id: `tied:${prompt}`, scores: tied.flat(), correct: tied[0].length },
    ]);
    const { score } = tiesScore(rows)!;
    const moved = rows.map((row) => ({ ...row, scores: row.scores.map((value) => 4 * value + 3) }));
    near(tiesScore(moved)?.score, score);
    near(tiesScore(rows.toReversed())?.score, score);
    assert.ok(score >= -0.01 && score <= 1.01);
  }));
});

Deno.test("tiesScore() says what is wrong with a row, and gives null without counterparts", () => {
  assert.equal(tiesScore([{ id: "ref:1", scores: [2, 1], correct: 1 }]), null);
  assert.equal(tiesScore([]), null);
  assert.throws(() => tiesScore([{ id: "x:1", scores: [2, 1], correct: 1 }]), {
    code: "evaluation/bad-row",
    message:
      'Cannot evaluate the row of the subset Ties: expected an id ref:N or tied:N, found "x:1"',
  });
  assert.throws(() => tiesScore([{ id: "ref:1", scores: [2, 1], correct: 2 }]), {
    code: "evaluation/bad-row",
  });
  assert.deepEqual(["ref:0", "tied:12", "ref:", "tied", 3].map(isTiesId), [
    true,
    true,
    false,
    false,
    false,
  ]);
});
