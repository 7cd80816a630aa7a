import { Command, Option } from "commander";
import type { ReadRow, Row, RowFormat } from "../../data/rows.ts";
import { jsonLinesWriter } from "../../data/write_rows.ts";
import type { TieRule } from "../../evaluation/best_of_n_accuracy.ts";
import type { EvaluationReport } from "../../evaluation/evaluation.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import { readCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { evaluateRows, type RowEvaluation } from "../../tasks/evaluate/evaluate_rows.ts";
import { ReliabilityRows } from "../../tasks/evaluate/reliability_rows.ts";
import { evaluationRows, evaluationSummary } from "../../tasks/evaluate/evaluation_rows.ts";
import type { LoadScorer } from "../../tasks/score/open_scorer.ts";
import { scoreRows } from "../../tasks/score/score_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { delimiterOption, inputFormatOption, reportFormatOption } from "../arguments.ts";
import { columnArgument } from "../calibrate/calibrate_flags.ts";
import { bestOfOption, largestOf } from "../best_of_options.ts";
import { checkOutputs } from "../check_outputs.ts";
import { startReading } from "../input_rows.ts";
import { fromHub } from "../from_hub.ts";
import { leftOutWarning } from "../gold_curve_table.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { addHeadFlags } from "../head_options.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
import { writeResultTable } from "./evaluate_report.ts";
import {
  noteReliability,
  reliabilityMeaning,
  writeReliabilityTable,
} from "./reliability_report.ts";

interface EvaluateFlags extends ModelFlags {
  readonly model?: string | undefined;
  readonly calibrate?: string | undefined;
  readonly tie: TieRule;
  readonly quality?: string | undefined;
  readonly bestOf?: number | undefined;
  readonly column?: ReadonlyMap<string, string> | undefined;
  readonly subset: string;
  readonly reliability?: true | undefined;
  readonly summary?: string | undefined;
  readonly format?: "jsonl" | "table" | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
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
  assay evaluate scored.jsonl --reliability --format table

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
    .option("--model <model>", `score the rows first: ${modelMeaning}`)
    .option("--calibrate <file>", "compare with scores that a saved calibrator corrects")
    .addOption(
      new Option("--tie <rule>", "what equal scores count as; RewardBench counts them wrong")
        .choices(["half", "wrong"]).default("half"),
    )
    .option("--quality <column>", "a number per candidate: adds the expected best of m by it")
    .addOption(bestOfOption())
    .option(
      "--column <name=column>",
      "read NAME (chosen_score, num_correct, …) from another column; repeat it for several",
      columnArgument,
    )
    .option("--subset <column>", "column that names a row's subset", "subset")
    .option("--reliability", reliabilityMeaning)
    .option("--summary <file>", "save everything as JSON")
    .addOption(reportFormatOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return addHeadFlags(addModelFlags(command)).action(
    async (input: string, flags: EvaluateFlags) => {
      await evaluate(input, flags, output, load);
    },
  );
}

async function evaluate(
  input: string,
  flags: EvaluateFlags,
  output: Output,
  load: LoadScorer,
): Promise<void> {
  using bar = progressBar(output);
  await checkOutputs({
    inputs: [input, flags.calibrate, flags.model],
    outputs: [flags.summary],
  });
  const calibrator = flags.calibrate === undefined
    ? undefined
    : await readCalibrator(flags.calibrate);
  const rows = await startReading(input, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
    onBytes: ({ read, byteLength }) => bar.update("evaluating", read, byteLength),
  }, output);
  if (rows === undefined) return;
  const { column: columns, subset, quality, tie, model } = flags;
  const scored = model === undefined ? rows : scoredFirst(rows, model, flags, output, bar, load);
  const options = { columns, subset, quality, calibrator };
  const gathered = flags.reliability && new ReliabilityRows(options);
  const result = await evaluateRows(gathered?.watch(scored) ?? scored, {
    ...options,
    bestOf: largestOf(flags),
    tie,
  });
  await reportFailures(result, output);
  bar.clear();
  const warnings = [...warningsOf(result.report), ...leftOutWarning(result.gold)];
  for (const warning of warnings) await output.warn(warning);
  const reliability = gathered?.report();
  if (reliability !== undefined) await noteReliability(reliability, output);
  if (flags.summary !== undefined) {
    const summary = { ...evaluationSummary(result), reliability };
    await writeTextFile(flags.summary, JSON.stringify(summary, null, 2) + "\n");
  }
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  const added = reliability === undefined ? [] : [{ group: "reliability", ...reliability }];
  if (format !== "table") await writeRows([...evaluationRows(result), ...added], output);
  else {
    await writeResultTable(result, output);
    if (reliability !== undefined) await writeReliabilityTable(reliability, output);
  }
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
  const pinned = await fromHub(model, output, bar, signal);
  using scorer = await load(pinned, { ...loadOptions(flags, output, bar), signal });
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

async function reportFailures(
  { rows, firstFailure }: RowEvaluation,
  output: Output,
): Promise<void> {
  if (firstFailure === undefined) return;
  output.rowFailed();
  const { code, message } = firstFailure;
  await output.warn(
    `${rows.failed} of ${rows.read} rows are left out. The first: ${message} [${code}]`,
  );
}

function warningsOf({ tie, tiedRows, leftOut, plainTies, groups }: EvaluationReport): string[] {
  const warnings: string[] = [];
  if (plainTies > 0) {
    warnings.push(
      `${plainTies} rows of the subset Ties count by the plain rule, and for no benchmark: ` +
        "RewardBench 2's own rule needs ids ref:N and tied:N",
    );
  }
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
