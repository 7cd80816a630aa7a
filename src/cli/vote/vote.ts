import { Command, Option } from "commander";
import type { RowFormat } from "../../data/rows.ts";
import type { RowWriter } from "../../data/write_rows.ts";
import { AssayError } from "../../error.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import type { VoteSummary } from "../../tasks/vote/vote_summary.ts";
import { type OpenVoter, openVoter, type VoterSpec } from "../../tasks/vote/voter_source.ts";
import { type CountOptions, voteFiles, voteModels, type Votes } from "../../tasks/vote/votes.ts";
import type { JoinBy } from "../../voting/join_voters.ts";
import { drawStrengths, plotPage } from "../../voting/strength_plot.ts";
import type { Vote } from "../../voting/tally.ts";
import { adapterDtypeOf, type AdapterFlags, addAdapterFlags } from "../adapter_options.ts";
import {
  delimiterOption,
  formatOption,
  inputFormatOption,
  outputFileOption,
} from "../arguments.ts";
import { bestOfOption, largestOf } from "../best_of_options.ts";
import { checkOutputs } from "../check_outputs.ts";
import { allFromHub } from "../from_hub.ts";
import { listenForInterrupt } from "../interrupt.ts";
import { addHeadFlags } from "../head_options.ts";
import { addModelFlags, loadOptions, type ModelFlags, modelMeaning } from "../model_options.ts";
import { Output } from "../output.ts";
import { type ProgressBar, progressBar } from "../progress_bar.ts";
import { rowOutput } from "../row_output.ts";
import { addTallyFlags, type TallyFlags, tallyOptions } from "./vote_options.ts";
import { goldLines, summaryLine, voteTable } from "./vote_report.ts";
import { isPermitted } from "../../runtime/permissions.ts";

interface VoteFlags extends TallyFlags, ModelFlags, AdapterFlags {
  readonly model?: readonly string[] | undefined;
  readonly heads?: string | undefined;
  readonly cache: string | false;
  readonly join: JoinBy;
  readonly column: string;
  readonly explain?: true | undefined;
  readonly plot?: string | undefined;
  readonly summary?: string | undefined;
  readonly quality?: string | undefined;
  readonly bestOf?: number | undefined;
  readonly format: "jsonl" | "table";
  readonly output?: string | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Puts the scores of several reward models together.",
  "INPUT is one file of scores per voter, with the columns that score writes (pairs: chosen_score " +
  "and rejected_score; single rows: score; candidates: scores), from any tool. Rows are matched by " +
  "id where every row has one of its own, by subset and id where ids repeat between subsets, else by " +
  "their order, which is said. Ids, subsets and texts that two files both have must agree. With --model, INPUT is one file of " +
  "rows, which every voter scores first; scores are kept in a cache, so that a run that was " +
  "interrupted goes on where it stopped, and one more voter costs one scoring.",
  "Rows come out as in the first file. A pair gets the aggregates chosen_score, rejected_score and " +
  "margin, and strength_mean, strength_std, vote_share, target_probability, category, disagreement " +
  "and voters; a single row score, disagreement and voters; candidates scores, best, disagreement " +
  "and voters. A voter without a score for a row takes no part in its vote.",
].join("\n\n");

/** Names of a score cache's files. */
const cacheFiles = /-[0-9a-f]{16}\.jsonl$/;

const examples = `
Examples:
  assay vote a.jsonl b.jsonl c.jsonl --plot strengths.svg > voted.jsonl
  assay vote a.jsonl b.jsonl --aggregate lcb --normalize std --output voted.parquet
  assay vote a.jsonl b.jsonl --quality gold --summary curves.json > voted.jsonl
  assay vote --model ./rm-1 --model ./rm-2 --model ./rm-3 pairs.jsonl > voted.jsonl
  assay vote --model ./demo --heads ./demo/voters.safetensors pairs.jsonl > voted.jsonl

Exit status: 0 all rows fine, 1 some rows failed (each has an error), 2 nothing could run.`;

/**
 * `assay vote`: preference strength, votes and committees' choices.
 *
 * @param output Where output goes.
 * @param open Finds the reward models of voters.
 */
