import { AssayError } from "../../error.ts";
import { expectedTop, valuesByScore } from "../../numbers/best_of.ts";
import { kendallTau } from "../../numbers/kendall.ts";
import { averageRanks } from "../../numbers/ranks.ts";
import type {
  Benchmark,
  BenchmarkColumns,
  Figure,
  FigureWithEnds,
  JudgedRow,
  Marks,
} from "./benchmark.ts";
import type { BenchmarkMeans } from "./benchmark_means.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";

/** The most responses of a prompt; the published sets have so many. */
const most = 32;
/** Models are compared two by two for each draw: beyond so many none are. */
const mostModels = 256;
const single = ["accuracy on pairs", "auc", "mean score", "mean correctness"];
const bestOf = Array.from({ length: most }, (_, index) => `best of ${index + 1}`);
const oracle = Array.from({ length: most }, (_, index) => `oracle best of ${index + 1}`);

/**
 * PPE's correctness sets: many samples of one model for a prompt, each right or wrong. Means over
 * prompts: accuracy on the published pairs, area under the ROC curve of each prompt (of those that have
 * both kinds), the best of k by score; the loss of that curve against the oracle's; and of models (a row
 * names its `model_name`) Kendall's τ of their mean scores with their mean correctness.
 */
export const ppe: Benchmark = {
  name: "ppe",
  title: "PPE correctness",
  source: "arXiv 2410.14872, lmarena-ai/PPE-*-Best-of-K",
  expects:
    '"prompt", "response_1" and so on (at most 32), "scores" (true or false for each), and ' +
    'perhaps "sampled_conflict_pairs" and "model_name"',
  isPublished: (row) => hasAll(row, ["prompt", "response_1", "scores"]),
  isUnmistakable: (row) =>
    hasAll(row, ["prompt", "response_1", "response_2"]) && Array.isArray(row.scores) &&
    row.scores.every((score) => typeof score === "boolean"),
  read,
  reads: ["sampled_conflict_pairs"],
  marks: [...single, ...bestOf, ...oracle],
  judge,
  average,
  afterwards: separability,
  hasBaselines: true,
  hasOutcomes: false,
};

function read(row: BenchmarkColumns): Record<string, unknown> {
  const columns = new PublishedColumns(ppe, row);
  const scores = columns.list("scores");
  if (scores.length > most) columns.fail(`at most ${most} "scores"`, scores);
  const correct = scores.map((score) => {
    const isRight = score === true || score === 1 || score === 1n;
    if (isRight || score === false || score === 0 || score === 0n) return isRight;
    return columns.fail('true or false for each response in "scores"', scores, score);
  });
  const names = correct.map((_, index) => `response_${index + 1}`);
  const model = columns.value("model_name");
  return {
    ...without(row, [...names, "scores"]),
    id: row.id ?? row.question_id,
    ...(typeof model === "string" && { subset: model }),
    prompt: columns.conversation("prompt"),
    responses: names.map((name) => columns.text(name)),
    correct,
  };
}

function judge({ scores, correct, columns }: JudgedRow): Marks {
  if (correct === undefined) {
    throw new AssayError(
      "evaluation/no-label",
      'Cannot tell which responses are right: expected "correct", true or false for each, found none',
    );
  }
  const values = correct.map(Number);
  const right = values.reduce((sum, value) => sum + value, 0);
  const auc = aucOf(scores, correct);
  const picked = valuesByScore(scores.map((proxy, index) => ({ proxy, value: values[index]! })));
  const ideal = values.toSorted((a, b) => a - b);
  const pairs = pairsOf(columns, correct);
  const won = pairs.reduce((sum, [better, worse]) => {
    const margin = scores[better]! - scores[worse]!;
    return sum + (margin > 0 ? 1 : margin === 0 ? 0.5 : 0);
  }, 0);
  const curve = (sorted: readonly number[]) =>
    bestOf.map((_, index) => index < sorted.length ? expectedTop(sorted, index + 1) : 0);
  const reached = bestOf.map((_, index) => Number(index < scores.length));
  return {
    sums: [
      won,
      auc ?? 0,
      scores.reduce((sum, score) => sum + score, 0),
      right,
      ...curve(picked),
      ...curve(ideal),
    ],
    weights: [
      pairs.length,
      Number(auc !== undefined),
      scores.length,
      values.length,
      ...reached,
      ...reached,
    ],
  };
}

