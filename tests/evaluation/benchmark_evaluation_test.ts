import assert from "node:assert/strict";
import {
  BenchmarkEvaluation,
  type BenchmarkRow,
} from "../../src/evaluation/benchmarks/benchmark_evaluation.ts";
import { benchmarkNamed } from "../../src/evaluation/benchmarks/benchmarks.ts";
import { compareBenchmarks } from "../../src/evaluation/benchmarks/compare_benchmarks.ts";
import { plainRows } from "../../src/evaluation/benchmarks/plain.ts";
import { bootstrapDifference, bootstrapMean } from "../../src/numbers/bootstrap.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";

type Given = Omit<BenchmarkRow, "prompt" | "columns"> & Partial<BenchmarkRow>;

function evaluationOf(
  name: string,
  rows: readonly Given[],
  draws: number | undefined = 0,
): BenchmarkEvaluation {
  const benchmark = benchmarkNamed(name) ?? plainRows;
  const evaluation = new BenchmarkEvaluation(benchmark, { draws });
  rows.forEach((row, index) => evaluation.add({ prompt: String(index), columns: {}, ...row }));
  return evaluation;
}

const pair = (margin: number, rest: Partial<BenchmarkRow> = {}): Given => ({
  scores: [margin, 0],
  correct: [true, false],
  ...rest,
});

/** Pairs of 40 prompts, one to three each. */
function somePairs(seed: number): Given[] {
  const random = seededRandom(seed);
  const shape = seededRandom(7);
  return Array.from({ length: 40 }, (_, prompt) =>
    Array.from(
      { length: 1 + Math.floor(3 * shape()) },
      () => pair(random() - 0.4, { prompt: `p${prompt}` }),
    )).flat();
}

/** Wins by prompt, as the bootstrap of a mean takes them. */
function sumsOf(rows: readonly Given[]): { sums: number[]; counts: number[] } {
  const prompts = [...new Set(rows.map(({ prompt }) => prompt))];
  const of = (prompt: unknown) => rows.filter((row) => row.prompt === prompt);
  return {
    sums: prompts.map((prompt) => of(prompt).filter(({ scores }) => scores[0]! > 0).length),
    counts: prompts.map((prompt) => of(prompt).length),
  };
}

Deno.test("an interval is the bootstrap of the mean over prompts, a difference that of two models", () => {
  const [first, second] = [somePairs(1), somePairs(2)];
  const [figure] = evaluationOf("plain", first, 500).report().figures;
  const expected = bootstrapMean(sumsOf(first), { draws: 500 });
  assert.deepEqual([figure!.estimate, figure!.low, figure!.high], Object.values(expected));
  const { figures, mcnemar } = compareBenchmarks(
    evaluationOf("plain", first, 500),
    evaluationOf("plain", second, 500),
  );
  assert.deepEqual(
    figures[0]!.difference,
    bootstrapDifference(sumsOf(first), sumsOf(second), { draws: 500 }),
  );
  const only = first.filter((row, index) => row.scores[0]! > 0 && second[index]!.scores[0]! < 0);
  assert.equal(mcnemar!.onlyFirst, only.length);
  assert.throws(
    () => compareBenchmarks(evaluationOf("plain", first), evaluationOf("plain", first.slice(1))),
    { code: "evaluation/rows-differ" },
  );
  // Of Ties no row is right or wrong by itself: McNemar's test is of the others.
  const ties = (margin: number) =>
    evaluationOf("rewardbench2", [
      pair(1, { subset: "Math" }),
      pair(margin, { subset: "Ties", columns: { id: "ref:1", subset: "Ties" } }),
    ]);
  const { figures: [math], mcnemar: test } = compareBenchmarks(ties(1), ties(-1));
  assert.deepEqual([test!.onlyFirst, test!.onlySecond], [0, 0]);
  assert.deepEqual(math!.difference, { estimate: 0, low: null, high: null }); // no draws
});