export function voteCommand(
  output: Output = Output.system(),
  open: OpenVoter = openVoter,
): Command {
  const command = new Command("vote")
    .summary("put the scores of several reward models together")
    .description(description)
    .argument("[inputs...]", "files of scores, one per voter; with --model, one file of rows")
    .option("--model <model>", `a voter (repeatable): ${modelMeaning}`, collect);
  addAdapterFlags(command, "LoRA adapter of a voter, on the one --model (repeatable)")
    .option("--heads <file>", "linear heads on the one --model (voters.weight), in one pass")
    .option("--cache <folder>", "where scores are kept", ".cache/assay/votes")
    .option("--no-cache", "score everything again, and keep nothing")
    .addOption(
      new Option("--join <how>", "how rows of different files are matched")
        .choices(["auto", "id", "order"]).default("auto"),
    )
    .option("--column <name>", "what files call a score, for example calibrated_score", "score")
    .option("--explain", "add what each voter said: margins, or voter_scores")
    .option("--plot <file>", "draw the strengths: .svg or .html")
    .option("--summary <file>", "write counts, voters, categories and groups as JSON")
    .option(
      "--quality <column>",
      "a gold quality per candidate: tells the quality of the best of n by each aggregation and voter",
    )
    .addOption(bestOfOption());
  addTallyFlags(command)
    .addOption(formatOption())
    .addOption(outputFileOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return addHeadFlags(addModelFlags(command)).action(
    async (inputs: readonly string[], flags: VoteFlags) => {
      checkUsage(inputs, flags);
      await checkOutputs({
        inputs: [...inputs, ...flags.model ?? [], ...flags.adapter ?? [], flags.heads],
        outputs: [flags.output, flags.summary, flags.plot],
        folders: flags.model && flags.cache !== false
          ? [{ path: flags.cache, writes: cacheFiles }]
          : [],
      });
      const isAsked = command.getOptionValueSource("cache") !== "default";
      const cache = isAsked || mayWrite(flags.cache) ? flags.cache : false;
      await vote(inputs, { ...flags, cache }, output, open);
    },
  );
}

/** Whether the default cache can be kept without asking for a permission. */
function mayWrite(folder: string | false): boolean {
  if (folder === false) return false;
  return isPermitted("read", folder) && isPermitted("write", folder);
}

function checkUsage(inputs: readonly string[], flags: VoteFlags): void {
  const { model = [], adapter = [] } = flags;
  const hasMembers = adapter.length > 0 || flags.heads !== undefined;
  const problems: readonly (readonly [isWrong: boolean, problem: string])[] = [
    [model.length === 0 && hasMembers, "--adapter and --heads need the --model they belong to"],
    [model.length > 1 && hasMembers, `--adapter and --heads belong to one --model, found several`],
    [adapter.length > 0 && flags.heads !== undefined, "--adapter and --heads can't be combined"],
    [
      model.length === 0 && inputs.length === 0,
      "expected files of scores, or --model and a file of rows, found neither",
    ],
    [
      model.length > 0 && inputs.length > 1,
      `with --model, expected one file of rows, found ${inputs.length}`,
    ],
    [inputs.filter((input) => input === "-").length > 1, "standard input can be one voter only"],
  ];
  const problem = problems.find(([isWrong]) => isWrong)?.[1];
  if (problem !== undefined) throw new AssayError("cli/usage", `Cannot vote: ${problem}`);
  if (flags.plot !== undefined && !/\.(svg|html)$/i.test(flags.plot)) {
    throw new AssayError(
      "cli/usage",
      `Cannot draw a plot: expected a file that ends in .svg or .html, found ${flags.plot}`,
    );
  }
}

async function vote(
  inputs: readonly string[],
  flags: VoteFlags,
  output: Output,
  open: OpenVoter,
): Promise<void> {
  using bar = progressBar(output);
  const { groups, quality } = flags;
  const counting = { ...tallyOptions(flags), groups, quality, bestOf: largestOf(flags) };
  const counted = flags.model === undefined
    ? await voteFiles(inputs, {
      ...counting,
      format: flags.inputFormat,
      delimiter: flags.delimiter,
      join: flags.join,
      column: flags.column,
      onNote: (message) => output.note(message),
      onBytes: (file, read, byteLength) => bar.update(`reading ${file}`, read, byteLength),
    })
    : await letModelsVote(inputs[0] ?? "-", flags, counting, output, open, bar);
  const { votes, summary } = counted;
  if (votes.length === 0) await output.note(`${inputs[0] ?? "standard input"} has no rows`);
  await warnAbout(summary, output);
  await writeRows(counted, flags, output, bar);
  if (flags.summary !== undefined) {
    await writeTextFile(flags.summary, `${JSON.stringify(summary, null, 2)}\n`);
  }
  if (flags.plot !== undefined) await plot(flags.plot, votes, flags.groups, output);
  bar[Symbol.dispose]();
  await output.note(summaryLine(summary));
  for (const line of goldLines(summary)) await output.note(line);
}

async function letModelsVote(
  input: string,
  flags: VoteFlags,
  counting: CountOptions,
  output: Output,
  open: OpenVoter,
  bar: ProgressBar,
): Promise<Votes> {
  using interrupt = listenForInterrupt();
  const rows = await openRows(input, { format: flags.inputFormat, delimiter: flags.delimiter });
  const { signal } = interrupt;
  const model = await allFromHub(flags.model, output, bar, signal);
  const adapter = await allFromHub(flags.adapter, output, bar, signal);
  return await voteModels(rows, voterSpecs({ ...flags, model, adapter }), {
    ...counting,
    open,
    cache: flags.cache === false ? undefined : flags.cache,
    load: loadOptions(flags, output, bar),
    onProgress: (voter, done, total) => bar.update(`scoring with ${voter}`, done, total),
    onNote: (message) => output.note(message),
    signal,
  });
}

function voterSpecs(flags: VoteFlags): VoterSpec[] {
  const { model: models = [], adapter: adapters = [], heads } = flags;
  const [only] = models;
  if (adapters.length === 0) return models.map((model) => ({ model, heads }));
  const adapterDtype = adapterDtypeOf(flags);
  return adapters.map((adapter) => ({ model: only!, adapter, adapterDtype }));
}

async function writeRows(
  { votes, rows }: Votes,
  flags: VoteFlags,
  output: Output,
  bar: ProgressBar,
): Promise<void> {
  const writer: RowWriter = await rowOutput(output, flags, voteTable);
  let done = 0;
  for await (const { row, failed } of rows({ explain: flags.explain })) {
    if (failed) output.rowFailed();
    await writer.write(row);
    bar.update("writing votes", ++done, votes.length);
  }
  await writer.close();
}

async function warnAbout(summary: VoteSummary, output: Output): Promise<void> {
  for (const { name, missing } of summary.voters) {
    if (missing > 0) {
      await output.warn(
        `${name} has no finite score for ${missing} of its rows: it takes no part in those votes`,
      );
    }
  }
  const spreads = summary.voters.flatMap(({ margin_std }) => margin_std ?? []).filter((s) => s > 0);
  const [least, most] = [Math.min(...spreads), Math.max(...spreads)];
  if (summary.normalize === "none" && spreads.length > 1 && most > 3 * least) {
    await output.warn(
      `one voter's margins spread ${
        (most / least).toFixed(1)
      } times as far as another's and weigh ` +
        "as much more; --normalize std gives all the same weight",
    );
  }
}

async function plot(
  file: string,
  votes: readonly Vote[],
  groups: number,
  output: Output,
): Promise<void> {
  const pairs = votes.flatMap((vote) =>
    vote.kind === "pair"
      ? [{ mean: vote.strength.mean, std: vote.strength.std, category: vote.category }]
      : []
  );
  if (!pairs.some(({ mean }) => Number.isFinite(mean))) {
    await output.warn(`no pair has a strength: ${file} was not drawn`);
    return;
  }
  const svg = await drawStrengths(pairs, groups);
  const isPage = /\.html$/i.test(file);
  await writeTextFile(file, isPage ? plotPage(svg, "Preference strength") : svg);
}

function collect(value: string, values: readonly string[] = []): readonly string[] {
  return [...values, value];
}
