import { Option } from "commander";
import type { ReadRow } from "../data/rows.ts";
import { benchmarkNamed, benchmarkOfRow, benchmarks } from "../evaluation/benchmarks/benchmarks.ts";
import { ownValue } from "../own_value.ts";
import { withFirst } from "../tasks/begin_rows.ts";
import { checkedBenchmarkRows } from "../tasks/evaluate/benchmark_layout.ts";
import type { Output } from "./output.ts";

/** `--benchmark`: how rows are laid out, and whose rules count. */
export function benchmarkOption(does: string, others: readonly string[] = []): Option {
  return new Option("--benchmark <name>", does)
    .choices([...benchmarks.map(({ name }) => name), ...others]);
}

/**
 * Rows in Assay's columns, where they are a benchmark's that the flag names, or whose layout the first
 * row shows beyond doubt; other rows as they are.
 *
 * @param rows The rows.
 * @param name The flag; `none` leaves rows as they are.
 * @param output Told what the rows are taken for.
 * @throws {AssayError} `evaluation/layout` where the flag names another benchmark than the rows'.
 */
export async function laidOutRows(
  rows: AsyncIterable<ReadRow>,
  name: string | undefined,
  output: Output,
): Promise<AsyncIterable<ReadRow>> {
  if (name === "none") return rows;
  const named = name === undefined ? undefined : benchmarkNamed(name);
  if (named !== undefined) return await checkedBenchmarkRows(rows, named);
  const seen = await withFirst(rows);
  const first = seen.first?.row;
  const isOwn = first === undefined || (ownValue(first, "benchmark") ?? null) !== null;
  const shown = isOwn ? undefined : benchmarkOfRow(first);
  if (shown === undefined) {
    if (first !== undefined && isTexts(first.chosen) && isTexts(first.rejected)) {
      await output.warn(
        "chosen and rejected are lists of texts, and each is read as the steps of one response; where " +
          "they are responses of their own, say which benchmark's (--benchmark rewardbench2, rm-bench)",
      );
    }
    return seen.rows;
  }
  await output.note(
    `rows are read as those of ${shown.title} (--benchmark ${shown.name}); --benchmark none reads them as ` +
      "they are",
  );
  return await checkedBenchmarkRows(seen.rows, shown);
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.length > 1 &&
    value.every((item) => typeof item === "string");
}
