import type { Row } from "../../data/rows.ts";
import type {
  BenchmarkFigure,
  BenchmarkReport,
} from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";
import { figureText, rangeText } from "./benchmark_report.ts";

/** One model's line. */
export interface LeaderboardEntry {
  /** Its file. */
  readonly file: string;
  /** What was found. */
  readonly report: BenchmarkReport;
}

/** The figure that models are ordered by: the benchmark's own score, else that of all rows. */
export function mainFigure({ figures }: BenchmarkReport): BenchmarkFigure | undefined {
  return figures.find(({ group }) => group === "benchmark" || group === "all");
}

/** Entries with the best first; those without a score last, in their order. */
export function ranked(entries: readonly LeaderboardEntry[]): readonly LeaderboardEntry[] {
  const score = ({ report }: LeaderboardEntry) => mainFigure(report)?.estimate ?? -Infinity;
  return entries.toSorted((one, other) => {
    const [a, b] = [score(one), score(other)];
    return a === b ? 0 : b - a;
  });
}

/** The columns of a leaderboard: sections, or subsets where there are none. */
function columnsOf(entries: readonly LeaderboardEntry[]): readonly BenchmarkFigure[] {
  const found = new Map<string, BenchmarkFigure>();
  for (const group of ["section", "subset"] as const) {
    for (const { report } of entries) {
      for (const figure of report.figures) {
        // Of several metrics of a section the first stands for it.
        if (figure.group === group && !found.has(figure.name)) found.set(figure.name, figure);
      }
    }
    if (found.size > 0) return [...found.values()];
  }
  return [];
}

function figureOf(
  { report }: LeaderboardEntry,
  { group, name, metric }: BenchmarkFigure,
): BenchmarkFigure | undefined {
  return report.figures.find((figure) =>
    figure.group === group && figure.name === name && figure.metric === metric
  );
}

/** A leaderboard as rows, the best model first. */
export function leaderboardRows(entries: readonly LeaderboardEntry[]): Row[] {
  const columns = columnsOf(entries);
  return entries.map((entry, index) => {
    const main = mainFigure(entry.report);
    return {
      rank: main === undefined ? null : index + 1,
      file: entry.file,
      benchmark: entry.report.benchmark,
      rows: entry.report.rows,
      metric: main?.metric ?? null,
      value: main?.estimate ?? null,
      low: main?.low ?? null,
      high: main?.high ?? null,
      sections: Object.fromEntries(columns.map((column) => {
        const figure = figureOf(entry, column);
        const { estimate = null, low = null, high = null } = figure ?? {};
        return [column.name, { value: estimate, low, high }];
      })),
    };
  });
}

/** Sections that a table has room for. */
const mostColumns = 8;

/** Writes a leaderboard as a table for people, on standard output. */
export async function writeLeaderboard(
  entries: readonly LeaderboardEntry[],
  output: Output,
): Promise<void> {
  const columns = columnsOf(entries).slice(0, mostColumns);
  const lines = table(output, [
    "rank#",
    "file",
    "rows#",
    "score#",
    "95 % interval#",
    ...columns.map(({ name }) => `${name}#`),
  ]);
  for (const [index, entry] of entries.entries()) {
    const main = mainFigure(entry.report);
    await lines.add([
      main === undefined ? "–" : String(index + 1),
      entry.file,
      String(entry.report.rows),
      figureText(main?.estimate, main?.metric ?? ""),
      main === undefined ? "–" : rangeText(main, main.metric),
      ...columns.map((column) => figureText(figureOf(entry, column)?.estimate, column.metric)),
    ]);
  }
  await lines.close();
}
