import { Command } from "commander";
import { isHubName } from "../../checkpoint/hub/hub_name.ts";
import type { RowFormat } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { files } from "../../runtime/files.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import { auditFiles, type AuditOptions, auditScorer } from "../../tasks/audit/audit.ts";
import { commandLine } from "../../tasks/audit/audit_commands.ts";
import type { AuditReport } from "../../tasks/audit/audit_report.ts";
import { defaultProbeRows } from "../../tasks/audit/probe_section.ts";
import { auditFileNames, writeAudit } from "../../tasks/audit/write_audit.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import type { LoadScorer } from "../../tasks/score/open_scorer.ts";
import { delimiterOption, inputFormatOption, reportFormatOption } from "../arguments.ts";
import { benchmarkOption } from "../benchmark_layout.ts";
import { columnArgument, wholeArgument } from "../calibrate/calibrate_flags.ts";
import { checkOutputs } from "../check_outputs.ts";
import { fromHub } from "../from_hub.ts";
import { addHeadFlags } from "../head_options.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";

interface AuditFlags extends ModelFlags {
  readonly output: string;
  readonly column?: ReadonlyMap<string, string> | undefined;
  readonly subset: string;
  readonly quality?: string | undefined;
  readonly target?: string | undefined;
  readonly benchmark?: string | undefined;
  readonly probeRows: number;
  readonly format?: "jsonl" | "table" | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Tells in one page what a reward model is worth, what it likes for the wrong reasons, and what " +
  "calibration changes.",
  `INPUTS are a model (${modelMeaning}) and a file of rows, or files of scores, as assay score or any ` +
  "other tool writes them: JSON Lines or CSV (also gzipped), or Parquet. Several files are several " +
  "models, told side by side.",
  "Where a column of --column has a *, a file holds a model for each name that fits: " +
  "--column 'chosen_score=*_chosen' --column 'rejected_score=*_rejected'.",
  "Written are audit.html, one page that loads nothing, and audit.json with every number of it. A part " +
  "that the rows do not allow says what it needs.",
].join("\n\n");

const examples = `
Examples:
  assay audit ./my-model pairs.jsonl --output audit
  assay audit scored.jsonl --output audit
  assay audit first.jsonl second.jsonl third.jsonl --output audit
  assay audit scores.csv --column 'chosen_score=*_chosen' --column 'rejected_score=*_rejected'

Exit status: 0 all rows fine, 1 some rows could not be used, 2 nothing could run.`;

/**
 * `assay audit`: one report of what a reward model is worth.
 *
 * @param output Where output goes.
 * @param load Loads the reward model.
 */
