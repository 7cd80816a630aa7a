import { Command } from "commander";
import type { Calibrator } from "../../calibration/calibrator.ts";
import { type Diagnostics, DiagnosticsCollector } from "../../calibration/diagnostics.ts";
import { fit } from "../../calibration/fit.ts";
import { calibrationPanel, type PlottedRows } from "../../calibration/plot.ts";
import { PoolBuilder } from "../../calibration/pool.ts";
import { readRows } from "../../data/read_rows.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import {
  addCalibrateFlags,
  type CalibrateFlags,
  fitOptions,
  neededFeatures,
} from "./calibrate_flags.ts";
import { repeatableRows } from "../../tasks/repeatable_rows.ts";
import { calibratePreferences } from "../../tasks/calibrate/calibrate_preferences.ts";
import { calibrateTable, reportDiagnostics, writePlot } from "./calibrate_report.ts";
import { addToPool, calibrateRow, ScoredRowReader } from "../../tasks/calibrate/calibrate_rows.ts";
import { tokenizerMeasures } from "../../tasks/calibrate/response_sources.ts";
import { readCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
import { rowOutput } from "../row_output.ts";
import { checkOutputs, writeTextFile } from "../check_outputs.ts";

/** Rows kept for rank correlations and plots where a calibrator is applied to a stream. */
const sampledRows = 100_000;

const description = [
  "Removes a bias for length or style from scores that any model has given.",
  'INPUT is a file of rows: JSON Lines or CSV (also gzipped), or Parquet; "-" or nothing is standard ' +
  "input. A row holds a score (and length, or response to measure it on), a pair (chosen_score and " +
  "rejected_score; chosen_length and rejected_length, or the texts) or the scores of candidates " +
  "(and responses).",
  "Rows come out in their order with every column they had, and: calibrated_score (a pair: " +
  "chosen_calibrated_score, rejected_calibrated_score, calibrated_margin; candidates: " +
  "calibrated_scores and calibrated_best, counted from 0), and error where one applies.",
  "Labels are not needed. What the calibration did is told on standard error, with warnings where " +
  "it may hurt.",
].join("\n\n");

const examples = `
Examples:
  assay calibrate scored.jsonl > calibrated.jsonl
  assay calibrate pairs.csv --gamma auto --plot length.html --summary length.json > calibrated.jsonl
  assay calibrate pool.parquet --feature length --feature markdown --fit calibrator.json > /dev/null
  cat new.jsonl | assay calibrate --apply calibrator.json
  assay calibrate judged.jsonl --preferences

Exit status: 0 all rows fine, 1 some rows failed (each has an error), 2 nothing could run.`;

/**
 * `assay calibrate`: removes a bias from scores that any model has given.
 *
 * @param output Where output goes.
 */
export function calibrateCommand(output: Output = Output.system()): Command {
  const command = new Command("calibrate")
    .summary("remove a length or style bias from scores")
    .description(description)
    .argument("[input]", "file of rows", "-")
    .addHelpText("after", examples);
  return addCalibrateFlags(command).action(async (input: string, flags: CalibrateFlags) => {
    using bar = progressBar(output);
    const inputs = flags.apply === undefined ? [input] : [input, flags.apply];
    await checkOutputs(inputs, [flags.fit, flags.summary, flags.plot, flags.output]);
    if (flags.preferences) await calibratePreferences(input, flags, output, bar);
    else if (flags.apply !== undefined) await applySaved(input, flags.apply, flags, output, bar);
    else await fitAndApply(input, flags, output, bar);
  });
}

/** A saved calibrator: one reading of the rows, in constant memory. */
async function applySaved(
  input: string,
  path: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const calibrator = await readCalibrator(path);
  const reader = await rowReader(calibrator.features, flags);
  const collector = new DiagnosticsCollector({
    corrected: calibrator.features,
    ...(flags.tie === undefined ? {} : { tie: flags.tie }),
    sample: sampledRows,
  });
  const rows = readRows(input, {
    format: flags.inputFormat,
    onBytes: ({ read, byteLength }) => bar.update("calibrating", read, byteLength),
  });
  await writeCalibrated(rows, reader, calibrator, flags, output, collector);
  await finish(calibrator, collector.report(), (name) => collector.keptRows(name), flags, output);
}

/** A calibrator fitted on the rows themselves: they are read once for the fit, once to be written. */
async function fitAndApply(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const reader = await rowReader(neededFeatures(flags), flags);
  const rows = await repeatableRows(input, flags.inputFormat, bar);
  const pool = await readPool(rows.read("reading"), reader);
  const { calibrator, scores, diagnostics } = fit(pool, fitOptions(flags));
  if (flags.fit !== undefined) {
    await writeTextFile(flags.fit, JSON.stringify(calibrator, null, 1) + "\n");
  }
  const plotted = (name: string) => ({
    x: pool.features[name] ?? [],
    before: pool.scores,
    after: scores,
  });
  // Before the rows, so that a reader of standard output that goes away early costs nothing else.
  await finish(calibrator, diagnostics, plotted, flags, output);
  await writeCalibrated(rows.read("calibrating"), reader, calibrator, flags, output);
}

async function rowReader(
  features: readonly string[],
  flags: CalibrateFlags,
): Promise<ScoredRowReader> {
  return new ScoredRowReader({
    features,
    columns: flags.column ?? new Map(),
    subset: flags.subset,
    measures: flags.tokenizer === undefined ? undefined : await tokenizerMeasures(flags.tokenizer),
  });
}

/** The pool of all rows that can be used; the others are reported when rows are written. */
async function readPool(rows: AsyncIterable<ReadRow>, reader: ScoredRowReader) {
  const builder = new PoolBuilder();
  let count = 0;
  let first: AssayError | undefined;
  for await (const { row, error } of rows) {
    count++;
    try {
      if (row === undefined) throw error!;
      addToPool(builder, reader.read(row));
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      first ??= error;
    }
  }
  if (builder.size > 0) return builder.build();
  throw new AssayError(
    first?.code ?? "calibration/too-few-rows",
    first === undefined
      ? "Cannot fit a calibrator: expected rows with scores, found none"
      : `Cannot fit a calibrator on any of ${count} rows. The first: ${first.message}`,
  );
}

async function writeCalibrated(
  rows: AsyncIterable<ReadRow>,
  reader: ScoredRowReader,
  calibrator: Calibrator,
  flags: CalibrateFlags,
  output: Output,
  collector?: DiagnosticsCollector,
): Promise<void> {
  const writer = await rowOutput(output, flags, calibrateTable);
  let count = 0;
  let failures = 0;
  try {
    for await (const read of rows) {
      const { row, failed } = calibrateRow(read, reader, calibrator, collector);
      count++;
      if (failed) failures++;
      if (failed) output.rowFailed();
      await writer.write(row);
    }
  } finally {
    await writer.close();
  }
  await output.note(`${count} rows${failures === 0 ? "" : `, ${failures} failed`}`);
}

/** Tells, saves and draws what the calibration did. */
async function finish(
  calibrator: Calibrator,
  diagnostics: Diagnostics,
  rowsOf: (feature: string) => PlottedRows,
  flags: CalibrateFlags,
  output: Output,
): Promise<void> {
  await reportDiagnostics(diagnostics, output);
  if (flags.summary !== undefined) {
    const { method, settings } = calibrator;
    const summary = { method, settings, ...diagnostics };
    await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
  }
  if (flags.plot === undefined) return;
  const panels = calibrator.features.map((name) =>
    calibrationPanel(calibrator, name, rowsOf(name))
  );
  const title = `Calibration of scores for ${
    calibrator.features.join(", ")
  } (${calibrator.method})`;
  await writePlot(flags.plot, panels, { title, diagnostics });
}
