import assert from "node:assert/strict";
import {
  BenchmarkEvaluation,
  type BenchmarkFigure,
  type BenchmarkRow,
} from "../../src/evaluation/benchmarks/benchmark_evaluation.ts";
import { benchmarkNamed } from "../../src/evaluation/benchmarks/benchmarks.ts";

// What the benchmarks' own programs say of synthetic scores with ties: tests/golden/evaluation/.
type Numbers = Record<string, number>;
interface Golden {
  "rewardbench": {
    rows: { subset: string; scores: number[] }[];
    subsets: Numbers;
    sections: Numbers;
    score: number;
  };
  "rewardbench2": {
    rows: { id: string; subset: string; num_correct: number; scores: number[] }[];
    subsets: Numbers;
    score: number;
  };
  "rm-bench": {
    rows: { domain: string; score_chosen: number[]; score_rejected: number[] }[];
    figures: Numbers;
  };
  "judgebench": {
    rows: { source: string; label: string; scores: number[] }[];
    percent: Numbers;
  };
  "processbench": {
    rows: { id: string; step_scores: number[]; label: number }[];
    figures: Record<string, { wrong: number; right: number; f1: number }>;
  };
  "ppe": {
    rows: {
      model_name: string;
      correct: boolean[];
      scores: number[];
      sampled_conflict_pairs: number[][];
    }[];
    auc: number;
    curve: number[];
    loss: number;
    tau: number;
    accuracy: number;
  };
}

const golden: Golden = JSON.parse(
  await Deno.readTextFile(new URL("../golden/evaluation/benchmarks.json", import.meta.url)),
);

/** A function that gives the figures of rows by group, name and metric. */
function figuresOf(
  name: keyof Golden,
  rows: readonly (Omit<BenchmarkRow, "prompt" | "columns"> & Partial<BenchmarkRow>)[],
): (group: BenchmarkFigure["group"], name: string, metric?: string) => number | null | undefined {
  const evaluation = new BenchmarkEvaluation(benchmarkNamed(name)!, { draws: 0 });
  rows.forEach((row, index) => evaluation.add({ prompt: String(index), columns: {}, ...row }));
  const { figures } = evaluation.report();
  return (group, name, metric = "accuracy") =>
    figures.find((figure) =>
      figure.group === group && figure.name === name && figure.metric === metric
    )?.estimate;
}

const first = (right: number, of: number) => Array.from({ length: of }, (_, i) => i < right);

Deno.test("RewardBench: subsets, sections and score have every digit of its own code's", () => {
  const { rows, subsets, sections, score } = golden.rewardbench;
  const figure = figuresOf("rewardbench", rows.map((row) => ({ ...row, correct: first(1, 2) })));
  for (const [name, value] of Object.entries(subsets)) assert.equal(figure("subset", name), value);
  for (const [name, value] of Object.entries(sections)) {
    assert.equal(figure("section", name), value);
  }
  assert.equal(figure("benchmark", "RewardBench", "score"), score);
});

Deno.test("RewardBench 2: subsets, Ties and score have every digit of its own code's", () => {
  const { rows, subsets, score } = golden.rewardbench2;
  const figure = figuresOf(
    "rewardbench2",
    rows.map((row) => ({
      ...row,
      correct: first(row.num_correct, row.scores.length),
      columns: { id: row.id, subset: row.subset },
    })),
  );
  for (const [name, value] of Object.entries(subsets)) {
    assert.equal(figure("subset", name, name === "ties" ? "score" : "accuracy"), value);
  }
  assert.equal(figure("benchmark", "RewardBench 2", "score"), score);
});

Deno.test("RM-Bench: domains, levels and score have every digit of its own code's", () => {
  const { rows, figures } = golden["rm-bench"];
  const figure = figuresOf(
    "rm-bench",
    rows.map((row) => ({
      scores: [...row.score_chosen, ...row.score_rejected],
      correct: first(3, 6),
      subset: row.domain,
    })),
  );
  for (const domain of ["chat", "math", "code", "safety"]) {
    assert.equal(figure("section", domain), figures[domain]);
  }
  for (const level of ["hard", "normal", "easy"]) {
    assert.equal(figure("benchmark", "RM-Bench", level), figures[`${level}_acc`]);
  }
  assert.equal(figure("benchmark", "RM-Bench", "score"), figures.total_avg_acc);
});

Deno.test("JudgeBench: kinds and the whole have every digit of its own code's, asked in both orders", () => {
  const { rows, percent } = golden.judgebench;
  const figure = figuresOf(
    "judgebench",
    rows.map(({ source, label, scores: [a, b] }) => ({
      scores: label === "A>B" ? [a!, b!] : [b!, a!],
      correct: first(1, 2),
      subset: source,
    })),
  );
  const kinds = {
    "mmlu-pro": "knowledge",
    "livebench-reasoning": "reasoning",
    "livebench-math": "math",
    "livecodebench": "code",
  };
  const rowsOf = (start: string) => rows.filter(({ source }) => source.startsWith(start)).length;
  // Its program has 100·n/N; the same n must stand behind the share.
  for (const [start, name] of Object.entries(kinds)) {
    const won = Math.round(figure("section", name)! * rowsOf(start));
    assert.equal(100 * won / rowsOf(start), percent[start]);
    assert.equal(figure("section", name), won / rowsOf(start));
  }
  assert.equal(
    100 * Math.round(figure("benchmark", "JudgeBench")! * rows.length) / rows.length,
    percent.all,
  );
});

Deno.test("ProcessBench: accuracies have every digit of its own code's, F1 the one it prints", () => {
  const { rows, figures } = golden.processbench;
  const figure = figuresOf(
    "processbench",
    rows.map((row) => ({
      scores: row.step_scores,
      firstWrong: row.label,
      subset: row.id.split("-")[0],
    })),
  );
  for (const [name, { wrong, right, f1 }] of Object.entries(figures)) {
    assert.equal(figure("subset", name, "accuracy on wrong"), wrong);
    assert.equal(figure("subset", name, "accuracy on right"), right);
    assert.equal((100 * figure("subset", name, "f1")!).toFixed(1), f1.toFixed(1));
  }
});

Deno.test("PPE: areas, the best of k, its loss and Kendall's tau are those of scikit-learn and scipy", () => {
  const { rows, auc, curve, loss, tau, accuracy } = golden.ppe;
  const figure = figuresOf(
    "ppe",
    rows.map(({ model_name: subset, sampled_conflict_pairs, ...row }) => ({
      ...row,
      subset,
      columns: { sampled_conflict_pairs },
    })),
  );
  const near = (metric: string, expected: number) => {
    const found = figure("benchmark", "PPE correctness", metric)!;
    assert.ok(Math.abs(found - expected) < 1e-12, `${metric}: ${found}, expected ${expected}`);
  };
  near("auc", auc);
  near("best of 6", curve.at(-1)!);
  near("largest best of k", Math.max(...curve));
  near("loss", loss);
  near("kendall tau of models", tau);
  near("accuracy", accuracy);
});