export function auditCommand(
  output: Output = Output.system(),
  load: LoadScorer = (source, options) => RewardModel.load(source, options),
): Command {
  const command = new Command("audit")
    .summary("tell in one page what a reward model is worth")
    .description(description)
    .argument("<inputs...>", "a model and a file of rows, or files of scores")
    .option("--output <folder>", "where audit.html and audit.json are written", "audit")
    .option(
      "--column <name=column>",
      "read NAME (chosen_score, num_correct, …) from another column; repeat it for several",
      columnArgument,
    )
    .option("--subset <column>", "column that names a row's subset", "subset")
    .option("--quality <column>", "a number per candidate: adds the expected best of m by it")
    .option(
      "--target <column>",
      "what a score, or a pair's margin, stands for: adds how often conformal intervals hold it",
    )
    .addOption(
      benchmarkOption("also judge the rows by this benchmark's rules; a model scores its layout"),
    )
    .option(
      "--probe-rows <count>",
      "with a model: rows that are probed, which takes some fifty times their scoring; 0 for none",
      wholeArgument,
      defaultProbeRows,
    )
    .addOption(reportFormatOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return addHeadFlags(addModelFlags(command)).action(
    async (inputs: readonly string[], flags: AuditFlags) => {
      await audit(inputs, flags, command, output, load);
    },
  );
}

async function audit(
  inputs: readonly string[],
  flags: AuditFlags,
  command: Command,
  output: Output,
  load: LoadScorer,
): Promise<void> {
  using bar = progressBar(output);
  const hasModel = await isModel(inputs[0]!);
  checkInputs(inputs, hasModel);
  await checkOutputs({ inputs, folders: [{ path: flags.output, writes: auditFileNames }] });
  const { column: columns, subset, quality, target, inputFormat: format, delimiter } = flags;
  const options: AuditOptions = {
    columns,
    subset,
    quality,
    target,
    benchmark: flags.benchmark,
    format,
    delimiter,
    command: commandLine(["audit", ...inputs, ...flagsGiven(command)]),
    onStep: (step) => bar.update(step, 0, undefined),
    onBytes: (file, read, byteLength) => bar.update(`reading ${file}`, read, byteLength),
  };
  const report = hasModel
    ? await scoreAndAudit(inputs[0]!, inputs[1]!, options, flags, output, bar, load)
    : await auditFiles(inputs, options);
  bar.update("drawing", 0, undefined);
  await writeAudit(flags.output, report);
  bar.clear();
  await tell(report, flags, output);
}

async function scoreAndAudit(
  model: string,
  path: string,
  options: AuditOptions,
  flags: AuditFlags,
  output: Output,
  bar: ProgressBar,
  load: LoadScorer,
): Promise<AuditReport> {
  using interrupt = listenForInterrupt();
  const { signal } = interrupt;
  const rows = await openRows(path, { format: options.format, delimiter: options.delimiter });
  const pinned = await fromHub(model, output, bar, signal);
  using scorer = await load(pinned, { ...loadOptions(flags, output, bar), signal });
  return await auditScorer(scorer, pinned, path, rows, {
    ...options,
    signal,
    probeRows: flags.probeRows,
  });
}

/** A model is a folder, an address, or a name on the hub; everything else is a file of rows. */
async function isModel(input: string): Promise<boolean> {
  if (isHubName(input) || /^https?:\/\//.test(input)) return true;
  if (input === "-") return false;
  try {
    return (await files.stat(input)).isDirectory;
  } catch {
    return false; // reading it says what is wrong
  }
}

function checkInputs(inputs: readonly string[], hasModel: boolean): void {
  if (hasModel && inputs.length !== 2) {
    throw new AssayError(
      "cli/usage",
      `Cannot audit the model ${inputs[0]}: expected one file of rows after it, found ${
        inputs.length - 1
      }`,
    );
  }
  if (inputs.filter((input) => input === "-").length > 1) {
    throw new AssayError("cli/usage", "Cannot audit: standard input can be one model only");
  }
}

/** The flags that were given, as they can be typed again. */
function flagsGiven(command: Command): string[] {
  return command.options.flatMap((option) => {
    const name = option.attributeName();
    if (command.getOptionValueSource(name) !== "cli") return [];
    const value: unknown = command.getOptionValue(name);
    const flag = option.long ?? option.flags;
    if (value === true || value === false) return [flag];
    const values = value instanceof Map
      ? [...value].map(([from, to]) => `${from}=${to}`)
      : Array.isArray(value)
      ? value.map(String)
      : [String(value)];
    return values.flatMap((each) => [flag, each]);
  });
}

/** What every model is worth, and where the rest stands. */
async function tell(
  report: AuditReport,
  { output: folder, format }: AuditFlags,
  output: Output,
): Promise<void> {
  const isTable = (format ?? (output.stdout.isTerminal ? "table" : "jsonl")) === "table";
  for (const { name, rows, summary } of report.models) {
    if (rows.firstFailure !== undefined) {
      output.rowFailed();
      const { code, message } = rows.firstFailure;
      await output.warn(
        `${rows.failed} of ${rows.read} rows of ${name} are left out. The first: ${message} [${code}]`,
      );
    }
    await output.writeText(
      isTable
        ? `${name}\n${summary.map(({ about, text }) => `  ${about}: ${text}\n`).join("")}`
        : `${
          JSON.stringify({
            model: name,
            rows,
            summary: Object.fromEntries(summary.map(({ about, text }) => [about, text])),
          })
        }\n`,
    );
  }
  await output.note(`${folder}/audit.html and ${folder}/audit.json are written`);
}
