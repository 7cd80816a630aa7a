import { Command } from "commander";
import type { BytesRead } from "../../data/input_bytes.ts";
import type { ReadRow, RowFormat } from "../../data/rows.ts";
import type { RowWriter } from "../../data/write_rows.ts";
import { AssayError } from "../../error.ts";
import type { ProbeReport } from "../../probing/probe_report.ts";
import { Probe, type ProbeRunOptions } from "../../tasks/probe/probe.ts";
import { probeReportRows, probeSummary } from "../../tasks/probe/probe_report_rows.ts";
import { Skew } from "../../tasks/probe/skew_rows.ts";
import { type LoadScorer, openScorer, type ScorerSpec } from "../../tasks/score/open_scorer.ts";
import type { Scorer } from "../../tasks/score/scorer.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { type AdapterFlags, addAdapterFlags, modelSpec } from "../adapter_options.ts";
import {
  countArgument,
  delimiterOption,
  inputFormatOption,
  reportFormatOption,
} from "../arguments.ts";
import { wholeArgument } from "../calibrate/calibrate_flags.ts";
import { checkOutputs } from "../check_outputs.ts";
import { specFromHub } from "../from_hub.ts";
import { addHeadFlags } from "../head_options.ts";
import { startReading } from "../input_rows.ts";
import { type Interrupt, listenForInterrupt } from "../interrupt.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar, showWave } from "../progress_bar.ts";
import { rowFile } from "../row_output.ts";
import { loaderFor } from "../watched_loader.ts";
import { addImplicitFlags, type ImplicitFlags, implicitSpec } from "../score/implicit_options.ts";
import { addChangeFlags, type ChangeFlags, chosenChanges } from "./probe_options.ts";
import { writeReportRows } from "../report_output.ts";
import { tellFailures } from "./report_output.ts";
import { addSkewFlags, skewColumns, type SkewFlags, writeSkewReport } from "./skew_report.ts";
import { probeNotes, writeChangeList, writeProbeTable } from "./probe_table.ts";

interface ProbeFlags extends ModelFlags, ImplicitFlags, AdapterFlags, ChangeFlags, SkewFlags {
  readonly list?: true | undefined;
  readonly seed: number;
  readonly draws?: number | undefined;
  readonly summary?: string | undefined;
  readonly output?: string | undefined;
  readonly format?: "jsonl" | "table" | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Tells what changes that keep a text's meaning do to scores and preferences.",
  "INPUT is a file of rows, as assay score takes them: pairs, candidates, or single conversations " +
  '(which have no preferences to flip); "-" or nothing is standard input. Every row is scored as it ' +
  "is and with each change, in the response or in the prompt; rows that a change does nothing to are " +
  "counted, and left out of its figures.",
  "Of each change: the mean change of score, in standard deviations of the responses' scores, and the " +
  "share of preferences (the best response of a row against each other one) that flip where the loser " +
  "alone, the winner alone, or everything is changed; with intervals by bootstrap over prompts. The " +
  "change that moves scores most comes first, of those whose interval is clear of 0. Batches don't change bits, so no flip is noise.",
  "--skew takes pairs that differ in one trait only, and tells how often the trait wins, beside how " +
  "often people prefer it.",
].join("\n\n");

const examples = `
Examples:
  assay probe --list
  assay probe ./my-model pairs.jsonl --summary probe.json
  assay probe ./my-model pairs.jsonl --change again-1600 --change emoji --output changed.jsonl
  assay probe ./my-model counterfactuals.jsonl --skew
  assay probe ./my-model pairs.jsonl --no-standard --prefix "Certainly! " --names names.csv

Exit status: 0 all rows fine, 1 some rows could not be scored, 2 nothing could run.`;

/**
 * `assay probe`: what changes that keep meaning do to scores.
 *
 * @param output Where output goes.
 * @param load Loads the reward model.
 */
