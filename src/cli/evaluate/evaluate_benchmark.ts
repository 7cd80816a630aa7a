import type { Calibrator } from "../../calibration/calibrator.ts";
import type { ReadRow } from "../../data/rows.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import type { BenchmarkReport } from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import { benchmarkOfRow } from "../../evaluation/benchmarks/benchmarks.ts";
import { plainRows } from "../../evaluation/benchmarks/plain.ts";
import { withFirst } from "../../tasks/begin_rows.ts";
import { compareModels } from "../../tasks/evaluate/compare_models.ts";
import { evaluateBenchmark } from "../../tasks/evaluate/evaluate_benchmark.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import type { Output } from "../output.ts";
import type { BenchmarkFlags } from "./benchmark_flags.ts";
import { benchmarkOfFlag } from "./benchmark_flags.ts";
import {
  benchmarkReportRows,
  comparisonRows,
  writeBenchmarkTable,
  writeComparisonTable,
} from "./benchmark_report.ts";
import {
  type LeaderboardEntry,
  leaderboardRows,
  mainFigure,
  ranked,
  writeLeaderboard,
} from "./leaderboard.ts";
import { tellLeftOut, writeReportRows } from "../report_output.ts";

/** What a run by a benchmark's rules needs. */
export interface BenchmarkRun {
  readonly flags: BenchmarkFlags & {
    readonly column?: ReadonlyMap<string, string> | undefined;
    readonly subset: string;
    readonly summary?: string | undefined;
    readonly format?: "jsonl" | "table" | undefined;
  };
  readonly calibrator: Calibrator | undefined;
  readonly output: Output;
  /** Opens a file of rows; `undefined` where it has none. */
  open(input: string): Promise<AsyncIterable<ReadRow> | undefined>;
  /** Takes the progress bar away. */
  clear(): void;
}

/** One model's rows by a benchmark's rules. */
export async function reportBenchmark(
  rows: AsyncIterable<ReadRow>,
  benchmark: Benchmark,
  run: BenchmarkRun,
): Promise<void> {
  const { output } = run;
  const result = await evaluateBenchmark(rows, benchmark, optionsOf(run));
  run.clear();
  await tellLeftOut(result, output);
  await tellLabels(result.report, output);
  await writeSummary(run, { ...result.report, read: result.rows.read, failed: result.rows.failed });
  if (isTable(run)) await writeBenchmarkTable(result.report, output);
  else await writeReportRows(benchmarkReportRows(result.report), output);
}

/** Two models on the same rows. */
export async function reportComparison(
  input: string,
  rows: AsyncIterable<ReadRow>,
  run: BenchmarkRun,
): Promise<void> {
  const { output, flags } = run;
  const other = await run.open(flags.against!);
  if (other === undefined) return;
  const { benchmark, rows: all } = await recognised(rows, run);
  const result = await compareModels(
    { name: nameOf(input), rows: all },
    { name: nameOf(flags.against!), rows: other },
    benchmark,
    optionsOf(run),
  );
  run.clear();
  for (const counts of result.counts) await tellLeftOut(counts, output);
  await tellLabels(result.report, output);
  const [lacking, otherLacking] = result.lacking;
  if (lacking + otherLacking > 0) {
    await output.warn(
      `${lacking} rows are only in ${nameOf(input)}, ${otherLacking} only in ` +
        `${nameOf(flags.against!)}: they stand in no figure`,
    );
  }
  if (result.by === "order") await output.note("rows are matched by their order, for want of ids");
  await writeSummary(run, { ...result.report, comparison: result.comparison });
  if (isTable(run)) {
    await output.note(`first: ${nameOf(input)}; second: ${nameOf(flags.against!)}`);
    await writeComparisonTable(result.comparison, output);
  } else await writeReportRows(comparisonRows(result.comparison), output);
}

/** Many models, the best first. */
export async function reportLeaderboard(
  inputs: readonly string[],
  run: BenchmarkRun,
): Promise<void> {
  const { output } = run;
  const entries: LeaderboardEntry[] = [];
  let benchmark = benchmarkOfFlag(run.flags.benchmark);
  for (const input of inputs) {
    const rows = await run.open(input);
    if (rows === undefined) continue;
    const seen = await recognised(rows, run);
    benchmark ??= seen.benchmark;
    const result = await evaluateBenchmark(seen.rows, benchmark, optionsOf(run));
    run.clear();
    await tellLeftOut(result, output, `${input}: `);
    entries.push({ file: input, report: result.report });
  }
  const counts = new Set(entries.map(({ report }) => report.rows));
  if (counts.size > 1) {
    await output.warn(
      `the files have different numbers of rows (${
        [...counts].join(", ")
      }): their figures may be of ` +
        "different rows",
    );
  }
  const unranked = entries.filter(({ report }) => mainFigure(report) === undefined);
  if (unranked.length > 0) {
    await output.warn(
      `${unranked.map(({ file }) => file).join(", ")}: no score of ${
        unranked[0]!.report.title
      }, and no ` +
        "rank: not all of its subsets are among the rows",
    );
  }
  const best = ranked(entries);
  await writeSummary(run, { models: best });
  if (isTable(run)) await writeLeaderboard(best, output);
  else await writeReportRows(leaderboardRows(best), output);
}

/** The benchmark of rows: the one that the flag names, the one that they name, else none. */
async function recognised(
  rows: AsyncIterable<ReadRow>,
  { flags }: BenchmarkRun,
): Promise<{ readonly benchmark: Benchmark; readonly rows: AsyncIterable<ReadRow> }> {
  const named = benchmarkOfFlag(flags.benchmark);
  if (named !== undefined) return { benchmark: named, rows };
  const seen = await withFirst(rows);
  const first = seen.first?.row;
  return { benchmark: (first && benchmarkOfRow(first)) ?? plainRows, rows: seen.rows };
}

function optionsOf({ flags, calibrator }: BenchmarkRun) {
  const { column: columns, subset, threshold } = flags;
  return { columns, subset, calibrator, threshold };
}

function nameOf(input: string): string {
  return input === "-" ? "standard input" : input;
}

function isTable({ flags, output }: BenchmarkRun): boolean {
  return (flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl")) === "table";
}

async function tellLabels(report: BenchmarkReport, output: Output): Promise<void> {
  const { undecided, tied, title } = report;
  if (mainFigure(report) === undefined) {
    await output.warn(`${title} has no score here: not all of its subsets are among the rows`);
  }
  if (undecided > 0) {
    await output.note(`${undecided} rows prefer no response: they stand in no figure`);
  }
  if (tied > 0) {
    await output.note(
      `${tied} rows give a better and a worse response the same score; they count as ${title} counts them`,
    );
  }
}

async function writeSummary({ flags }: BenchmarkRun, summary: unknown): Promise<void> {
  if (flags.summary === undefined) return;
  await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
}
