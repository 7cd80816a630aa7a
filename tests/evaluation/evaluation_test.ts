import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type EvaluatedGroup,
  Evaluation,
  type LabelledRow,
} from "../../src/evaluation/evaluation.ts";
import {
  rewardBench2Subsets,
  rewardBenchWeights,
} from "../../src/evaluation/rewardbench_sections.ts";
import { tiesScore } from "../../src/evaluation/ties_subset.ts";

function evaluated(rows: readonly LabelledRow[], tie?: "half" | "wrong") {
  const evaluation = new Evaluation(tie);
  for (const row of rows) evaluation.add(row);
  return evaluation.report();
}

function named(groups: readonly EvaluatedGroup[], name: string): EvaluatedGroup {
  return groups.find((group) => group.name === name)!;
}

function pair(chosen: number, rejected: number, rest: Partial<LabelledRow> = {}): LabelledRow {
  return { scores: [chosen, rejected], correct: 1, ...rest };
}

Deno.test("Evaluation counts by subset, before and after calibration, beside longer and shorter", () => {
  const report = evaluated([
    pair(2, 1, { subset: "a", calibrated: [0, 1], lengths: [10, 5] }),
    pair(1, 1, { subset: "a", calibrated: [2, 1], lengths: [5, 5] }),
    pair(0, 1, { subset: "b", calibrated: [2, 1], lengths: [5, 9] }),
  ]);
  assert.deepEqual(report.groups, [
    {
      group: "all",
      name: "all",
      rows: 3,
      missing: [],
      accuracy: 0.5,
      calibrated: 2 / 3,
      longerWins: 0.5,
      shorterWins: 0.5,
    },
    {
      group: "subset",
      name: "a",
      rows: 2,
      missing: [],
      accuracy: 0.75,
      calibrated: 0.5,
      longerWins: 0.75,
      shorterWins: 0.25,
    },
    {
      group: "subset",
      name: "b",
      rows: 1,
      missing: [],
      accuracy: 0,
      calibrated: 1,
      longerWins: 0,
      shorterWins: 1,
    },
  ]);
  assert.equal(report.tiedRows, 1);
});

Deno.test("Evaluation counts equal scores and lengths as wrong where asked to", () => {
  const { groups } = evaluated(
    [pair(1, 1, { lengths: [4, 4] }), pair(2, 1, { lengths: [1, 2] })],
    "wrong",
  );
  const [all] = groups;
  assert.deepEqual([all!.accuracy, all!.longerWins, all!.shorterWins], [0.5, 0, 0.5]);
});

Deno.test("Evaluation tells baselines only where every length is known, row by row of a group", () => {
  const { groups } = evaluated([
    pair(2, 1, { subset: "known", lengths: [1, 2] }),
    pair(2, 1, { subset: "unknown", lengths: [1, NaN] }),
    pair(2, 1, { subset: "none" }),
  ]);
  assert.deepEqual(groups.map(({ shorterWins }) => shorterWins), [null, 1, null, null]);
  assert.deepEqual(groups.map(({ calibrated }) => calibrated), [null, null, null, null]);
});

Deno.test("Evaluation gives RewardBench's sections and score with the published weights", () => {
  const subsets = Object.values(rewardBenchWeights).flatMap(Object.keys);
  const rows = subsets.map((subset) => pair(subset === "math-prm" ? 0 : 2, 1, { subset }));
  const { groups } = evaluated(rows);
  assert.equal(named(groups, "all").accuracy, 22 / 23);
  const reasoning = named(groups, "Reasoning");
  assert.deepEqual([reasoning.group, reasoning.rows, reasoning.accuracy], ["section", 7, 0.5]);
  const whole = named(groups, "RewardBench");
  assert.deepEqual([whole.group, whole.rows, whole.accuracy], ["benchmark", 23, 0.875]);
  assert.equal(whole.shorterWins, null);
});

