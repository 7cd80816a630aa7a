import {
  publishedSubset,
  rewardBenchScore,
  rewardBenchSections,
  rewardBenchWeights,
} from "../rewardbench_sections.ts";
import type { Benchmark, Figure } from "./benchmark.ts";
import type { BenchmarkMeans } from "./benchmark_means.ts";
import { hasAll, PublishedColumns } from "./published_columns.ts";
import { bestOfRule, meanOf, subsetFigures } from "./rules.ts";

/** The earlier preference sets that the first leaderboard counts with half a section's weight. */
const priorSets = ["anthropic_helpful", "anthropic_hhh", "shp", "summarize"];

const subsetNames = Object.values(rewardBenchWeights).flatMap((weights) => Object.keys(weights));

/**
 * RewardBench 1: pairs, a tie is wrong; sections weighted by their published numbers of pairs, the
 * score their mean. Beside it, where rows of them are there, the prior sets.
 */
export const rewardBench: Benchmark = {
  name: "rewardbench",
  title: "RewardBench",
  source: "arXiv 2403.13787, allenai/reward-bench",
  expects: '"prompt", "chosen" and "rejected" (texts or messages), and "subset"',
  isPublished: (row) => hasAll(row, ["prompt", "chosen", "rejected"]),
  read(row) {
    const columns = new PublishedColumns(rewardBench, row);
    columns.text("subset");
    for (const name of ["prompt", "chosen", "rejected"]) columns.conversation(name);
    return { ...row };
  },
  marks: ["accuracy"],
  judge: bestOfRule("wrong"),
  average(means) {
    const accuracies = new Map(
      means.subsets.map((subset) => [publishedSubset(subset), means.of(subset)]),
    );
    const sections = rewardBenchSections(accuracies).map((section): Figure => ({
      group: "section",
      name: section.name,
      metric: "accuracy",
      value: section.accuracy,
      rows: means.rows(spelledSo(means, section.present)),
      missing: section.missing,
    }));
    const score = rewardBenchScore(accuracies);
    const prior = priorFigure(means);
    const main: Figure[] = score === null ? [] : [{
      group: "benchmark",
      name: rewardBench.title,
      metric: "score",
      value: score,
      rows: means.rows(spelledSo(means, subsetNames)),
    }];
    if (prior !== undefined && score !== null) {
      main.push({
        group: "benchmark",
        name: `${rewardBench.title} with prior sets`,
        metric: "score",
        value: (2 * sections.reduce((sum, { value }) => sum + value, 0) + prior.value) / 9,
        rows: main[0]!.rows + prior.rows,
      });
    }
    return [...main, ...sections, ...(prior === undefined ? [] : [prior]), ...subsetFigures(means)];
  },
  hasBaselines: true,
};

/** The names that the rows have for some published subsets. */
export function spelledSo(means: BenchmarkMeans, published: readonly string[]): string[] {
  return means.subsets.filter((subset) => published.includes(publishedSubset(subset)));
}

/** Mean of those prior sets that are there, as `analysis/get_benchmark_results.py` takes it. */
function priorFigure(means: BenchmarkMeans): Figure | undefined {
  const present = priorSets.filter((name) => means.subsets.includes(name));
  if (present.length === 0) return undefined;
  return {
    group: "section",
    name: "Prior Sets",
    metric: "accuracy",
    value: meanOf(present.map((name) => means.of(name))),
    rows: means.rows(present),
    missing: priorSets.filter((name) => !present.includes(name)),
  };
}
