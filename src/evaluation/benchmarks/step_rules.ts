import { AssayError } from "../../error.ts";
import type { Figure, JudgedRow, Marks } from "./benchmark.ts";
import type { BenchmarkMeans } from "./benchmark_means.ts";

/** Marks of solutions with a wrong step, and of right ones. */
export const stepMarks: readonly string[] = ["wrong solutions", "right solutions"];

/**
 * ProcessBench's rule: the first step below the threshold is the one that is called wrong, −1 where
 * none is; right where that is the labelled one.
 */
export function judgeSteps({ scores, firstWrong }: JudgedRow, threshold: number): Marks {
  if (firstWrong === undefined || firstWrong < -1 || firstWrong >= scores.length) {
    throw new AssayError(
      "evaluation/no-label",
      `Cannot tell which step is wrong: expected in "label" -1, or one of ${scores.length} steps ` +
        `counted from 0, found ${firstWrong}`,
    );
  }
  const found = scores.findIndex((score) => score < threshold);
  const isRight = Number(found === firstWrong);
  return firstWrong === -1
    ? { sums: [0, isRight], weights: [0, 1] }
    : { sums: [isRight, 0], weights: [1, 0] };
}

/** By subset and as their mean: accuracy on wrong and on right solutions, and F1 of the two. */
export function stepFigures(means: BenchmarkMeans, title: string): Figure[] {
  const bySubset = means.subsets.map((name) => {
    const [wrong, right] = [means.of(name, 0), means.of(name, 1)];
    return {
      name,
      wrong,
      right,
      f1: wrong + right === 0 ? 0 : 2 * wrong * right / (wrong + right),
    };
  });
  const figures = (
    group: Figure["group"],
    name: string,
    rows: number,
    of: (metric: "wrong" | "right" | "f1") => number,
  ): Figure[] => [
    { group, name, metric: "f1", value: of("f1"), rows },
    { group, name, metric: "accuracy on wrong", value: of("wrong"), rows },
    { group, name, metric: "accuracy on right", value: of("right"), rows },
  ];
  const whole = figures(
    "benchmark",
    title,
    means.rows(),
    (metric) => bySubset.reduce((sum, subset) => sum + subset[metric], 0) / bySubset.length,
  );
  if (bySubset.length === 1) return whole;
  return [
    ...whole,
    ...bySubset.flatMap((subset) =>
      figures("subset", subset.name, means.rows([subset.name]), (metric) => subset[metric])
    ),
  ];
}
