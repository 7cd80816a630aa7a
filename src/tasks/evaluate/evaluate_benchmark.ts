import type { ReadRow, Row } from "../../data/rows.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import {
  BenchmarkEvaluation,
  type BenchmarkOptions,
  type BenchmarkReport,
  type BenchmarkRow,
} from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import { plainRows } from "../../evaluation/benchmarks/plain.ts";
import { benchmarkRows } from "./benchmark_layout.ts";
import { type BenchmarkRowOptions, BenchmarkRowReader } from "./benchmark_row_reader.ts";
import { type RowCounts, TakenRows } from "./taken_rows.ts";

/** How to evaluate a benchmark's rows. */
export interface EvaluateBenchmarkOptions extends BenchmarkRowOptions, BenchmarkOptions {}

/** What an evaluation by a benchmark's rules found. */
export interface BenchmarkResult extends RowCounts {
  /** The figures: plain data. */
  readonly report: BenchmarkReport;
}

/**
 * Evaluates scored rows by a benchmark's own rules, as `assay evaluate --benchmark` does. Rows may have
 * the published columns beside their scores, or those that `assay score --benchmark` wrote. Rows that
 * can't be evaluated are left out and counted.
 *
 * @example
 * ```ts
 * import { evaluateBenchmark, rowsInMemory } from "@assay/assay/tasks";
 * import { benchmarkNamed } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const row = { domain: "chat", prompt: "?", chosen: ["a", "b", "c"], rejected: ["d", "e", "f"] };
 * const rows = rowsInMemory([{ ...row, scores: [1, 2, 3, 1, 2, 3] }]);
 * const { report } = await evaluateBenchmark(rows.read(), benchmarkNamed("rm-bench")!);
 * const easy = report.figures.find(({ metric }) => metric === "easy");
 * assert.equal(easy?.estimate, 1);
 * ```
 *
 * @param rows Scored rows.
 * @param benchmark The benchmark, from `benchmarkNamed` of `@assay/assay/evaluation`.
 * @param options Columns, a calibrator to compare with, the threshold of steps, draws.
 * @throws {AssayError} Where no row can be evaluated, why the first one can't.
 */
export async function evaluateBenchmark(
  rows: AsyncIterable<ReadRow>,
  benchmark: Benchmark,
  options: EvaluateBenchmarkOptions = {},
): Promise<BenchmarkResult> {
  const evaluation = new BenchmarkEvaluation(benchmark, options);
  const counts = await readBenchmark(rows, benchmark, options, (row) => evaluation.add(row));
  return { report: evaluation.report(), ...counts };
}

/**
 * Reads scored rows of a benchmark and hands on what each says.
 *
 * @param take Takes a row; an `AssayError` that it throws is that row's failure.
 * @throws {AssayError} Where no row can be evaluated, why the first one can't.
 */
export async function readBenchmark(
  rows: AsyncIterable<ReadRow>,
  benchmark: Benchmark,
  options: BenchmarkRowOptions,
  take: (row: BenchmarkRow, source: Row) => void,
): Promise<RowCounts> {
  const taken = takenBenchmarkRows(benchmark, options, take);
  const own = benchmark === plainRows ? rows : benchmarkRows(rows, benchmark);
  for await (const read of own) taken.add(read);
  return taken.counts();
}

/**
 * Takes scored rows of a benchmark in Assay's columns, one by one.
 *
 * @param take Takes a row; an `AssayError` that it throws is that row's failure.
 */
export function takenBenchmarkRows(
  benchmark: Benchmark,
  options: BenchmarkRowOptions,
  take: (row: BenchmarkRow, source: Row) => void,
): TakenRows {
  const reader = new BenchmarkRowReader(benchmark, options);
  return new TakenRows((row) => take(reader.read(row), row));
}
