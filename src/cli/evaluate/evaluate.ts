import { Command, Option } from "commander";
import type { ReadRow, Row, RowFormat } from "../../data/rows.ts";
import { jsonLinesWriter } from "../../data/write_rows.ts";
import { AssayError } from "../../error.ts";
import type { TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import { Evaluation, type EvaluationReport } from "../../evaluation/evaluation.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import { bestOfCurve, type ScoredSample } from "../../voting/best_of_curve.ts";
import { inputFormatOption, reportFormatOption } from "../arguments.ts";
import { columnArgument } from "../calibrate/calibrate_flags.ts";
import { readCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import {
  type EvaluateResult,
  resultRows,
  resultSummary,
  writeResultTable,
} from "./evaluate_report.ts";
import { EvaluatedRowReader } from "../../tasks/evaluate/evaluated_row_reader.ts";
import { startReading } from "../input_rows.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { addModelFlags, loadOptions, type ModelFlags } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
import type { LoadScorer } from "../score/score.ts";
import { scoreRows } from "../../tasks/score/score_rows.ts";
import { checkOutputs, writeTextFile } from "../check_outputs.ts";

interface EvaluateFlags extends ModelFlags {
  readonly model?: string;
  readonly calibrate?: string;
  readonly tie: TieRule;
  readonly quality?: string;
  readonly column?: ReadonlyMap<string, string>;
  readonly subset: string;
  readonly summary?: string;
  readonly format?: "jsonl" | "table";
  readonly inputFormat?: RowFormat;
}

const description = [
  "Tells how often scores pick the right response, beside what the longer and the shorter one would.",
  'INPUT is a file of scored rows, as assay score writes them: JSON Lines or CSV (also gzipped), or Parquet; "-" ' +
  "or nothing is standard input. A pair has chosen_score and rejected_score; candidates have scores, " +
  "and num_correct: so many of them, the first ones, are right. Lengths are counted in code points, " +
  "or read (chosen_length, rejected_length; lengths).",
  "Accuracies are given over all rows, by subset, by section of RewardBench with its published " +
  "weights, and for RewardBench and RewardBench 2 as a whole where all of their subsets are there. " +
  "RewardBench 2's subset Ties (ids ref:N and tied:N) counts by its own rule. Rows that can't be " +
  "evaluated are left out and told on standard error.",
].join("\n\n");

const examples = `
Examples:
  assay score ./my-model pairs.jsonl | assay evaluate
  assay evaluate --model ./my-model rewardbench.parquet --tie wrong --summary accuracy.json
  assay evaluate scored.jsonl --calibrate calibrator.json
  assay evaluate candidates.jsonl --quality gold_scores --format table

Exit status: 0 all rows fine, 1 some rows could not be evaluated, 2 nothing could run.`;

/**
 * `assay evaluate`: accuracy of scores.
 *
 * @param output Where output goes.
 * @param load Loads the reward model of `--model`.
 */
export function evaluateCommand(
  output: Output = Output.system(),
  load: LoadScorer = (source, options) => RewardModel.load(source, options),
): Command {
  const command = new Command("evaluate")
    .summary("tell how often scores pick the right response")
    .description(description)
    .argument("[input]", "file of rows", "-")
    .option("--model <model>", "score the rows first: folder of a checkpoint, or its URL")
    .option("--calibrate <file>", "compare with scores that a saved calibrator corrects")
    .addOption(
      new Option("--tie <rule>", "what equal scores count as; RewardBench counts them wrong")
        .choices(["half", "wrong"]).default("half"),
    )
    .option("--quality <column>", "a number per candidate: adds the expected best of m by it")
    .option(
      "--column <name=column>",
      "read NAME (chosen_score, num_correct, …) from another column; repeat it for several",
      columnArgument,
    )
    .option("--subset <column>", "column that names a row's subset", "subset")
    .option("--summary <file>", "save everything as JSON")
    .addOption(reportFormatOption())
    .addOption(inputFormatOption())
    .addHelpText("after", examples);
  return addModelFlags(command).action(async (input: string, flags: EvaluateFlags) => {
    await evaluate(input, flags, output, load);
  });
}

async function evaluate(
  input: string,
  flags: EvaluateFlags,
  output: Output,
  load: LoadScorer,
): Promise<void> {
  using bar = progressBar(output);
  const inputs = flags.calibrate === undefined ? [input] : [input, flags.calibrate];
  await checkOutputs(inputs, [flags.summary]);
  const calibrator = flags.calibrate === undefined
    ? undefined
    : await readCalibrator(flags.calibrate);
  const rows = await startReading(input, {
    format: flags.inputFormat,
    onBytes: ({ read, byteLength }) => bar.update("evaluating", read, byteLength),
  }, output);
  if (rows === undefined) return;
  const { subset, quality, model } = flags;
  const columns = flags.column ?? new Map<string, string>();
  const reader = new EvaluatedRowReader({ columns, subset, quality, calibrator });
  const scored = model === undefined ? rows : scoredFirst(rows, model, flags, output, bar, load);
  const result = await gather(scored, reader, flags.tie, calibrator !== undefined, output);
  bar.clear();
  for (const warning of warningsOf(result.report)) await output.warn(warning);
  if (flags.summary !== undefined) {
    await writeTextFile(flags.summary, JSON.stringify(resultSummary(result), null, 2) + "\n");
  }
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  if (format === "table") await writeResultTable(result, output);
  else await writeRows(resultRows(result), output);
}

/** Rows with a model's scores; ends early, with a warning, on Ctrl-C. */
async function* scoredFirst(
  rows: AsyncIterable<ReadRow>,
  model: string,
  flags: EvaluateFlags,
  output: Output,
  bar: ProgressBar,
  load: LoadScorer,
): AsyncGenerator<ReadRow> {
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  using scorer = await load(model, { ...loadOptions(flags, output, bar), signal });
  let line = 0;
  try {
    for await (const { row } of scoreRows(rows, scorer, { signal })) {
      yield { line: ++line, row, error: undefined };
      await interrupt.breathe();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    await output.warn("interrupted: the rows that follow are not evaluated");
    output.rowFailed();
  }
}

async function gather(
  rows: AsyncIterable<ReadRow>,
  reader: EvaluatedRowReader,
  tie: TieRule,
  isCalibrated: boolean,
  output: Output,
): Promise<EvaluateResult> {
  const evaluation = new Evaluation(tie);
  const samples: (readonly ScoredSample[])[] = [];
  const calibratedSamples: (readonly ScoredSample[])[] = [];
  const counts = { read: 0, failed: 0 };
  let first: { code: string; message: string } | undefined;
  for await (const read of rows) {
    counts.read++;
    try {
      if (read.row === undefined) throw read.error!;
      const row = reader.read(read.row);
      if (row.labelled !== undefined) evaluation.add(row.labelled);
      if (row.samples !== undefined) samples.push(row.samples);
      if (row.calibratedSamples !== undefined) calibratedSamples.push(row.calibratedSamples);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      counts.failed++;
      first ??= ownError(read.row) ?? error;
      output.rowFailed();
    }
  }
  if (first !== undefined && counts.failed === counts.read) {
    throw new AssayError(
      first.code,
      `Cannot evaluate any of ${counts.read} rows. The first: ${first.message}`,
    );
  }
  if (first !== undefined) {
    await output.warn(
      `${counts.failed} of ${counts.read} rows are left out. The first: ${first.message} [${first.code}]`,
    );
  }
  return {
    report: evaluation.report(),
    rows: counts,
    isCalibrated,
    bestOf: bestOfCurve(samples),
    calibratedBestOf: bestOfCurve(calibratedSamples),
  };
}

/** Why a row has no score, where the scoring told. */
function ownError(row: Row | undefined): { code: string; message: string } | undefined {
  const error = row?.error as { code?: unknown; message?: unknown } | null | undefined;
  if (typeof error?.code !== "string" || typeof error.message !== "string") return undefined;
  return { code: error.code, message: error.message };
}

function warningsOf({ tie, tiedRows, leftOut, groups }: EvaluationReport): string[] {
  const warnings: string[] = [];
  if (leftOut > 0) {
    warnings.push(
      `${leftOut} rows of the subset Ties are left out: expected prompts with both ref:N and tied:N, ` +
        "found none",
    );
  }
  if (tie === "half" && tiedRows > 0 && groups.some(({ group }) => group === "section")) {
    warnings.push(
      `equal scores in ${tiedRows} rows count one half; RewardBench's published figures count them ` +
        "wrong (--tie wrong)",
    );
  }
  return warnings;
}

async function writeRows(rows: readonly Row[], output: Output): Promise<void> {
  const writer = jsonLinesWriter({
    write: (bytes) => output.write(bytes),
    close: () => Promise.resolve(),
  });
  for (const row of rows) await writer.write(row);
  await writer.close();
}
