import { Command } from "commander";
import { Abstention } from "../../calibration/abstention.ts";
import { Calibrator } from "../../calibration/calibrator.ts";
import type { Diagnostics } from "../../calibration/diagnostics.ts";
import { DiagnosticsCollector } from "../../calibration/diagnostics_collector.ts";
import { calibrationPanel, type PlottedRows } from "../../calibration/plot.ts";
import { readRows } from "../../data/read_rows.ts";
import { calibrateRows } from "../../tasks/calibrate/calibrate_rows.ts";
import { readFitted, writeCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { fitCalibrator } from "../../tasks/calibrate/fit_calibrator.ts";
import { tokenizerMeasures } from "../../tasks/calibrate/response_sources.ts";
import type { ScoredColumns } from "../../tasks/calibrate/scored_responses.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { AssayError } from "../../error.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { checkOutputs } from "../check_outputs.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
import { addCalibrateFlags, type CalibrateFlags, fitOptions } from "./calibrate_flags.ts";
import { reportDiagnostics, writePlot } from "./calibrate_report.ts";
import { applyAbstention, applyIntervals, writeAbstentions, writeIntervals } from "./certainty.ts";
import { isElo, writeEloCalibrated } from "./elo_report.ts";
import { writeCalibratedPreferences } from "./preferences_report.ts";
import { writeCalibrated } from "./write_calibrated.ts";
import { ownValue } from "../../own_value.ts";

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
  "Without labels. With labels it tells instead how sure scores are: --conformal adds intervals " +
  "(score_low and score_high; a pair: margin_low and margin_high), --abstain marks rows that would be " +
  "decided wrongly too often (abstain). --fit keeps either for rows that have no label.",
  "--elo holds the scores of several models' responses to the same prompts against the models' Elo " +
  "ratings, tells each model's mismatch, and adds the offset that takes it away.",
  "What the calibration did is told on standard error, with warnings where " +
  "it may hurt.",
].join("\n\n");

const examples = `
Examples:
  assay calibrate scored.jsonl > calibrated.jsonl
  assay calibrate pairs.csv --gamma auto --plot length.html --summary length.json > calibrated.jsonl
  assay calibrate pool.parquet --feature length --feature markdown --fit calibrator.json > /dev/null
  cat new.jsonl | assay calibrate --apply calibrator.json
  assay calibrate judged.jsonl --preferences
  assay calibrate scored.jsonl --elo elo.json --reference gpt-4 --fit offsets.json
  assay calibrate rated.jsonl --conformal 0.1 --target rating --fit intervals.json
  assay calibrate pairs.jsonl --abstain 0.05 --fit threshold.json

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
    await checkOutputs({
      inputs: [input, flags.apply, flags.tokenizer, flags.elo],
      outputs: [flags.fit, flags.summary, flags.plot, flags.output],
    });
    if (flags.preferences) await writeCalibratedPreferences(input, flags, output, bar);
    else if (flags.apply !== undefined) await applySaved(input, flags.apply, flags, output, bar);
    else if (isAbstaining(flags)) await writeAbstentions(input, flags, output, bar);
    else if (isConformal(flags)) await writeIntervals(input, flags, output, bar);
    else if (isElo(flags)) await writeEloCalibrated(input, flags, output, bar);
    else await fitAndApply(input, flags, output, bar);
  });
}

/** Whether intervals were asked for; their flags by themselves mean nothing else. */
function isConformal(flags: CalibrateFlags): boolean {
  const { conformal, target, group, leastGroup, quantiles } = flags;
  return [conformal, target, group, leastGroup, quantiles].some((flag) => flag !== undefined);
}

function isAbstaining({ abstain, confidence }: CalibrateFlags): boolean {
  return abstain !== undefined || confidence !== undefined;
}

/** What was saved: one reading of the rows, in constant memory. */
async function applySaved(
  input: string,
  path: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const fitted = await readFitted(path);
  if (fitted instanceof Calibrator) await applyCalibrator(input, fitted, flags, output, bar);
  else if (fitted instanceof Abstention) await applyAbstention(input, fitted, flags, output, bar);
  else await applyIntervals(input, fitted, flags, output, bar);
}

async function applyCalibrator(
  input: string,
  calibrator: Calibrator,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const collector = new DiagnosticsCollector({
    corrected: amountsOf(calibrator),
    tie: flags.tie,
    sample: sampledRows,
  });
  const columns = await scoredColumns(flags);
  const rows = readRows(input, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }) => bar.update("calibrating", read, byteLength),
  });
  await writeCalibrated(
    calibrateRows(rows, calibrator, { ...columns, collector }),
    flags,
    output,
  );
  await finish(calibrator, collector.report(), (name) => collector.keptRows(name), flags, output);
}

/** A calibrator fitted on the rows themselves: they are read once for the fit, once to be written. */
async function fitAndApply(
  input: string,
  flags: CalibrateFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const columns = await scoredColumns(flags);
  let doing = "reading";
  const rows = await openRows(input, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }) => bar.update(doing, read, byteLength),
  });
  const fitted = await fitCalibrator(rows.read(), { ...columns, ...fitOptions(flags) });
  const { calibrator, pool, scores, diagnostics } = fitted;
  if (flags.fit !== undefined) await writeCalibrator(flags.fit, calibrator);
  const plotted = (name: string) => ({
    x: ownValue(pool.features, name) ?? [],
    before: pool.scores,
    after: scores,
  });
  // Before the rows, so that a reader of standard output that goes away early costs nothing else.
  await finish(calibrator, diagnostics, plotted, flags, output);
  doing = "calibrating";
  await writeCalibrated(calibrateRows(rows.read(), calibrator, columns), flags, output);
}

/** Features that are amounts, not categories. */
function amountsOf({ features, categories }: Calibrator): readonly string[] {
  return features.filter((feature) => !categories.some(({ name }) => name === feature));
}

async function scoredColumns(
  { column, subset, tokenizer }: CalibrateFlags,
): Promise<ScoredColumns> {
  const measures = tokenizer === undefined ? undefined : await tokenizerMeasures(tokenizer);
  return { columns: column, subset, measures };
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
  const panels = amountsOf(calibrator).map((name) =>
    calibrationPanel(calibrator, name, rowsOf(name))
  );
  if (panels.length === 0) {
    throw new AssayError("cli/usage", "Cannot plot: offsets by category have no curve to draw");
  }
  const title = `Calibration of scores for ${
    calibrator.features.join(", ")
  } (${calibrator.method})`;
  await writePlot(flags.plot, panels, { title, diagnostics });
}
