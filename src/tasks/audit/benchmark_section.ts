import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { benchmarkNamed } from "../../evaluation/benchmarks/benchmarks.ts";
import { evaluateBenchmark } from "../evaluate/evaluate_benchmark.ts";
import type { BenchmarkSection, Section } from "./audit_report.ts";
import type { AuditedRowOptions } from "./audited_rows.ts";
import { auditSeed } from "./cluster_means.ts";

/**
 * The figures of a benchmark by its own rules, beside what the longest, the shortest and the most
 * formatted response would reach.
 *
 * @param read Reads the scored rows; `undefined` where they come once only.
 * @param name The benchmark's name on the command line; `undefined` for none.
 * @param options Columns.
 * @param command What gives the same numbers.
 */
export async function benchmarkSection(
  read: (() => AsyncIterable<ReadRow>) | undefined,
  name: string | undefined,
  { columns, subset }: AuditedRowOptions,
  command: string,
): Promise<Section<BenchmarkSection>> {
  const benchmark = name === undefined ? undefined : benchmarkNamed(name);
  if (benchmark === undefined) return { missing: "the name of a benchmark (--benchmark NAME)" };
  if (read === undefined) return { missing: "scores in a file, by assay score --benchmark NAME" };
  try {
    const { report } = await evaluateBenchmark(read(), benchmark, {
      columns,
      subset,
      seed: auditSeed,
    });
    return { command, ...report };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { missing: `rows of ${benchmark.title}: ${error.message}` };
  }
}
