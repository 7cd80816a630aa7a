import {
  publishedSubset,
  rewardBench2Score,
  rewardBench2Subsets,
} from "../rewardbench_sections.ts";
import { tiesFromMeans, tiesMarks, tiesPrompt, type TiesRow } from "../ties_subset.ts";
import { ownValue } from "../../own_value.ts";
import type { Benchmark, JudgedRow, Marks } from "./benchmark.ts";
import type { BenchmarkMeans } from "./benchmark_means.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { spelledSo } from "./rewardbench.ts";
import { bestOfRule, rightFirst, subsetFigures } from "./rules.ts";

/** The marks of Ties; the mark before them is the accuracy of the other subsets. */
const tiesNames = ["reference", "tied", "margin", "both margins", "margin score"];

const best = bestOfRule("half");

/**
 * RewardBench 2: the best of four, of which equal highest scores count their share; the subset Ties by
 * its own rule; the score is the mean of the six subsets.
 */
export const rewardBench2: Benchmark = {
  name: "rewardbench2",
  title: "RewardBench 2",
  source: "arXiv 2506.01937, allenai/reward-bench",
  expects: '"id", "prompt", "chosen" and "rejected" (lists of texts), "num_correct" and "subset"',
  isPublished: (row) => Array.isArray(row.chosen) && Array.isArray(row.rejected),
  isUnmistakable: (row) =>
    hasAll(row, ["prompt", "num_correct", "subset"]) && isTexts(row.chosen) &&
    isTexts(row.rejected),
  read(row) {
    const columns = new PublishedColumns(rewardBench2, row);
    columns.conversation("prompt");
    const subset = columns.text("subset");
    const chosen = columns.texts("chosen");
    const rejected = columns.texts("rejected");
    const correct = columns.number("num_correct");
    if (correct !== chosen.length) {
      columns.fail(`"num_correct" to be the number of chosen texts, ${chosen.length}`, correct);
    }
    if (publishedSubset(subset) === "Ties") tiesPrompt(ownValue(row, "id"));
    return {
      ...without(row, ["chosen", "rejected"]),
      responses: [...chosen, ...rejected],
      num_correct: correct,
    };
  },
  reads: ["id", "subset"],
  marks: ["accuracy", ...tiesNames],
  judge(row) {
    const { sums, weights } = best(row);
    const none = tiesNames.map(() => 0);
    return { sums: [...sums, ...none], weights: [...weights, ...none] };
  },
  jointly: {
    key(columns) {
      const subset = ownValue(columns, "subset");
      return typeof subset === "string" && publishedSubset(subset) === "Ties"
        ? `Ties ${tiesPrompt(ownValue(columns, "id"))}`
        : undefined;
    },
    judge: jointMarks,
  },
  average(means) {
    const score = (subset: string) =>
      publishedSubset(subset) === "Ties" ? tiesOf(means, subset) : means.of(subset);
    const accuracies = new Map(
      means.subsets.map((subset) => [publishedSubset(subset), score(subset)]),
    );
    const value = rewardBench2Score(accuracies);
    return [
      ...(value === null ? [] : [
        {
          group: "benchmark",
          name: rewardBench2.title,
          metric: "score",
          value,
          rows: means.rows(spelledSo(means, rewardBench2Subsets)),
        } as const,
      ]),
      ...subsetFigures(means, score).map((figure) =>
        publishedSubset(figure.name) === "Ties" ? { ...figure, metric: "score" } : figure
      ),
    ];
  },
  hasBaselines: true,
};

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 &&
    value.every((item) => typeof item === "string");
}

/** What the rows of one prompt of Ties say: with one right answer, with several, and of both. */
function jointMarks(rows: readonly JudgedRow[]): Marks {
  const marks = tiesMarks(rows.map((row): TiesRow => ({
    id: ownValue(row.columns, "id") as string,
    scores: row.scores,
    correct: rightFirst(row),
  })));
  const of = (value: number | undefined) => value === undefined ? 0 : 1;
  const values = [
    marks.reference,
    marks.tied,
    marks.spreadBelowMargin,
    marks.spreadBelowBothMargins,
    marks.marginScore,
  ];
  return { sums: [0, ...values.map((value) => value ?? 0)], weights: [0, ...values.map(of)] };
}

function tiesOf(means: BenchmarkMeans, subset: string): number {
  return tiesFromMeans({
    referenceAccuracy: means.of(subset, 1),
    tiedAccuracy: means.of(subset, 2),
    spreadBelowMargin: means.of(subset, 3),
    spreadBelowBothMargins: means.of(subset, 4),
    marginScore: means.of(subset, 5),
  });
}
