import { bootstrapAll, type Interval } from "../../numbers/bootstrap.ts";
import { AssayError } from "../../error.ts";
import { mcnemarExact, type McNemarTest } from "../mcnemar.ts";
import {
  alignedValues,
  type BenchmarkEvaluation,
  entriesOf,
  type JudgedEntries,
} from "./benchmark_evaluation.ts";
import type { Figure } from "./benchmark.ts";

/** One figure of two models on the same rows. */
export interface FigureDifference {
  /** What the figure is of. */
  readonly group: Figure["group"];
  /** Its name. */
  readonly name: string;
  /** What is measured. */
  readonly metric: string;
  /** Rows that it rests on. */
  readonly rows: number;
  /** The first model's figure; `null` where it is not defined. */
  readonly first: number | null;
  /** The second model's. */
  readonly second: number | null;
  /** First − second, by draws of prompts that both models share. */
  readonly difference: Interval;
}

/** Two models on the same rows of a benchmark: plain data. */
export interface BenchmarkComparison {
  /** The benchmark's name on the command line. */
  readonly benchmark: string;
  /** Its name in tables. */
  readonly title: string;
  /** Every figure of both. */
  readonly figures: readonly FigureDifference[];
  /**
   * McNemar's exact test over rows, of which one counts as right where every comparison of it is won;
   * `null` for a benchmark whose rows are neither right nor wrong.
   */
  readonly mcnemar: McNemarTest | null;
}

/**
 * Compares two models on the same rows: the difference of every figure, with the interval of a paired
 * bootstrap over prompts, and McNemar's exact test.
 *
 * @param first Rows with the first model's scores.
 * @param second The same rows, in the same order, with the second's.
 * @throws {AssayError} `evaluation/rows-differ` where the rows are not the same.
 */
export function compareBenchmarks(
  first: BenchmarkEvaluation,
  second: BenchmarkEvaluation,
): BenchmarkComparison {
  const [one, other] = [entriesOf(first), entriesOf(second)];
  const { benchmark, index } = one;
  if (benchmark !== other.benchmark || !index.isSame(other.index)) {
    throw new AssayError(
      "evaluation/rows-differ",
      "Cannot compare two models: expected scores of the same rows in the same order, found others",
    );
  }
  const figures = benchmark.average(one.means);
  const others = alignedValues(figures, benchmark.average(other.means));
  const [drawFirst, drawSecond] = [one.drawnFigures(), other.drawnFigures()];
  const { draws, seed } = one.bootstrap;
  const intervals = draws === 0 ? [] : bootstrapAll(index.clusters, (drawn) => {
    const values = alignedValues(figures, drawFirst(drawn));
    const subtracted = alignedValues(figures, drawSecond(drawn));
    return values.map((value, place) => value - subtracted[place]!);
  }, { draws, seed });
  return {
    benchmark: benchmark.name,
    title: benchmark.title,
    figures: figures.map((figure, place) => ({
      group: figure.group,
      name: figure.name,
      metric: figure.metric,
      rows: figure.rows,
      first: finite(figure.value),
      second: finite(others[place]!),
      difference: {
        estimate: finite(figure.value - others[place]!),
        low: intervals[place]?.low ?? null,
        high: intervals[place]?.high ?? null,
      },
    })),
    mcnemar: benchmark.hasOutcomes === false ? null : testOf(one, other),
  };
}

/** Rows with a tie that counts half, and those of Ties, are left out. */
function testOf(first: JudgedEntries, second: JudgedEntries): McNemarTest {
  const only = { first: 0, second: 0 };
  for (let entry = 0; entry < first.index.entries; entry++) {
    const [one, other] = [first.outcome(entry), second.outcome(entry)];
    if (one === undefined || other === undefined || one === other) continue;
    if (one) only.first++;
    else only.second++;
  }
  return mcnemarExact(only.first, only.second);
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