export function probeCommand(
  output: Output = Output.system(),
  load: LoadScorer = loaderFor(output),
): Command {
  const command = new Command("probe")
    .summary("tell what changes that keep meaning do to scores")
    .description(description)
    .argument("[model]", modelMeaning)
    .argument("[input]", "file of rows", "-")
    .option("--list", "list the changes and what each does");
  addSkewFlags(addChangeFlags(command))
    .option("--seed <number>", "seed of typos, filler and intervals", wholeArgument, 0)
    .option("--draws <count>", "draws of each interval (default: by the work)", countArgument)
    .option("--output <file>", "write every changed response with both scores")
    .option("--summary <file>", "save the report as JSON")
    .addOption(reportFormatOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  addAdapterFlags(addImplicitFlags(command), "LoRA adapter on the model");
  return addHeadFlags(addModelFlags(command)).action(
    async (model: string | undefined, input: string, flags: ProbeFlags) => {
      if (flags.list) await list(flags, output);
      else await probe(model, input, flags, output, load);
    },
  );
}

async function list(flags: ProbeFlags, output: Output): Promise<void> {
  const changes = await chosenChanges(flags);
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  if (format === "table") return await writeChangeList(changes, output);
  await writeReportRows(
    changes.map(({ name, kind, target, summary }) => ({ change: name, kind, target, summary })),
    output,
  );
}

async function probe(
  model: string | undefined,
  input: string,
  flags: ProbeFlags,
  output: Output,
  load: LoadScorer,
): Promise<void> {
  if (model === undefined) {
    throw new AssayError("cli/usage", "Cannot probe: expected a model and rows, found no model");
  }
  const spec: ScorerSpec = { ...modelSpec(model, flags), implicit: implicitSpec(flags) };
  await checkOutputs({
    inputs: [input, model, ...flags.adapter ?? [], flags.reference, flags.names, flags.paraphrases],
    outputs: [flags.summary, flags.output],
  });
  const work = flags.skew
    ? new Skew({ ...skewColumns(flags), seed: flags.seed })
    : new Probe({ changes: await chosenChanges(flags), seed: flags.seed, draws: flags.draws });
  using interrupt = listenForInterrupt();
  using bar = progressBar(output);
  const bytes: { last?: BytesRead } = {};
  const rows = await startReading(
    input,
    {
      format: flags.inputFormat,
      delimiter: flags.delimiter,
      onBytes: (read) => bytes.last = read,
    },
    output,
    bar,
    interrupt.signal,
  );
  if (rows === undefined) return;
  const { signal } = interrupt;
  const pinned = await specFromHub(spec, output, bar, signal);
  using scorer = await openScorer(pinned, { ...loadOptions(flags, output, bar), signal }, load);
  bar.clear();
  const writer = flags.output === undefined ? undefined : await rowFile(flags.output, output);
  await probeAll(work, rows, scorer, { writer, output, bar, interrupt, bytes });
  bar.clear();
  if (work instanceof Skew) await writeSkewReport(work.report(), flags, output);
  else await writeReport(work.report(), flags, output);
}

/** What a probe works with. */
interface Surroundings {
  readonly writer: RowWriter | undefined;
  readonly output: Output;
  readonly bar: ProgressBar;
  readonly interrupt: Interrupt;
  readonly bytes: { readonly last?: BytesRead };
}

/** Probes rows until they end, or until Ctrl-C. */
async function probeAll(
  work: Probe | Skew,
  rows: AsyncIterable<ReadRow>,
  scorer: Scorer,
  { writer, output, bar, interrupt, bytes }: Surroundings,
): Promise<void> {
  const { signal } = interrupt;
  let count = 0;
  try {
    const options: ProbeRunOptions = {
      signal,
      onProgress: (progress) => showWave(bar, progress),
    };
    for await (const probed of work.run(rows, scorer, options)) {
      count++;
      if (probed.failed) output.rowFailed();
      if (writer !== undefined) { for (const row of probed.changed()) await writer.write(row); }
      await interrupt.breathe();
      const { read, byteLength } = bytes.last ?? { read: 0, byteLength: undefined };
      if (byteLength === undefined) bar.update("rows probed", count, undefined);
      else bar.update("probing", read, byteLength);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
    await output.warn("interrupted: the rows that follow were not probed");
    output.rowFailed();
  } finally {
    await writer?.close();
  }
}

async function writeReport(
  report: ProbeReport,
  flags: ProbeFlags,
  output: Output,
): Promise<void> {
  const { noise } = report;
  await tellFailures(report, output);
  for (const { change, failed, firstFailure } of report.changes) {
    if (firstFailure === null) continue;
    const { code, message } = firstFailure;
    await output.warn(
      `${change} leaves ${failed} rows out, whose changed form has no score. The first: ${message} [${code}]`,
    );
  }
  if (noise.different > 0) {
    await output.warn(
      `${noise.different} of ${noise.repeated} responses that were scored twice got another number, ` +
        "which must not be: part of what follows is noise",
    );
  }
  if (flags.summary !== undefined) {
    await writeTextFile(flags.summary, JSON.stringify(probeSummary(report), null, 2) + "\n");
  }
  const format = flags.format ?? (output.stdout.isTerminal ? "table" : "jsonl");
  if (format === "table") await writeProbeTable(report, output);
  else await writeReportRows(probeReportRows(report), output);
  for (const note of probeNotes(report)) await output.note(note);
}
