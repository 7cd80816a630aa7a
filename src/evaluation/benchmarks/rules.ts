import { AssayError } from "../../error.ts";
import { bestOfNWin, type TieRule } from "../best_of_n_accuracy.ts";
import type { Figure, JudgedRow, Marks } from "./benchmark.ts";
import type { BenchmarkMeans } from "./benchmark_means.ts";

/** A row's one mark of weight 1. */
export function oneMark(value: number): Marks {
  return { sums: [value], weights: [1] };
}

/** How many candidates are right, where the right ones come first. */
export function rightFirst({ correct, scores }: JudgedRow): number {
  const right = correct?.filter((isRight) => isRight).length;
  if (right === undefined || correct!.slice(0, right).some((isRight) => !isRight)) {
    throw new AssayError(
      "evaluation/no-label",
      'Cannot tell which response is right: expected a pair, or candidates with "num_correct" (so ' +
        `many of them, the first ones, are right), found ${scores.length} candidates without it`,
    );
  }
  return right;
}

/** The share of the highest scored candidates that is right; ties as a benchmark counts them. */
export function bestOfRule(tie: TieRule): (row: JudgedRow) => Marks {
  return (row) => oneMark(bestOfNWin(row.scores, rightFirst(row), tie));
}

/**
 * Comparisons of every two candidates of different quality: the share in which the better one has the
 * higher score, equal scores one half. `undefined` where all are worth the same.
 */
export function pairsByQuality({ scores, qualities }: JudgedRow): Marks | undefined {
  let won = 0;
  let pairs = 0;
  const worth = qualities ?? [];
  for (const [first, quality] of worth.entries()) {
    for (let second = first + 1; second < worth.length; second++) {
      if (quality === worth[second]) continue;
      const better = quality > worth[second]! ? first : second;
      const margin = scores[better]! - scores[first + second - better]!;
      won += margin > 0 ? 1 : margin === 0 ? 0.5 : 0;
      pairs++;
    }
  }
  return pairs === 0 ? undefined : { sums: [won], weights: [pairs] };
}

/** All comparisons together, then by subset: the figures of a set that has no averages of its own. */
export function plainFigures(means: BenchmarkMeans): Figure[] {
  const all: Figure = {
    group: "all",
    name: "all",
    metric: "accuracy",
    value: means.all(),
    rows: means.rows(),
  };
  return means.subsets.length < 2 ? [all] : [all, ...subsetFigures(means)];
}

/** Each subset's first mark. */
export function subsetFigures(
  means: BenchmarkMeans,
  value: (subset: string) => number = (subset) => means.of(subset),
): Figure[] {
  return means.subsets.map((name) => ({
    group: "subset",
    name,
    metric: "accuracy",
    value: value(name),
    rows: means.rows([name]),
  }));
}

/** Mean of figures, in their order. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
