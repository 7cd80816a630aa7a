import assert from "node:assert/strict";
import fc from "fast-check";
import { aggregate, type PointwiseAggregation } from "../../src/voting/aggregate.ts";
import { aggregations, bordaCounts, chooseBest } from "../../src/voting/committee.ts";
import { majorityVote } from "../../src/voting/majority_vote.ts";
import { allClose, close, golden, nums } from "./golden.ts";

const pointwise = aggregations.filter((how): how is PointwiseAggregation =>
  how !== "majority" && how !== "borda"
);
const score = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const scores = fc.array(score, { minLength: 1, maxLength: 9 });

Deno.test("aggregate() equals NumPy and SciPy on every golden case", () => {
  for (const expected of golden.aggregates) {
    const values = nums(expected.scores);
    for (const how of pointwise) {
      const actual = aggregate(values, how);
      close(actual.score, expected[how], 1e-12, `${how} of ${values}:`);
      close(actual.std, expected.std);
    }
    close(aggregate(values, "trimmed-mean", { trim: 0.25 }).score, expected.trim25);
    const uwo = aggregate(values, "uncertainty-weighted", { varianceWeight: 1 });
    close(uwo.score, expected.variance1);
    close(aggregate(values, "lower-confidence-bound", { stdWeight: 2 }).score, expected.std2);
  }
});

Deno.test("aggregate() of one voter is its score, by every aggregation", () => {
  fc.assert(fc.property(score, fc.constantFrom(...pointwise), (value, how) => {
    assert.deepEqual(aggregate([value], how), { score: value, std: 0, voters: 1 });
  }));
});

Deno.test("aggregate() does not depend on the order of the voters, and passes over missing ones", () => {
  fc.assert(fc.property(scores, fc.constantFrom(...pointwise), (values, how) => {
    assert.deepEqual(aggregate([NaN, ...values.toReversed()], how), aggregate(values, how));
  }));
  const none = aggregate([NaN], "median");
  assert.deepEqual(none, { score: NaN, std: NaN, voters: 0 });
});

Deno.test("aggregate() is never above the mean where it is cautious", () => {
  fc.assert(fc.property(scores, (values) => {
    const mean = aggregate(values, "mean").score;
    for (const how of ["worst-case", "uncertainty-weighted", "lower-confidence-bound"] as const) {
      assert.ok(aggregate(values, how).score <= mean + 1e-9 * Math.abs(mean));
    }
  }));
});

Deno.test("aggregate() throws on settings out of range", () => {
  const bad = { code: "voting/bad-option" };
  assert.throws(() => aggregate([1, 2], "trimmed-mean", { trim: 0.5 }), bad);
  assert.throws(() => aggregate([1, 2], "uncertainty-weighted", { varianceWeight: NaN }), bad);
  assert.throws(() => aggregate([1, 2], "lower-confidence-bound", { stdWeight: -1 }), bad);
});

Deno.test("chooseBest() equals the golden Borda counts, votes and choices", () => {
  for (const expected of golden.committees) {
    const candidates = expected.scores[0].length;
    assert.deepEqual(bordaCounts(expected.scores, candidates), expected.borda);
    const borda = chooseBest(expected.scores, "borda");
    assert.equal(borda.best, expected.bestBorda);
    const majority = chooseBest(expected.scores, "majority");
    allClose(majority.scores, expected.share);
    close(majority.disagreement, expected.disagreement);
    assert.equal(majority.best, expected.bestMajority);
    assert.equal(chooseBest(expected.scores, "mean").best, expected.bestMean);
  }
});

Deno.test("chooseBest() with one voter takes that voter's best, by every aggregation", () => {
  fc.assert(fc.property(scores, fc.constantFrom(...aggregations), (values, how) => {
    const choice = chooseBest([values], how);
    assert.equal(choice.best, values.indexOf(Math.max(...values)));
  }));
});

Deno.test("chooseBest() does not depend on the order of the voters", () => {
  const voters = fc.array(
    fc.array(fc.integer({ min: -2, max: 2 }), { minLength: 3, maxLength: 3 }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(fc.property(voters, fc.constantFrom(...aggregations), (rows, how) => {
    assert.deepEqual(chooseBest(rows.toReversed(), how), chooseBest(rows, how));
  }));
});

Deno.test("chooseBest() compares candidates by the same voters only", () => {
  const choice = chooseBest([[1, 2, NaN], [5, NaN, NaN], [3, 1, NaN]], "mean");
  assert.deepEqual(choice.scores, [2, 1.5, NaN]);
  assert.equal(choice.best, 0);
  assert.equal(choice.voters, 2);
  assert.deepEqual(chooseBest([[NaN, NaN]], "borda"), {
    scores: [NaN, NaN],
    best: -1,
    std: [NaN, NaN],
    disagreement: NaN,
    voters: 0,
  });
  assert.equal(chooseBest([], "mean").best, -1);
  assert.equal(chooseBest([[NaN, 1], [1, NaN]], "mean").best, -1);
});

Deno.test("majorityVote() equals the golden outcomes under every tie rule", () => {
  for (const expected of golden.majority) {
    const vote = majorityVote(expected.margins);
    close(vote.outcome, expected.outcome);
    close(vote.voteMargin, expected.voteMargin);
    close(majorityVote(expected.margins, "half").outcome, expected.half);
    close(majorityVote(expected.margins, "wrong").outcome, expected.wrong);
  }
});

Deno.test("majorityVote() of exchanged sides has the other winner, unless ties count as wrong", () => {
  const other = { chosen: "rejected", rejected: "chosen", tie: "tie" } as const;
  fc.assert(
    fc.property(scores, fc.constantFrom("mean" as const, "half" as const), (values, tie) => {
      const vote = majorityVote(values, tie);
      const flipped = majorityVote(values.map((value) => -value), tie);
      assert.equal(flipped.winner, other[vote.winner!]);
      assert.equal(flipped.disagreement, vote.disagreement);
    }),
  );
  assert.equal(majorityVote([NaN]).winner, null);
});
