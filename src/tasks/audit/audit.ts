import configuration from "../../../deno.json" with { type: "json" };
import type { ReadRowsOptions } from "../../data/read_rows.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { benchmarkNamed } from "../../evaluation/benchmarks/benchmarks.ts";
import { checkedBenchmarkRows } from "../evaluate/benchmark_layout.ts";
import { openRows, type RepeatableRows } from "../repeatable_rows.ts";
import type { Scorer } from "../score/scorer.ts";
import { scoreRows } from "../score/score_rows.ts";
import { distinctNames } from "../vote/voter_table.ts";
import { abstentionSection } from "./abstention_section.ts";
import { accuracySection } from "./accuracy_section.ts";
import { auditCommands, type CommandSource, voteCommandLine } from "./audit_commands.ts";
import {
  type AuditReport,
  auditVersion,
  type BenchmarkSection,
  type IntervalRule,
  type ModelAudit,
  type ProbeSection,
  type Section,
} from "./audit_report.ts";
import { type AuditedRowOptions, type AuditedRows, readAuditedRows } from "./audited_rows.ts";
import { benchmarkSection, BenchmarkWatch, noBenchmark } from "./benchmark_section.ts";
import { bestOfSection } from "./best_of_section.ts";
import { coverageSection } from "./coverage_section.ts";
import { skewSection } from "./skew_section.ts";
import { auditSeed, ClusterMeans } from "./cluster_means.ts";
import { modelColumns } from "./column_patterns.ts";
import {
  type ComparedLabels,
  comparedLabels,
  type ComparedModel,
  comparisonSection,
} from "./comparison_section.ts";
import { lengthSection, reportedLength } from "./length_section.ts";
import { reliabilitySection } from "./reliability_section.ts";
import { defaultProbeRows, needsModel, probeSection } from "./probe_section.ts";
import { summaryLines } from "./summary_sentences.ts";

/** How to audit. */
export interface AuditOptions extends AuditedRowOptions {
  /** The benchmark that the rows are of, by its name on the command line. */
  readonly benchmark?: string | undefined;
  /** The command line, for the report. */
  readonly command?: string | undefined;
  /** The files' format, where their names don't tell. */
  readonly format?: ReadRowsOptions["format"];
  /** What stands between the fields of CSV files. */
  readonly delimiter?: string | undefined;
  /** Told what is being done. */
  readonly onStep?: ((step: string) => void) | undefined;
  /** Told how far the reading of a file has come. */
  readonly onBytes?:
    | ((file: string, read: number, byteLength: number | undefined) => void)
    | undefined;
}

