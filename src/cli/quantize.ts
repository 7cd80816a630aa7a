import { Command, InvalidArgumentError } from "commander";
import { AssayError } from "../error.ts";
import type { RowFormat } from "../data/rows.ts";
import type { QuantizedWeights } from "../scoring/weights_name.ts";
import { quantizeCheckpoint } from "../tasks/quantize/quantize_checkpoint.ts";
import {
  type QuantizationReport,
  reportQuantization,
} from "../tasks/quantize/quantization_report.ts";
import { openRows } from "../tasks/repeatable_rows.ts";
import { delimiterOption, inputFormatOption, reportFormatOption } from "./arguments.ts";
import { fromHub } from "./from_hub.ts";
import { addHeadFlags } from "./head_options.ts";
import { listenForInterrupt } from "./interrupt.ts";
import {
  addPlainModelFlags,
  groupArgument,
  loadOptions,
  type ModelFlags,
} from "./model_options.ts";
import { Output } from "./output.ts";
import { type ProgressBar, progressBar } from "./progress_bar.ts";
import { table } from "./table.ts";

interface QuantizeFlags extends Omit<ModelFlags, "weights" | "weightGroup"> {
  readonly output?: string | undefined;
  readonly weights?: readonly QuantizedWeights[] | undefined;
  readonly group: 32 | 128;
  readonly report?: string | undefined;
  readonly format?: "jsonl" | "table" | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Makes a model's weights smaller, and tells what that costs.",
  "The linear maps of the layers become whole numbers of 8 or 4 bits, groups of which share a scale; " +
  "everything else stays as it is. With --output the result is written as a checkpoint that every " +
  "command takes, some rows at a time; --weights of any other command does the same as a model is " +
  "loaded, with the same scores.",
  "With --report the rows of a file are scored by the model itself and by the quantized one: how much " +
  "scores change, whether they stay in order (Kendall's τ), and in which share of pairs the same side " +
  "is preferred.",
].join("\n\n");

const examples = `
Examples:
  assay quantize ./my-model --weights int8 --output ./my-model-int8
  assay quantize ./my-model --report pairs.jsonl
  assay quantize ./my-model --weights int4 --group 128 --output ./my-model-int4 --report pairs.jsonl

Exit status: 0 all rows fine, 1 some rows of the report have no score, 2 nothing could run.`;

/**
 * `assay quantize`: int8 and int4 weights.
 *
 * @param output Where output goes.
 */