Deno.test("Evaluation scores RewardBench 2 with the subset Ties by its own rule", () => {
  const plain = rewardBench2Subsets.filter((name) => name !== "Ties").map((subset, index) => ({
    subset,
    scores: [1, index < 2 ? 2 : 0, 0, 0],
    correct: 1,
    lengths: [4, 3, 2, 1],
  }));
  const ties = [
    { id: "ref:1", scores: [3, 1], correct: 1, lengths: [9, 1] },
    { id: "tied:1", scores: [4, 3, 3.5], correct: 2, lengths: [5, 5, 1] },
  ];
  const { groups, leftOut } = evaluated([
    ...plain,
    ...ties.map((row) => ({ ...row, subset: "Ties" })),
  ]);
  const group = named(groups, "Ties");
  assert.equal(group.rows, 2);
  assert.equal(group.accuracy, tiesScore(ties)!.score);
  assert.equal(
    group.longerWins,
    tiesScore(ties.map((row) => ({ ...row, scores: row.lengths })))!.score,
  );
  assert.equal(named(groups, "all").rows, 5); // a row of Ties has no accuracy of its own
  assert.equal(named(groups, "RewardBench 2").accuracy, (3 + group.accuracy) / 6);
  assert.equal(groups.some(({ group }) => group === "section"), false); // Safety and Math are no sections
  assert.equal(leftOut, 0);
});

Deno.test("Evaluation says how many rows of Ties it can't score, and takes other rows of that name plainly", () => {
  const alone = evaluated([{ ...pair(2, 1), subset: "Ties", id: "ref:1" }]);
  assert.deepEqual([alone.leftOut, alone.groups.length], [1, 0]);
  const own = evaluated([pair(2, 1, { subset: "Ties", id: "my-pair" })]);
  assert.deepEqual([own.leftOut, named(own.groups, "Ties").accuracy], [0, 1]);
});

Deno.test("Evaluation refuses a row without counting any of it", () => {
  const evaluation = new Evaluation();
  assert.throws(() => evaluation.add(pair(NaN, 1, { subset: "a" })), {
    code: "evaluation/bad-row",
  });
  assert.deepEqual(evaluation.report().groups, []);
});

Deno.test("Evaluation's accuracy is the mean of its subsets' by rows, and swapping sides mirrors it", () => {
  const rows = fc.array(
    fc.record({
      subset: fc.constantFrom("a", "b", "c"),
      scores: fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })),
    }),
    { minLength: 1 },
  );
  fc.assert(fc.property(rows, (pairs) => {
    const labelled = pairs.map((row) => ({ ...row, correct: 1, lengths: row.scores }));
    const [all, ...subsets] = evaluated(labelled).groups;
    const won = subsets.reduce((sum, group) => sum + group.rows * group.accuracy, 0);
    assert.ok(Math.abs(won / all!.rows - all!.accuracy) < 1e-12);
    assert.equal(all!.longerWins, all!.accuracy);
    assert.ok(Math.abs(all!.longerWins! + all!.shorterWins! - 1) < 1e-12);
    const mirrored = evaluated(
      labelled.map((row) => ({ ...row, scores: row.scores.toReversed() })),
    ).groups[0]!;
    assert.ok(Math.abs(mirrored.accuracy + all!.accuracy - 1) < 1e-12);
  }));
});

Deno.test("Evaluation knows RewardBench's subsets however a row spells them", () => {
  const ties = [
    { id: "ref:1", scores: [3, 1], correct: 1 },
    { id: "tied:1", scores: [4, 3, 3.5], correct: 2 },
  ];
  const names = ["factuality", "precise_if", "MATH", "safety", "Focus"];
  const { groups, plainTies } = evaluated([
    ...names.map((subset) => ({ scores: [1, 0, 0, 0], correct: 1, subset })),
    ...ties.map((row) => ({ ...row, subset: "ties" })),
  ]);
  assert.equal(named(groups, "Ties").accuracy, tiesScore(ties)!.score);
  assert.equal(named(groups, "RewardBench 2").accuracy, (5 + tiesScore(ties)!.score) / 6);
  assert.equal(named(groups, "precise_if").accuracy, 1);
  assert.equal(plainTies, 0);
});

Deno.test("Evaluation takes a subset Ties without its ids for no part of RewardBench 2", () => {
  const subsets = ["Factuality", "Precise IF", "Math", "Safety", "Focus", "ties"];
  const { groups, plainTies } = evaluated(subsets.map((subset) => pair(2, 1, { subset, id: "1" })));
  assert.equal(groups.some(({ name }) => name === "RewardBench 2"), false);
  assert.equal(plainTies, 1);
});