/** How to score and audit. */
export interface AuditScorerOptions extends AuditOptions {
  /** Rows that are probed, evenly spread; 0 for none. Default 20. */
  readonly probeRows?: number | undefined;
  /** Ends it early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One model's scored rows. */
interface AuditSource extends CommandSource {
  readonly name: string;
  /** Judges its rows by a benchmark's rules, once they have been read. */
  readonly judge: (command: string) => Promise<Section<BenchmarkSection>>;
  /** Probes the model, where there is one, once so many rows are known to be there. */
  readonly probe?: ((count: number) => Promise<Section<ProbeSection>>) | undefined;
  read(): AsyncIterable<ReadRow>;
}

/**
 * Audits files of scores: one model per file, or, where a column's name has a `*`, one per name that
 * fits.
 *
 * @example
 * ```ts
 * import { auditFiles } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 * const rows = [
 *   { chosen: "Yes, of course.", rejected: "No.", chosen_score: 2, rejected_score: 1 },
 *   { chosen: "4", rejected: "It is five.", chosen_score: 0, rejected_score: 1 },
 * ];
 * await Deno.writeTextFile(path, rows.map((row) => JSON.stringify(row)).join("\n"));
 * const { models: [model] } = await auditFiles([path]);
 * assert.ok(model !== undefined && "groups" in model.accuracy);
 * assert.equal(model.accuracy.groups[0]?.accuracy.estimate, 0.5);
 * ```
 *
 * @param paths The files; `-` is standard input.
 * @param options Columns, and who hears of it.
 * @throws {AssayError} `evaluation/no-columns`; what reading throws; where no row of a file has scores,
 *   why the first has none.
 */
export async function auditFiles(
  paths: readonly string[],
  options: AuditOptions = {},
): Promise<AuditReport> {
  const names = distinctNames(paths.map((path) => path === "-" ? "standard input" : path));
  const sources: AuditSource[] = [];
  for (const [index, path] of paths.entries()) {
    sources.push(...await sourcesOf(path, names[index]!, paths.length > 1, options));
  }
  return await auditSources(sources, options);
}

/**
 * Scores rows with a model and audits it.
 *
 * @param scorer The loaded model.
 * @param name What the report calls it.
 * @param path File of rows, for the report's command lines.
 * @param rows The rows.
 * @param options Columns, and who hears of it.
 */
export async function auditScorer(
  scorer: Scorer,
  name: string,
  path: string,
  rows: RepeatableRows,
  options: AuditScorerOptions = {},
): Promise<AuditReport> {
  const { signal, probeRows: most = defaultProbeRows } = options;
  const benchmark = options.benchmark === undefined ? undefined : benchmarkNamed(options.benchmark);
  const laidOut: RepeatableRows = benchmark === undefined ? rows : {
    read: async function* () {
      yield* await checkedBenchmarkRows(rows.read(), benchmark);
    },
  };
  const judged = benchmark && new BenchmarkWatch(benchmark, options);
  const read = async function* (): AsyncGenerator<ReadRow> {
    let line = 0;
    for await (const { row } of scoreRows(laidOut.read(), scorer, { signal })) {
      const scored = { line: ++line, row, error: undefined };
      judged?.add(scored);
      yield scored;
    }
  };
  const judge = (command: string) => judged?.section(command) ?? Promise.resolve(noBenchmark);
  const source = { ...sourceOptions(options), name, path, model: name, judge, read };
  const probe = (count: number) => {
    options.onStep?.("probing");
    const { probe: command } = auditCommands(source);
    return probeSection(laidOut, { count, most }, scorer, command, { signal });
  };
  return await auditSources([{ ...source, probe }], options);
}

async function sourcesOf(
  path: string,
  name: string,
  isOneOfMany: boolean,
  options: AuditOptions,
): Promise<AuditSource[]> {
  const { columns = new Map<string, string>(), format, delimiter } = options;
  const rows = await openRows(path, {
    format,
    delimiter,
    onBytes: ({ read, byteLength }) => options.onBytes?.(name, read, byteLength),
  });
  const hasPattern = [...columns.values()].some((column) => column.includes("*"));
  const first = hasPattern ? await firstRow(rows) : {};
  return modelColumns(columns, first, name).map((each) => ({
    name: each.model === undefined ? name : isOneOfMany ? `${name}: ${each.model}` : each.model,
    path,
    ...sourceOptions(options),
    columns: each.columns,
    judge: (command) =>
      benchmarkSection(
        () => rows.read(),
        options.benchmark,
        { ...options, columns: each.columns },
        command,
      ),
    read: () => rows.read(),
  }));
}

function sourceOptions({ columns, subset, quality, target, benchmark }: AuditOptions) {
  return { columns, subset, quality, target, benchmark };
}

async function firstRow(rows: RepeatableRows) {
  for await (const { row } of rows.read()) if (row !== undefined) return row;
  return {};
}

async function auditSources(
  sources: readonly AuditSource[],
  options: AuditOptions,
): Promise<AuditReport> {
  const models: ModelAudit[] = [];
  const compared: ComparedModel[] = [];
  let labelled: ComparedLabels | undefined;
  let intervals: IntervalRule | undefined;
  for (const source of sources) {
    options.onStep?.(`reading ${source.name}`);
    const rows = await readAuditedRows(source.read(), {
      ...source,
      isCompared: sources.length > 1,
    });
    if (rows.counts.read === 0) throw noRows(source.path);
    options.onStep?.(`auditing ${source.name}`);
    const probe = await source.probe?.(rows.counts.read) ?? needsModel;
    const benchmark = await source.judge(auditCommands(source).benchmark);
    models.push(modelAudit(source, rows, { probe, benchmark }));
    if (sources.length > 1) {
      compared.push({ name: source.name, keys: rows.keys });
      labelled ??= comparedLabels(rows);
    }
    if (intervals === undefined || rows.clusters > intervals.clusters) intervals = ruleOf(rows);
  }
  options.onStep?.("comparing");
  const paths = [...new Set(sources.map(({ path }) => path))];
  const isByFile = paths.length === sources.length;
  const command = options.command ?? "";
  return {
    format: "assay-audit",
    version: auditVersion,
    assay: configuration.version,
    command,
    intervals: intervals!,
    models,
    comparison: comparisonSection(
      compared,
      labelled,
      isByFile ? voteCommandLine(paths) : command,
    ),
  };
}

function modelAudit(
  source: AuditSource,
  rows: AuditedRows,
  made: Pick<ModelAudit, "probe" | "benchmark">,
): ModelAudit {
  const commands = auditCommands(source);
  const means = new ClusterMeans(rows.clusters);
  const fitted = lengthSection(rows, means, commands.length);
  const calibrator = "calibrator" in fitted ? fitted.calibrator : undefined;
  const parts = {
    name: source.name,
    source: source.path === "-" ? "standard input" : source.path,
    rows: rows.counts,
    accuracy: accuracySection(rows, means, commands.accuracy),
    length: reportedLength(fitted),
    reliability: reliabilitySection(rows, commands.reliability),
    abstention: abstentionSection(rows, commands.abstention),
    coverage: coverageSection(rows, source.target, commands.coverage),
    ...made,
    skew: skewSection(rows.skew, commands.skew),
    bestOf: bestOfSection(rows, source.quality, calibrator, commands.bestOf),
  };
  return { ...parts, summary: summaryLines(parts) };
}

function ruleOf({ clusters, isByPrompt }: AuditedRows): IntervalRule {
  return {
    coverage: 0.95,
    over: isByPrompt ? "prompts" : "rows",
    clusters,
    draws: new ClusterMeans(clusters).draws,
    seed: auditSeed,
  };
}

function noRows(path: string): AssayError {
  return new AssayError("evaluation/no-label", `Cannot audit ${path}: expected rows, found none`);
}