export function quantizeCommand(output: Output = Output.system()): Command {
  const command = new Command("quantize")
    .summary("make a model's weights smaller, and tell what that costs")
    .description(description)
    .argument("<model>", "folder of the checkpoint, or its URL")
    .option("--output <folder>", "folder of the quantized checkpoint; must not have weights")
    .option(
      "--weights <forms>",
      "int8 or int4; for a report both, with a comma between (default of a report: both)",
      formsArgument,
    )
    .option("--group <inputs>", "inputs that share a scale: 32 or 128", groupArgument, 32)
    .option("--report <rows>", "file of rows whose scores are compared")
    .addOption(reportFormatOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return addHeadFlags(addPlainModelFlags(command)).action(
    async (model: string, flags: QuantizeFlags) => await quantize(model, flags, output),
  );
}

function formsArgument(text: string): QuantizedWeights[] {
  return [...new Set(text.split(","))].map((form) => {
    if (form === "int8" || form === "int4") return form;
    throw new InvalidArgumentError("Expected int8, int4 or int8,int4.");
  });
}

async function quantize(model: string, flags: QuantizeFlags, output: Output): Promise<void> {
  const { output: folder, report, weights } = flags;
  if (folder === undefined && report === undefined) {
    throw usage("--output FOLDER, --report ROWS or both", "neither");
  }
  if (folder !== undefined && weights?.length !== 1) {
    throw usage(
      "one form with --output: --weights int8 or --weights int4",
      String(weights ?? "none"),
    );
  }
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const source = await fromHub(model, output, bar, interrupt.signal);
  const shown = { output, bar, signal: interrupt.signal };
  if (folder !== undefined) await write(source, folder, flags, shown);
  if (report !== undefined) await compare(source, report, flags, shown);
}

function usage(expected: string, found: string): AssayError {
  return new AssayError("cli/usage", `Cannot quantize: expected ${expected}, found ${found}`);
}

/** Where a command tells things, and what ends it. */
interface Shown {
  readonly output: Output;
  readonly bar: ProgressBar;
  readonly signal: AbortSignal;
}

async function write(
  model: string,
  folder: string,
  { weights: [weights] = [], group, ignoreConfigKey: ignoreConfigKeys }: QuantizeFlags,
  { output, bar, signal }: Shown,
): Promise<void> {
  const { quantized, bytesBefore, bytesAfter } = await quantizeCheckpoint(model, folder, {
    weights: weights!,
    group,
    ignoreConfigKeys,
    onProgress: ({ done, total }) => bar.update("quantizing", done, total),
    signal,
  });
  bar.clear();
  const share = (bytesAfter / bytesBefore).toFixed(2);
  await output.note(
    `${quantized} weights in ${weights}, ${group} inputs a scale: ${folder} takes ${share} of the bytes`,
  );
}

async function compare(
  model: string,
  input: string,
  flags: QuantizeFlags,
  { output, bar, signal }: Shown,
): Promise<void> {
  const { inputFormat: format, delimiter, group, weights = ["int8", "int4"] } = flags;
  const rows = await openRows(input, { format, delimiter });
  const load = loadOptions({ ...flags, weights: undefined }, output, bar);
  const reports = await reportQuantization(model, rows, {
    ...load,
    weights,
    group,
    onRow: (form, count) => bar.update(`scoring, ${form ?? "as stored"}`, count, undefined),
    signal,
  });
  bar.clear();
  const failed = Math.max(0, ...reports.map((report) => report.failed));
  if (failed > 0) {
    output.rowFailed();
    await output.warn(`${failed} of ${reports[0]!.rows} rows are left out: they have no score`);
  }
  const isTable = (flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl")) === "table";
  if (isTable) await writeTable(reports, output);
  else for (const report of reports) await output.writeText(`${JSON.stringify(lineOf(report))}\n`);
}

/** A report in the output's own spelling. */
function lineOf(report: QuantizationReport): Readonly<Record<string, unknown>> {
  return {
    weights: report.weights,
    group: report.group,
    rows: report.rows,
    failed: report.failed,
    scores: report.scores,
    max_change: report.largestChange,
    mean_change: report.meanChange,
    score_std: report.spread,
    kendall_tau: report.kendall,
    pairs: report.pairs,
    pair_agreement: report.agreement,
    weight_bytes: report.weightBytes,
    quantized_weight_bytes: report.quantizedWeightBytes,
  };
}

async function writeTable(
  reports: readonly QuantizationReport[],
  output: Output,
): Promise<void> {
  const names = [
    ...["weights", "rows#", "max |Δ|#", "mean |Δ|#", "std of scores#", "Kendall τ#"],
    ...["pairs#", "agreement#", "MiB#", "MiB as stored#"],
  ];
  const lines = table(output, names);
  const text = (number: number | null): string => number === null ? "" : number.toPrecision(3);
  const share = (number: number | null): string => number === null ? "" : number.toFixed(4);
  for (const report of reports) {
    await lines.add([
      `${report.weights} / ${report.group}`,
      String(report.rows - report.failed),
      text(report.largestChange),
      text(report.meanChange),
      text(report.spread),
      share(report.kendall),
      String(report.pairs),
      share(report.agreement),
      (report.quantizedWeightBytes / 2 ** 20).toFixed(1),
      (report.weightBytes / 2 ** 20).toFixed(1),
    ]);
  }
  await lines.close();
}
