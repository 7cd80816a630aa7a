import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
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
import { ownError } from "./evaluate_rows.ts";

/** How to evaluate a benchmark's rows. */
export interface EvaluateBenchmarkOptions extends BenchmarkRowOptions, BenchmarkOptions {}

/** What became of the rows that were read. */
export interface BenchmarkRowCounts {
  /** Rows read, and those of them that could not be evaluated. */
  readonly rows: { readonly read: number; readonly failed: number };
  /** Why the first of those could not. */
  readonly firstFailure: { readonly code: string; readonly message: string } | undefined;
}

/** What an evaluation by a benchmark's rules found. */
export interface BenchmarkResult extends BenchmarkRowCounts {
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
): Promise<BenchmarkRowCounts> {
  const taken = new TakenBenchmarkRows(benchmark, options, take);
  const own = benchmark === plainRows ? rows : benchmarkRows(rows, benchmark);
  for await (const read of own) taken.add(read);
  return taken.counts();
}

/** Scored rows of a benchmark in Assay's columns, taken one by one, and what became of them. */
export class TakenBenchmarkRows {
  readonly #reader: BenchmarkRowReader;
  readonly #take: (row: BenchmarkRow, source: Row) => void;
  readonly #counts = { read: 0, failed: 0 };
  #firstFailure: BenchmarkRowCounts["firstFailure"];

  /**
   * Nothing yet.
   *
   * @param benchmark The benchmark.
   * @param options Where scores stand.
   * @param take Takes a row; an `AssayError` that it throws is that row's failure.
   */
  constructor(
    benchmark: Benchmark,
    options: BenchmarkRowOptions,
    take: (row: BenchmarkRow, source: Row) => void,
  ) {
    this.#reader = new BenchmarkRowReader(benchmark, options);
    this.#take = take;
  }

  /** Takes a row; one that can't be evaluated is counted. */
  add(read: ReadRow): void {
    this.#counts.read++;
    try {
      if (read.error !== undefined) throw read.error;
      this.#take(this.#reader.read(read.row!), read.row!);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#counts.failed++;
      this.#firstFailure ??= ownError(read.row) ?? error;
    }
  }

  /**
   * What became of them.
   *
   * @throws {AssayError} Where no row can be evaluated, why the first one can't.
   */
  counts(): BenchmarkRowCounts {
    const [rows, firstFailure] = [this.#counts, this.#firstFailure];
    if (firstFailure !== undefined && rows.failed === rows.read) {
      throw new AssayError(
        firstFailure.code,
        `Cannot evaluate any of ${rows.read} rows. The first: ${firstFailure.message}`,
      );
    }
    return { rows, firstFailure };
  }
}
