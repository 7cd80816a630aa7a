import { Command, Option } from "commander";
import type { Row, RowFormat } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { benchmarkOfRow } from "../../evaluation/benchmarks/benchmarks.ts";
import type { Benchmark } from "../../evaluation/benchmarks/benchmark.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import { readCalibrator } from "../../tasks/calibrate/calibrator_file.ts";
import { withFirst } from "../../tasks/begin_rows.ts";
import { checkedBenchmarkRows } from "../../tasks/evaluate/benchmark_layout.ts";
import type { LoadScorer } from "../../tasks/score/open_scorer.ts";
import { delimiterOption, inputFormatOption, reportFormatOption } from "../arguments.ts";
import { columnArgument } from "../calibrate/calibrate_flags.ts";
import { bestOfOption } from "../best_of_options.ts";
import { checkOutputs } from "../check_outputs.ts";
import { startReading } from "../input_rows.ts";
import { addHeadFlags } from "../head_options.ts";
import { addModelFlags, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import {
  addBenchmarkFlags,
  type BenchmarkFlags,
  benchmarkOfFlag,
  refuseFlags,
} from "./benchmark_flags.ts";
import {
  type BenchmarkRun,
  reportBenchmark,
  reportComparison,
  reportLeaderboard,
} from "./evaluate_benchmark.ts";
import { type PlainFlags, reportPlain } from "./plain_evaluation.ts";
import { reliabilityMeaning, svgArgument } from "./reliability_report.ts";
import { scoredFirst } from "./score_first.ts";

interface EvaluateFlags extends ModelFlags, BenchmarkFlags, PlainFlags {
  readonly model?: string | undefined;
  readonly calibrate?: string | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Tells how often scores pick the right response, beside what the longer and the shorter one would.",
  'INPUT is a file of scored rows, as assay score writes them: JSON Lines or CSV (also gzipped), or Parquet; "-" ' +
  "or nothing is standard input. A pair has chosen_score and rejected_score; candidates have scores, " +
  "and num_correct: so many of them, the first ones, are right. Lengths are counted in code points, " +
  "or read (chosen_length, rejected_length; lengths).",
  "--benchmark reads rows as a benchmark or preference set publishes them and judges them by its authors' " +
  "rules and averages, with 95 % intervals (bootstrap over prompts); rows that assay score --benchmark " +
  "wrote name theirs. Several files give a leaderboard, --against compares two models row by row.",
  "Without a benchmark, accuracies are given over all rows, by subset, by section of RewardBench with its published " +
  "weights, and for RewardBench and RewardBench 2 as a whole where all of their subsets are there. " +
  "RewardBench 2's subset Ties (ids ref:N and tied:N) counts by its own rule. Rows that can't be " +
  "evaluated are left out and told on standard error.",
].join("\n\n");

const examples = `
Examples:
  assay score ./my-model pairs.jsonl | assay evaluate
  assay evaluate --model ./my-model rm-bench.json --benchmark rm-bench --summary accuracy.json
  assay evaluate --model ./my-model hf:datasets/allenai/reward-bench-2:test
  assay evaluate mine.jsonl --against theirs.jsonl
  assay evaluate mine.jsonl theirs.jsonl others.jsonl --benchmark judgebench --format table
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
    .argument("[inputs...]", "files of scored rows, one a model; or hf:datasets/ORG/NAME[:SPLIT]")
    .option("--model <model>", `score the rows first: ${modelMeaning}`)
    .option("--calibrate <file>", "compare with scores that a saved calibrator corrects")
    .addOption(
      new Option(
        "--tie <rule>",
        "what equal scores count as, without a benchmark (default: half)",
      ).choices(["half", "wrong"]),
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
    .option("--plot <file>", "draw reliability: .svg", svgArgument)
    .option("--summary <file>", "save everything as JSON")
    .addOption(reportFormatOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return addHeadFlags(addModelFlags(addBenchmarkFlags(command))).action(
    async (inputs: readonly string[], flags: EvaluateFlags) => {
      await evaluate(inputs.length === 0 ? ["-"] : inputs, flags, output, load);
    },
  );
}

async function evaluate(
  inputs: readonly string[],
  flags: EvaluateFlags,
  output: Output,
  load: LoadScorer,
): Promise<void> {
  checkUsage(inputs, flags);
  using bar = progressBar(output);
  await checkOutputs({
    inputs: [...inputs, flags.against, flags.calibrate, flags.model],
    outputs: [flags.summary, flags.plot],
  });
  const calibrator = flags.calibrate === undefined
    ? undefined
    : await readCalibrator(flags.calibrate);
  const open = (input: string) =>
    startReading(
      input,
      {
        format: flags.inputFormat,
        delimiter: flags.delimiter,
        onBytes: ({ read, byteLength }) => bar.update("evaluating", read, byteLength),
      },
      output,
      bar,
    );
  const run: BenchmarkRun = { flags, calibrator, output, open, clear: () => bar.clear() };
  if (inputs.length > 1) return await reportLeaderboard(inputs, run);
  const rows = await open(inputs[0]!);
  if (rows === undefined) return;
  const seen = await withFirst(rows);
  const benchmark = benchmarkOf(seen.first?.row, flags);
  const laidOut = benchmark === undefined || flags.model === undefined
    ? seen.rows
    : await checkedBenchmarkRows(seen.rows, benchmark);
  const scored = flags.model === undefined
    ? laidOut
    : scoredFirst(laidOut, flags.model, flags, output, bar, load);
  if (flags.against !== undefined) return await reportComparison(inputs[0]!, scored, run);
  if (benchmark !== undefined) return await reportBenchmark(scored, benchmark, run);
  await reportPlain(scored, flags, calibrator, output, () => bar.clear());
}

/** Flags that ask for more than a benchmark's rules tell. */
const plainOnly = ["tie", "quality", "bestOf", "reliability", "plot"];

/** The benchmark that the flag names; else the one that the first row names, or is published by. */
function benchmarkOf(first: Row | undefined, flags: EvaluateFlags): Benchmark | undefined {
  const named = benchmarkOfFlag(flags.benchmark);
  if (named !== undefined) return named;
  const asked: Readonly<Record<string, unknown>> = { ...flags };
  if (first === undefined || plainOnly.some((name) => asked[name] !== undefined)) return undefined;
  return benchmarkOfRow(first);
}

function checkUsage(inputs: readonly string[], flags: EvaluateFlags): void {
  const asked: Readonly<Record<string, unknown>> = { ...flags };
  const several = inputs.length > 1;
  if (flags.benchmark !== undefined) {
    refuseFlags(asked, plainOnly, "beside --benchmark, whose rules say what counts");
  }
  if (several) {
    refuseFlags(asked, [...plainOnly, "calibrate", "model", "against"], "beside several files");
  }
  if (flags.against !== undefined) {
    refuseFlags(asked, [...plainOnly, "calibrate"], "beside --against");
  }
  const read = [...inputs, flags.against];
  if (read.filter((input) => input === "-").length > 1) {
    throw new AssayError(
      "cli/usage",
      "Cannot evaluate: expected standard input once among the files, found it more than once",
    );
  }
}
