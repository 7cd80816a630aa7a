import { stringifyJson } from "../../data/json_text.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import { benchmarkNamed, benchmarkOfRow } from "../../evaluation/benchmarks/benchmarks.ts";
import { columnsText, layoutError } from "../../evaluation/benchmarks/published_columns.ts";
import { ownValue } from "../../own_value.ts";
import { withFirst } from "../begin_rows.ts";

/** The most candidates of one prompt that rows of their own may give. */
const mostTogether = 1000;

/** Columns that Assay's own rows have, which were read from a benchmark before. */
const ownColumns = ["chosen_score", "rejected_score", "scores", "score", "step_scores", "error"];

/**
 * The rows of a benchmark or preference set in Assay's own columns, from the published ones: a pair,
 * candidates or steps, with what tells which are right, and `benchmark`. Rows that have Assay's columns
 * already come as they are. A row in another layout, or with a label that is not known, has an error
 * that names what was expected and what was found.
 *
 * @example
 * ```ts
 * import { benchmarkRows, rowsInMemory } from "@assay/assay/tasks";
 * import { benchmarkNamed } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const rows = rowsInMemory([
 *   { question: "2+2?", response_A: "5", response_B: "4", label: "B>A", source: "livebench-math" },
 * ]);
 * for await (const { row } of benchmarkRows(rows.read(), benchmarkNamed("judgebench")!)) {
 *   assert.equal(row?.chosen, "4");
 *   assert.equal(row?.subset, "livebench-math");
 * }
 * ```
 *
 * @param rows The rows as they are published.
 * @param benchmark The benchmark, from `benchmarkNamed` of `@assay/assay/evaluation`.
 */
export async function* benchmarkRows(
  rows: AsyncIterable<ReadRow>,
  benchmark: Benchmark,
): AsyncGenerator<ReadRow> {
  const { together } = benchmark;
  let waiting: { readonly row: Row; readonly line: number; readonly key: string }[] = [];
  const joined = (): ReadRow[] => {
    const [first] = waiting;
    if (first === undefined) return [];
    const parts = waiting.map(({ row }) => row);
    waiting = [];
    return [converted(first.line, parts[0]!, benchmark, () => together!.join(parts))];
  };
  for await (const read of rows) {
    const { row, line } = read;
    const isPart = row !== undefined && together?.isPart(row) === true;
    const key = isPart ? stringifyJson(ownValue(row, together.by)) : "";
    if (!isPart || key !== waiting[0]?.key || waiting.length === mostTogether) yield* joined();
    if (isPart) waiting.push({ row, line, key });
    else yield row === undefined ? read : ofOneRow(line, row, benchmark);
  }
  yield* joined();
}

function ofOneRow(line: number, row: Row, benchmark: Benchmark): ReadRow {
  const named = ownValue(row, "benchmark");
  if (typeof named === "string" && named !== benchmark.name && benchmarkNamed(named)) {
    const found = `a row that ${JSON.stringify(named)} in "benchmark" names another's`;
    return { line, row, error: layoutError(benchmark, "rows of its own", found) };
  }
  if (benchmark.isPublished(row)) {
    return converted(line, row, benchmark, () => benchmark.read(row));
  }
  const isOwn = named === benchmark.name ||
    ownColumns.some((name) => (ownValue(row, name) ?? null) !== null);
  if (isOwn) return { line, row: { ...row, benchmark: benchmark.name }, error: undefined };
  const other = benchmarkOfRow(row);
  const advice = other === undefined ? "" : `, as rows of ${other.title} have`;
  return {
    line,
    row,
    error: layoutError(benchmark, "its columns", columnsText(row) + advice),
  };
}

function converted(line: number, row: Row, benchmark: Benchmark, read: () => Row): ReadRow {
  try {
    return { line, row: { ...read(), benchmark: benchmark.name }, error: undefined };
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return { line, row, error };
  }
}

/**
 * Refuses rows whose first one is not of the benchmark, before a model is loaded.
 *
 * @throws {AssayError} `evaluation/layout`.
 */
export async function checkedBenchmarkRows(
  rows: AsyncIterable<ReadRow>,
  benchmark: Benchmark,
): Promise<AsyncIterable<ReadRow>> {
  const seen = await withFirst(rows);
  const first = seen.first?.row;
  if (first !== undefined && benchmark.together?.isPart(first) !== true) {
    const { error } = ofOneRow(1, first, benchmark);
    if (error?.code === "evaluation/layout" && !benchmark.isPublished(first)) throw error;
  }
  return benchmarkRows(seen.rows, benchmark);
}
