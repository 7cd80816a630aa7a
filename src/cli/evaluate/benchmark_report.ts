import type { Row } from "../../data/rows.ts";
import type {
  BenchmarkFigure,
  BenchmarkReport,
} from "../../evaluation/benchmarks/benchmark_evaluation.ts";
import type { BenchmarkComparison } from "../../evaluation/benchmarks/compare_benchmarks.ts";
import type { Interval } from "../../numbers/bootstrap.ts";
import type { Output } from "../output.ts";
import { table } from "../table.ts";

/** Figures that are no shares of 1. */
const plainMetrics: ReadonlySet<string> = new Set([
  "mean score",
  "loss",
  "kendall tau of models",
]);

/** A figure as a cell; a dash where it is not known. */
export function figureText(value: number | null | undefined, metric: string): string {
  if (value === null || value === undefined) return "–";
  return plainMetrics.has(metric) ? value.toFixed(4) : `${(100 * value).toFixed(2)} %`;
}

/** The ends of an interval as a cell. */
export function rangeText({ low, high }: Interval, metric: string): string {
  if (low === null || high === null) return "–";
  const isPlain = plainMetrics.has(metric);
  const [from, to] = [low, high].map((end) => isPlain ? end.toFixed(4) : (100 * end).toFixed(2));
  return `${from} to ${to}`;
}

/** A report as rows, one for each figure. */
export function benchmarkReportRows({ benchmark, figures }: BenchmarkReport): Row[] {
  const isCalibrated = figures.some(({ calibrated }) => calibrated !== null);
  return figures.map((figure) => ({
    benchmark,
    group: figure.group,
    name: figure.name,
    metric: figure.metric,
    rows: figure.rows,
    value: figure.estimate,
    low: figure.low,
    high: figure.high,
    ...(isCalibrated && calibratedColumns(figure)),
    ...figure.baselines,
    ...(figure.missing.length > 0 && { missing: figure.missing }),
  }));
}

function calibratedColumns({ calibrated, calibratedChange }: BenchmarkFigure): Row {
  return {
    calibrated,
    calibrated_change: calibratedChange?.estimate ?? null,
    calibrated_change_low: calibratedChange?.low ?? null,
    calibrated_change_high: calibratedChange?.high ?? null,
  };
}

/** Writes a report as a table for people, on standard output. */
export async function writeBenchmarkTable(report: BenchmarkReport, output: Output): Promise<void> {
  const { figures } = report;
  const has = (known: (figure: BenchmarkFigure) => number | null) =>
    figures.some((figure) => known(figure) !== null);
  const columns: [string, (figure: BenchmarkFigure) => number | null][] = [
    ["longest#", ({ baselines }) => baselines.longest],
    ["shortest#", ({ baselines }) => baselines.shortest],
    ["most markdown#", ({ baselines }) => baselines.markdown],
  ];
  const shown = columns.filter(([, value]) => has(value));
  const isCalibrated = has(({ calibrated }) => calibrated);
  const lines = table(output, [
    "group",
    "name",
    "metric",
    "rows#",
    "value#",
    "95 % interval#",
    ...(isCalibrated ? ["calibrated#", "change, 95 %#"] : []),
    ...shown.map(([name]) => name),
  ]);
  for (const figure of figures) {
    const { group, name, metric, rows, estimate } = figure;
    await lines.add([
      group,
      name,
      metric,
      String(rows),
      figureText(estimate, metric),
      rangeText(figure, metric),
      ...(isCalibrated
        ? [
          figureText(figure.calibrated, metric),
          figure.calibratedChange === null ? "–" : rangeText(figure.calibratedChange, metric),
        ]
        : []),
      ...shown.map(([, value]) => figureText(value(figure), metric)),
    ], missingOf(figure));
  }
  await lines.close();
}

function missingOf({ missing }: BenchmarkFigure): string[] {
  return missing.length === 0 ? [] : [`without ${missing.join(", ")}`];
}

/** A comparison as rows: one for each figure, and one of McNemar's test. */
export function comparisonRows({ benchmark, figures, mcnemar }: BenchmarkComparison): Row[] {
  return [
    ...figures.map(({ group, name, metric, rows, first, second, difference }) => ({
      benchmark,
      group,
      name,
      metric,
      rows,
      first,
      second,
      difference: difference.estimate,
      low: difference.low,
      high: difference.high,
    })),
    ...(mcnemar === null ? [] : [{
      benchmark,
      group: "mcnemar",
      name: "rows that only one gets right",
      only_first: mcnemar.onlyFirst,
      only_second: mcnemar.onlySecond,
      p_value: mcnemar.pValue,
    }]),
  ];
}

/** Writes a comparison as a table for people, on standard output. */
export async function writeComparisonTable(
  { figures, mcnemar }: BenchmarkComparison,
  output: Output,
): Promise<void> {
  const lines = table(output, [
    "group",
    "name",
    "metric",
    "rows#",
    "first#",
    "second#",
    "difference#",
    "95 % interval#",
  ]);
  for (const { group, name, metric, rows, first, second, difference } of figures) {
    await lines.add([
      group,
      name,
      metric,
      String(rows),
      figureText(first, metric),
      figureText(second, metric),
      figureText(difference.estimate, metric),
      rangeText(difference, metric),
    ]);
  }
  await lines.close();
  if (mcnemar === null) return;
  const { onlyFirst, onlySecond, pValue } = mcnemar;
  await output.writeText(
    `\n${onlyFirst} rows only the first gets right, ${onlySecond} only the second; McNemar's exact test: ` +
      `p = ${pValue < 0.0001 ? pValue.toExponential(1) : pValue.toFixed(4)}\n`,
  );
}
