/**
 * Evaluation of scores on rows whose right answers are known: accuracy of pairs and of the best of N
 * by subset, RewardBench 1 by section, RewardBench 2 with its subset Ties, each beside "the longer
 * one wins" and "the shorter one wins".
 *
 * Needs no GPU and no permission; runs in a browser.
 *
 * @module
 */

export { bestOfNWin, type TieRule } from "./best_of_n_accuracy.ts";
export type {
  Benchmark,
  BenchmarkColumns,
  Figure,
  FigureWithEnds,
  JudgedRow,
  Marks,
} from "./benchmarks/benchmark.ts";
export {
  type Baselines,
  BenchmarkEvaluation,
  type BenchmarkFigure,
  type BenchmarkOptions,
  type BenchmarkReport,
  type BenchmarkRow,
} from "./benchmarks/benchmark_evaluation.ts";
export type { BenchmarkMeans } from "./benchmarks/benchmark_means.ts";
export { benchmarkNamed, benchmarkOfRow, benchmarks } from "./benchmarks/benchmarks.ts";
export {
  type BenchmarkComparison,
  compareBenchmarks,
  type FigureDifference,
} from "./benchmarks/compare_benchmarks.ts";
export { plainRows } from "./benchmarks/plain.ts";
export {
  type Accuracies,
  type EvaluatedGroup,
  Evaluation,
  type EvaluationReport,
  type LabelledRow,
} from "./evaluation.ts";
export { mcnemarExact, type McNemarTest } from "./mcnemar.ts";
export {
  bootstrap,
  bootstrapAll,
  bootstrapDifference,
  bootstrapDraws,
  bootstrapMean,
  type BootstrapOptions,
  type ClusterSums,
  type Interval,
} from "../numbers/bootstrap.ts";
export {
  publishedSubset,
  rewardBench2Score,
  rewardBench2Subsets,
  rewardBenchScore,
  type RewardBenchSection,
  rewardBenchSections,
  rewardBenchWeights,
} from "./rewardbench_sections.ts";
export {
  reliability,
  type ReliabilityBin,
  type ReliabilityFigures,
  type ReliabilityOptions,
  type ReliabilityReport,
} from "./reliability.ts";
export { drawReliability, type ReliabilityDot, reliabilityDots } from "./reliability_plot.ts";
export { fitTemperature } from "./temperature.ts";
export { isTiesId, type TiesRow, type TiesScore, tiesScore } from "./ties_subset.ts";
