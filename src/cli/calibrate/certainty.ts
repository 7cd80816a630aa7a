import { type Abstention, heldOutAbstention } from "../../calibration/abstention.ts";
import type { ConformalIntervals } from "../../calibration/conformal.ts";
import {
  type ConformalCoverage,
  CoverageCount,
  heldOutCoverage,
} from "../../calibration/conformal_coverage.ts";
import { readRows } from "../../data/read_rows.ts";
import { AssayError } from "../../error.ts";
import { percent } from "../../numbers/percent.ts";
import { fitAbstentionRows, markAbstentions } from "../../tasks/calibrate/abstain_rows.ts";
import { writeCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { addIntervals, fitIntervals } from "../../tasks/calibrate/conformal_rows.ts";
import type { OutputRow } from "../../tasks/output_row.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import type { Output } from "../output.ts";
import type { ProgressBar } from "../progress_bar.ts";
import type { CalibrateFlags } from "./calibrate_flags.ts";
import { certaintyTable } from "./certainty_table.ts";
import { reportUnused } from "./unused_rows.ts";
import { writeRows } from "./write_calibrated.ts";

/** `assay calibrate --conformal`: fits intervals on rows with a target, and gives them to the rows. */
export async function writeIntervals(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const { conformal: alpha, target, group, quantiles, leastGroup, column: columns } = flags;
  if (alpha === undefined || target === undefined) {
    throw new AssayError("cli/usage", "Cannot calibrate: --conformal and --target need each other");
  }
  const rows = await openRows(input, readingOf(flags, bar));
  const options = { alpha, target, group, quantiles, leastGroup, columns };
  const fitted = await fitIntervals(rows.read(), options);
  const { intervals, used } = fitted;
  const artifact = intervals.toJSON();
  const heldOut = attempt(() =>
    heldOutCoverage(fitted.rows, {
      alpha,
      leastGroup,
      of: artifact.of,
      fromQuantiles: quantiles !== undefined,
    })
  );
  await reportUnused(used, output);
  if (flags.fit !== undefined) await writeCalibrator(flags.fit, intervals);
  await writeSummary({ intervals: artifact, rows: used, held_out: heldOut ?? null }, flags);
  await output.note(
    `${artifact.of} intervals for ${
      percent(1 - alpha)
    } of targets, from ${artifact.all.rows} rows: ` +
      `± ${short(artifact.all.quantile)}${
        quantiles === undefined ? "" : " around the head's own quantiles"
      }`,
  );
  const named = Object.entries(artifact.groups);
  for (const [name, { rows, quantile }] of named) {
    await output.note(`group ${name}: ± ${short(quantile)}, from ${rows} rows`);
  }
  if (group !== undefined) await warnOfSmallGroups(fitted.rows, artifact.groups, output);
  await noteCoverage(heldOut, "fitted on one half of the rows, the other half holds", output);
  await writeRows(addIntervals(rows.read(), intervals, { columns }), certaintyTable, flags, output);
}

/** `assay calibrate --apply` of conformal intervals: a stream, in constant memory. */
export async function applyIntervals(
  input: string,
  intervals: ConformalIntervals,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const coverage = new CoverageCount(intervals);
  const rows = readRows(input, readingOf(flags, bar));
  const withEnds = addIntervals(rows, intervals, { columns: flags.column, coverage });
  await writeRows(withEnds, certaintyTable, flags, output);
  const report = coverage.report();
  await writeSummary({ intervals: intervals.toJSON(), coverage: report }, flags);
  if (report.rows > 0) await noteCoverage(report, "of these rows, the intervals hold", output);
}

/** `assay calibrate --abstain`: fits a threshold on labelled rows, and marks the rows. */
export async function writeAbstentions(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const { abstain: risk, confidence = 0.95 } = flags;
  if (risk === undefined) {
    throw new AssayError("cli/usage", "Cannot calibrate: --confidence is for --abstain");
  }
  const options = { risk, delta: Number((1 - confidence).toPrecision(12)) };
  const rows = await openRows(input, readingOf(flags, bar));
  const fitted = await fitAbstentionRows(rows.read(), { ...options, columns: flags.column });
  const { abstention, decisions, tested, used } = fitted;
  const artifact = abstention.toJSON();
  const heldOut = heldOutAbstention(decisions, options);
  await reportUnused(used, output);
  if (flags.fit !== undefined) await writeCalibrator(flags.fit, abstention);
  const summary = { abstention: artifact, tested, rows: used, held_out: heldOut };
  await writeSummary(summary, flags);
  const { threshold, fit: { decided, errors, rows: all, upperBound } } = artifact;
  await output.note(
    `margins below ${
      short(threshold)
    } are not decided: ${decided} of ${all} rows are, ${errors} of them ` +
      `wrongly; the risk is at most ${percent(upperBound)}, with confidence ${
        percent(1 - artifact.delta)
      }`,
  );
  if (heldOut.refused === null) {
    await output.note(
      `fitted on one half of the rows, of the other half ${
        percent(heldOut.coverage)
      } are decided, ` +
        `${percent(heldOut.decidedRisk)} of these wrongly (of all, ${percent(heldOut.fullRisk)})`,
    );
  }
  const marked = markAbstentions(rows.read(), abstention, { columns: flags.column });
  await writeRows(marked, certaintyTable, flags, output);
}

/** `assay calibrate --apply` of a threshold: a stream, in constant memory. */
export async function applyAbstention(
  input: string,
  abstention: Abstention,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  let [marked, open] = [0, 0];
  const counted = async function* (rows: AsyncIterable<OutputRow>): AsyncGenerator<OutputRow> {
    for await (const of of rows) {
      if (typeof of.row.abstain === "boolean") marked++;
      if (of.row.abstain === true) open++;
      yield of;
    }
  };
  const rows = readRows(input, readingOf(flags, bar));
  const all = counted(markAbstentions(rows, abstention, { columns: flags.column }));
  await writeRows(all, certaintyTable, flags, output);
  await writeSummary({ abstention: abstention.toJSON(), rows: marked, abstained: open }, flags);
  await output.note(`${open} of ${marked} rows are not decided`);
}

function readingOf(flags: CalibrateFlags, bar: ProgressBar) {
  return {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }: { read: number; byteLength?: number | undefined }) =>
      bar.update("calibrating", read, byteLength),
  };
}

