import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import {
  BenchmarkEvaluation,
  type BenchmarkReport,
} from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import { benchmarkNamed } from "../../evaluation/benchmarks/benchmarks.ts";
import { evaluateBenchmark, takenBenchmarkRows } from "../evaluate/evaluate_benchmark.ts";
import type { TakenRows } from "../evaluate/taken_rows.ts";
import type { BenchmarkSection, Section } from "./audit_report.ts";
import type { AuditedRowOptions } from "./audited_rows.ts";
import { auditSeed } from "./cluster_means.ts";

/** What stands where no benchmark was named. */
export const noBenchmark: Section<BenchmarkSection> = {
  missing: "the name of a benchmark (--benchmark NAME)",
};

/**
 * The figures of a benchmark by its own rules, beside what the longest, the shortest and the most
 * formatted response would reach.
 *
 * @param read Reads the scored rows.
 * @param name The benchmark's name on the command line; `undefined` for none.
 * @param options Columns.
 * @param command What gives the same numbers.
 */
export async function benchmarkSection(
  read: () => AsyncIterable<ReadRow>,
  name: string | undefined,
  { columns, subset }: AuditedRowOptions,
  command: string,
): Promise<Section<BenchmarkSection>> {
  const benchmark = name === undefined ? undefined : benchmarkNamed(name);
  if (benchmark === undefined) return noBenchmark;
  const options = { columns, subset, seed: auditSeed };
  return await sectionOf(
    benchmark,
    command,
    async () => (await evaluateBenchmark(read(), benchmark, options)).report,
  );
}

/** The same of rows that pass by once, in Assay's columns, because a model scores them. */
export class BenchmarkWatch {
  readonly #benchmark: Benchmark;
  readonly #evaluation: BenchmarkEvaluation;
  readonly #taken: TakenRows;

  /**
   * Nothing yet.
   *
   * @param benchmark The benchmark.
   * @param options Columns.
   */
  constructor(benchmark: Benchmark, { columns, subset }: AuditedRowOptions) {
    this.#benchmark = benchmark;
    const evaluation = new BenchmarkEvaluation(benchmark, { seed: auditSeed });
    this.#evaluation = evaluation;
    this.#taken = takenBenchmarkRows(
      benchmark,
      { columns, subset },
      (row) => evaluation.add(row),
    );
  }

  /** Takes a scored row. */
  add(read: ReadRow): void {
    this.#taken.add(read);
  }

  /** The figures so far. */
  async section(command: string): Promise<Section<BenchmarkSection>> {
    return await sectionOf(this.#benchmark, command, () => {
      this.#taken.counts();
      return this.#evaluation.report();
    });
  }
}

async function sectionOf(
  benchmark: Benchmark,
  command: string,
  report: () => BenchmarkReport | Promise<BenchmarkReport>,
): Promise<Section<BenchmarkSection>> {
  try {
    return { command, ...await report() };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { missing: `rows of ${benchmark.title}: ${error.message}` };
  }
}