Deno.test("RewardBench's prior sets count half a section, as its leaderboard has them", () => {
  const subsets = ["alpacaeval-easy", "alpacaeval-length", "alpacaeval-hard", "mt-bench-easy"]
    .concat(["mt-bench-med", "mt-bench-hard", "llmbar-natural", "llmbar-adver-neighbor"])
    .concat(["llmbar-adver-GPTInst", "llmbar-adver-GPTOut", "llmbar-adver-manual"])
    .concat(["refusals-dangerous", "refusals-offensive", "xstest-should-refuse"])
    .concat(["xstest-should-respond", "donotanswer", "math-prm", "hep-cpp", "hep-go"])
    .concat(["hep-java", "hep-js", "hep-python", "hep-rust"]);
  const rows = subsets.map((subset) => pair(1, { subset }));
  const prior = [pair(1, { subset: "shp" }), pair(0, { subset: "anthropic_hhh" })];
  const { figures, tied } = evaluationOf("rewardbench", [...rows, ...prior]).report();
  const value = (name: string) => figures.find((figure) => figure.name === name)?.estimate;
  assert.equal(value("RewardBench"), 1);
  assert.equal(value("Prior Sets"), 0.5);
  assert.equal(value("RewardBench with prior sets"), (4 + 0.5 * 0.5) / 4.5);
  assert.equal(tied, 1);
});

Deno.test("RMB takes pairs and lists, helpfulness and harmlessness apart, each over all its rows", () => {
  const list = (scores: number[], subset: string): Given => ({
    scores,
    correct: scores.map((_, index) => index === 0),
    subset,
  });
  const rows = [
    pair(1, { subset: "Pairwise_set/Helpfulness/Chat" }),
    pair(-1, { subset: "Pairwise_set/Helpfulness/Code" }),
    pair(1, { subset: "Pairwise_set/Helpfulness/Code" }),
    pair(1, { subset: "Pairwise_set/Harmlessness/S1" }),
    list([3, 2, 3], "BoN_set/Helpfulness/Chat"), // does not beat every other
    list([3, 2, 1], "BoN_set/Harmlessness/S1"),
  ];
  const { figures } = evaluationOf("rmb", rows).report();
  assert.deepEqual(
    figures.filter(({ group }) => group !== "subset").map(({ name, estimate }) => [name, estimate]),
    [
      ["RMB", (2 / 3 + 0 + 1 + 1) / 4],
      ["Helpfulness, pairs", 2 / 3],
      ["Helpfulness, best of N", 0],
      ["Harmlessness, pairs", 1],
      ["Harmlessness, best of N", 1],
    ],
  );
});

Deno.test("answers of equal rating prefer nothing, the others are compared two by two", () => {
  const rows = [
    { scores: [3, 2, 2, 1], qualities: [5, 4, 3, 4] },
    { scores: [1, 2], qualities: [4, 4] },
  ];
  const report = evaluationOf("ultrafeedback", rows).report();
  // 5 > 4, 5 > 3, 5 > 4 are won; 4 against 3 a tie; 3 against 4 lost.
  assert.equal(report.figures[0]!.estimate, 3.5 / 5);
  assert.equal(report.undecided, 1);
  assert.equal(report.tied, 1);
});

Deno.test("PPE tells which models the mean scores separate", () => {
  const rows = ["a", "b", "c"].flatMap((subset, model) =>
    Array.from({ length: 12 }, (_, index) => ({
      scores: [10 * Math.min(model, 1) + index % 3, 10 * Math.min(model, 1) + 1],
      correct: [index % 2 === 0, index % 3 === 0],
      subset,
    }))
  );
  const { figures } = evaluationOf("ppe", rows, 200).report();
  const separability = figures.find(({ metric }) => metric === "separability of models");
  assert.equal(separability?.estimate, 2 / 3);
});

Deno.test("baselines are known only where every row of a figure has what they take", () => {
  const rows = [
    pair(1, { subset: "x", lengths: [1, 2], markdown: [0, 0] }),
    pair(1, { subset: "y" }),
  ];
  const { figures } = evaluationOf("plain", rows).report();
  assert.deepEqual(figures.map(({ name, baselines }) => [name, ...Object.values(baselines)]), [
    ["all", null, null, null],
    ["x", 0, 1, 0.5],
    ["y", null, null, null],
  ]);
});