/**
 * P(right > wrong) + ½ P(equal), the area under the ROC curve, by the ranks of the right ones (Mann and
 * Whitney 1947); `undefined` without both kinds.
 */
function aucOf(scores: readonly number[], correct: readonly boolean[]): number | undefined {
  const right = correct.filter((isRight) => isRight).length;
  const pairs = right * (correct.length - right);
  if (pairs === 0) return undefined;
  const ranks = averageRanks(scores).filter((_, index) => correct[index]);
  return (ranks.reduce((sum, rank) => sum + rank, 0) - right * (right + 1) / 2) / pairs;
}

/** The published pairs of a right and a wrong response, the right one first. */
function pairsOf(
  columns: BenchmarkColumns,
  correct: readonly boolean[],
): (readonly [number, number])[] {
  const pairs = columns.sampled_conflict_pairs ?? [];
  if (!Array.isArray(pairs)) throw badPairs("a list", pairs);
  return pairs.map((pair) => {
    const [one, other] = Array.isArray(pair) ? pair.map(Number) : [];
    const [isOne, isOther] = [correct[one ?? -1], correct[other ?? -1]];
    if (isOne === undefined || isOther === undefined || isOne === isOther) {
      throw badPairs("pairs of a right and a wrong response, counted from 0", pair);
    }
    return isOne ? [one!, other!] as const : [other!, one!] as const;
  });
}

function badPairs(expected: string, found: unknown): AssayError {
  return new AssayError(
    "evaluation/bad-row",
    `Cannot use "sampled_conflict_pairs": expected ${expected}, found ${
      String(found).slice(0, 60)
    }`,
  );
}

function average(means: BenchmarkMeans): Figure[] {
  const whole = figuresOf("benchmark", ppe.title, means, means.subsets);
  if (means.subsets.length < 2) return whole;
  const scores = means.subsets.map((name) => means.of(name, single.indexOf("mean score")));
  const right = means.subsets.map((name) => means.of(name, single.indexOf("mean correctness")));
  const tau: Figure = {
    group: "benchmark",
    name: ppe.title,
    metric: "kendall tau of models",
    value: scores.length > mostModels ? NaN : kendallTau(scores, right),
    rows: means.rows(),
  };
  return [
    ...whole,
    tau,
    ...means.subsets.flatMap((name) => figuresOf("subset", name, means, [name])),
  ];
}

function figuresOf(
  group: "benchmark" | "subset",
  name: string,
  means: BenchmarkMeans,
  subsets: readonly string[],
): Figure[] {
  const rows = means.rows(subsets);
  const figure = (metric: string, value: number): Figure => ({ group, name, metric, value, rows });
  const curve = (from: number) =>
    bestOf.map((_, index) => means.over(subsets, from + index)).filter((value) =>
      !Number.isNaN(value)
    );
  const achieved = curve(single.length);
  const ideal = curve(single.length + most);
  const loss = achieved.reduce((sum, value, index) => sum + (ideal[index]! - value) ** 2, 0) /
    achieved.length;
  const pairs = means.over(subsets, 0);
  return [
    figure("auc", means.over(subsets, 1)),
    ...(Number.isNaN(pairs) ? [] : [figure("accuracy", pairs)]),
    figure(`best of ${achieved.length}`, achieved.at(-1) ?? NaN),
    figure("largest best of k", achieved.length === 0 ? NaN : Math.max(...achieved)),
    figure("loss", loss),
    ...(group === "subset" ? [figure("mean score", means.over(subsets, 2))] : []),
  ];
}

/** The share of two models each whose intervals of the mean score do not meet. */
function separability(figures: readonly FigureWithEnds[]): Figure[] {
  const models = figures.filter(({ group, metric }) =>
    group === "subset" && metric === "mean score"
  );
  if (models.length < 2 || models.length > mostModels) return [];
  let apart = 0;
  let pairs = 0;
  for (const [index, one] of models.entries()) {
    for (const other of models.slice(index + 1)) {
      pairs++;
      if (one.low === null || other.low === null) return [];
      if (one.low > other.high! || other.low > one.high!) apart++;
    }
  }
  return [{
    group: "benchmark",
    name: ppe.title,
    metric: "separability of models",
    value: apart / pairs,
    rows: models.reduce((sum, { rows }) => sum + rows, 0),
  }];
}
