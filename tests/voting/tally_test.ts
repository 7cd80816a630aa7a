import assert from "node:assert/strict";
import fc from "fast-check";
import { scoredRow } from "../../src/voting/scored_row.ts";
import { tally, type TallyOptions, type Vote } from "../../src/voting/tally.ts";
import { close, golden, num, nums } from "./golden.ts";

function pair(chosen: number, rejected: number) {
  return { kind: "pair", chosen, rejected } as const;
}

function pairVote(vote: Vote | undefined) {
  assert.ok(vote?.kind === "pair");
  return vote;
}

Deno.test("scoredRow() reads pairs, single rows and best of N, as numbers or text", () => {
  assert.deepEqual(scoredRow({ chosen_score: "1.5", rejected_score: 2 }), pair(1.5, 2));
  assert.deepEqual(scoredRow({ score: 3n }), { kind: "single", score: 3 });
  assert.deepEqual(scoredRow({ score: null, scores: null }), { kind: "single", score: NaN });
  assert.deepEqual(scoredRow({ scores: "[1, null]" }), { kind: "best_of_n", scores: [1, NaN] });
  assert.deepEqual(scoredRow({ all_rm_scores: [2] }), { kind: "best_of_n", scores: [2] });
  for (const nothing of [NaN, Infinity, "NaN", "", "high", null, true, {}]) {
    assert.deepEqual(scoredRow({ score: nothing }), { kind: "single", score: NaN });
  }
  const calibrated = { score: 1, chosen_calibrated_score: 2, rejected_calibrated_score: 3 };
  assert.deepEqual(scoredRow(calibrated, "calibrated_score"), pair(2, 3));
  assert.deepEqual(scoredRow({ scores: [1], z: 4 }, "z"), { kind: "single", score: 4 });
  assert.throws(() => scoredRow({ id: 1, reward: 2 }), {
    code: "voting/no-scores",
    message: /found id, reward$/,
  });
});

Deno.test("tally() gives every golden pair its strength", () => {
  const rows = golden.strength.margins.map((margins: (number | null)[]) =>
    nums(margins).map((margin) => pair(margin, 0))
  );
  tally(rows).forEach((vote, row) => {
    const expected = golden.strength.strengths[row];
    close(pairVote(vote).strength.mean, num(expected.mean));
    close(pairVote(vote).strength.std, num(expected.std));
  });
});

Deno.test("tally() with normalisation gives voters of any scale the same weight, and keeps votes", () => {
  const margins = fc.array(
    fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 })),
    {
      minLength: 2,
      maxLength: 20,
    },
  );
  const scale = fc.double({ min: 1e-2, max: 1e2, noNaN: true });
  fc.assert(fc.property(margins, scale, (rows, factor) => {
    const votes = (scale: number, options: TallyOptions) =>
      tally(rows.map(([a, b]) => [pair(a, 0), pair(b * scale, 0)]), options).map(pairVote);
    const plain = votes(1, { normalize: "std" });
    votes(factor, { normalize: "std" }).forEach((vote, i) => {
      close(vote.strength.mean, plain[i]!.strength.mean, 1e-9);
    });
    votes(factor, {}).forEach((vote, i) => {
      assert.equal(vote.strength.voteShare, plain[i]!.strength.voteShare);
    });
  }));
});

Deno.test("tally() of one voter is that voter", () => {
  const [first, second, third] = tally([
    [pair(3, 1)],
    [{ kind: "single", score: 4 }],
    [{ kind: "best_of_n", scores: [1, 5, 2] }],
  ]);
  const vote = pairVote(first);
  assert.deepEqual([vote.strength.mean, vote.strength.std, vote.disagreement], [2, 0, 0]);
  assert.deepEqual([vote.chosen, vote.rejected], [3, 1]);
  assert.deepEqual(second, { kind: "single", score: 4, disagreement: 0, voters: 1 });
  assert.deepEqual(third, {
    kind: "best_of_n",
    scores: [1, 5, 2],
    std: [0, 0, 0],
    best: 1,
    disagreement: 0,
    voters: 1,
  });
});

Deno.test("tally() drops a voter with NaN for that row only", () => {
  const [first, second, third] = tally([
    [pair(1, 0), pair(NaN, 0)],
    [pair(1, 0), pair(3, 0)],
    [pair(NaN, 0), undefined],
  ]).map(pairVote);
  assert.deepEqual([first!.strength.mean, first!.strength.voters, first!.chosen], [1, 1, 1]);
  assert.deepEqual([second!.strength.mean, second!.strength.voters], [2, 2]);
  assert.equal(third!.category, "unscored");
  assert.ok(Number.isNaN(third!.strength.mean) && Number.isNaN(third!.chosen));
});

Deno.test("tally() fails the rows on which voters differ in kind or candidates, and no others", () => {
  const votes = tally([
    [pair(1, 0), { kind: "single", score: 1 }],
    [{ kind: "best_of_n", scores: [1, 2] }, { kind: "best_of_n", scores: [1] }],
    [undefined, undefined],
    [pair(1, 0), pair(1, 0)],
  ]);
  const codes = votes.map((vote) => vote.kind === "failed" ? vote.error.code : vote.kind);
  assert.deepEqual(codes, [
    "voting/row-kind",
    "voting/candidate-count",
    "voting/no-scores",
    "pair",
  ]);
});

Deno.test("tally() by majority and by Borda names a winner of each pair", () => {
  const rows = [
    [pair(1, 0), pair(1, 0), pair(0, 9)],
    [pair(1, 0), pair(0, 2)],
    [pair(1, 1), pair(2, 2)],
  ];
  for (const aggregation of ["majority", "borda"] as const) {
    const winners = tally(rows, { aggregation }).map((vote) => pairVote(vote).winner);
    assert.deepEqual(winners, ["chosen", "rejected", "tie"]);
  }
  const half = tally(rows, { aggregation: "majority", tie: "half" });
  assert.equal(pairVote(half[1]).winner, "tie");
  assert.equal(pairVote(tally(rows)[0]).winner, null);
  assert.throws(() => tally([[{ kind: "single", score: 1 }]], { aggregation: "borda" }), {
    code: "voting/bad-option",
  });
});

Deno.test("tally() standardises scores of single rows over each voter's rows", () => {
  const rows = [[0, 10], [2, 30]].map((scores) =>
    scores.map((score) => ({ kind: "single", score }) as const)
  );
  const scores = tally(rows, { normalize: "std" }).map((vote) =>
    vote.kind === "single" ? vote.score : NaN
  );
  assert.deepEqual(scores, [-1, 1]);
});

Deno.test("tally() of nothing is nothing", () => assert.deepEqual(tally([]), []));