async function writeSummary(summary: unknown, { summary: path }: CalibrateFlags): Promise<void> {
  if (path !== undefined) await writeTextFile(path, JSON.stringify(summary, null, 2) + "\n");
}

async function warnOfSmallGroups(
  rows: readonly { readonly group?: string | undefined }[],
  groups: Readonly<Record<string, unknown>>,
  output: Output,
): Promise<void> {
  const names = new Set(rows.map(({ group }) => group));
  const small = [...names].filter((name) => name === undefined || !Object.hasOwn(groups, name));
  if (small.length === 0) return;
  const listed = small.slice(0, 5).map((name) => name ?? "(none)").join(", ");
  await output.warn(
    `${small.length} groups have too few rows and take the interval of all rows, which holds the ` +
      `target in the mean over groups only: ${listed}${small.length > 5 ? ", …" : ""}`,
  );
}

async function noteCoverage(
  report: ConformalCoverage | undefined,
  what: string,
  output: Output,
): Promise<void> {
  if (report === undefined) return;
  const { estimate, low, high } = report.coverage;
  await output.note(
    `${what} ${percent(estimate)} of ${report.rows} targets (95 %: ${percent(low)} to ${
      percent(high)
    }; made for ${percent(report.nominal)})`,
  );
}

function short(value: number | null): string {
  return value === null ? "∞" : String(Number(value.toPrecision(6)));
}

/** What can't be measured on half of the rows is not told. */
function attempt<Result>(measure: () => Result): Result | undefined {
  try {
    return measure();
  } catch (error) {
    if (error instanceof AssayError) return undefined;
    throw error;
  }
}
