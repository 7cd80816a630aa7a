import { Command } from "commander";
import { readRows } from "../../data/read_rows.ts";
import type { ReadRow, RowFormat } from "../../data/rows.ts";
import { type RowWriter, writeRowFile } from "../../data/write_rows.ts";
import { AssayError } from "../../error.ts";
import { PRIOR_CONSTRAINTS } from "../../voting/prior_constraint.ts";
import { formatOption, inputFormatOption, outputFileOption } from "../arguments.ts";
import {
  addRecipeFlags,
  categoryBounds,
  type CurateRecipe,
  curationOptions,
  type RecipeFlags,
} from "./curate_options.ts";
import {
  type CuratedSet,
  curateSet,
  failedRow,
  knownPair,
  type Similarity,
  withCategories,
} from "../../tasks/curate/curated_set.ts";
import { openSimilarity } from "../../tasks/curate/response_similarity.ts";
import { curateTable } from "./curate_table.ts";
import { undoCuration } from "../../tasks/curate/undo_curation.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { rowOutput } from "../row_output.ts";
import { checkOutputs, writeTextFile } from "../check_outputs.ts";

interface CurateFlags extends RecipeFlags {
  readonly undo?: true;
  readonly dropped?: string;
  readonly summary?: string;
  readonly format: "jsonl" | "table";
  readonly output?: string;
  readonly inputFormat?: RowFormat;
}

const description = [
  "Mends a preference set by its strengths.",
  "INPUT is a file of pairs as vote writes them (with one voter, as score does). Rows come out in " +
  "TRL's layout (prompt, chosen, rejected, margin, label_smoothing, …), ready to train on, with what " +
  "was done to each: action (keep, flip, drop, soften), flipped, source_row. A margin of scores is " +
  "renamed score_margin. Dropped rows, and rows that are no pairs, go to the file of --dropped. " +
  "--undo makes the input again of both files.",
  'Recipes: flip, margin, flip-margin and soft-label-margin, the four of "Secrets of RLHF" part II; ' +
  "drop, soft-label (1 - target_probability) and label-smoothing, its treatments one by one; " +
  "prior-margin (PCRM: margin_cap from the responses' similarity) and goal (each pair twice, asking " +
  "for each response's quality).",
].join("\n\n");

const examples = `
Examples:
  assay curate voted.jsonl --recipe flip-margin > train.jsonl
  assay curate voted.jsonl --recipe drop --drop incorrect,ambiguous --dropped dropped.jsonl > train.jsonl
  assay curate --undo train.jsonl dropped.jsonl > voted.jsonl
  assay vote a.jsonl b.jsonl c.jsonl | assay curate --recipe soft-label --output train.parquet

Exit status: 0 all rows fine, 1 some rows failed and were left out, 2 nothing could run.`;

/**
 * `assay curate`: a cleaned preference set from preference strengths.
 *
 * @param output Where output goes.
 */
export function curateCommand(output: Output = Output.system()): Command {
  const command = new Command("curate")
    .summary("mend a preference set by its strengths")
    .description(description)
    .argument("[inputs...]", 'file of pairs; "-" or nothing is standard input')
    .option("--undo", "make the rows again that a curated file was made from")
    .option("--dropped <file>", "write rows that are left out")
    .option("--summary <file>", "write counts, and which rows were flipped and dropped, as JSON");
  addRecipeFlags(command)
    .addOption(formatOption())
    .addOption(outputFileOption())
    .addOption(inputFormatOption())
    .addHelpText("after", examples);
  return command.action(async (inputs: readonly string[], flags: CurateFlags) => {
    const sources = inputs.length === 0 ? ["-"] : inputs;
    await checkOutputs(sources, [flags.output, flags.dropped, flags.summary]);
    if (flags.undo) await undo(sources, flags, output);
    else await curate(sources, flags, output);
  });
}

async function undo(
  inputs: readonly string[],
  flags: CurateFlags,
  output: Output,
): Promise<void> {
  const writer = await rowOutput(output, flags, curateTable);
  const written = await undoCuration(inputs, flags.inputFormat, writer, output);
  await writer.close();
  await output.note(`${written} rows as they were`);
}

async function curate(
  inputs: readonly string[],
  flags: CurateFlags,
  output: Output,
): Promise<void> {
  const { recipe } = flags;
  if (recipe === undefined || inputs.length !== 1) {
    throw new AssayError(
      "cli/usage",
      recipe === undefined
        ? "Cannot curate: expected --recipe (or --undo), found neither"
        : `Cannot curate: expected one file of pairs, found ${inputs.length}`,
    );
  }
  using bar = progressBar(output);
  const [input = "-"] = inputs;
  const kept = input === "-" ? await Array.fromAsync(readRows(input, rowFormat(flags))) : undefined;
  const rows = () => kept ?? readRows(input, rowFormat(flags));
  const prior = recipe === "prior-margin"
    ? {
      similarity: await openSimilarity(flags),
      constraint: flags.constraint ??
        PRIOR_CONSTRAINTS[flags.similarity === "embedding" ? "tldr-cosine" : "tldr-length"],
    }
    : undefined;
  bar.update("reading strengths", 0, undefined);
  const known = await readPairs(rows(), prior?.similarity);
  const pairs = withCategories(
    known.flatMap((pair) => pair instanceof AssayError ? [] : [pair]),
    categoryBounds(flags),
  );
  const set = curateSet(pairs, recipe, flags, prior);
  const writer = await rowOutput(output, flags, curateTable);
  const dropped = flags.dropped === undefined ? undefined : await writeRowFile(flags.dropped);
  const failed = await writeCurated(rows(), known, set, writer, dropped, output);
  await writer.close();
  await dropped?.close();
  if (flags.summary !== undefined) {
    await writeTextFile(flags.summary, summaryText(recipe, flags, set, known, failed));
  }
  bar[Symbol.dispose]();
  await report(set, failed, flags, output);
}

type Known = ReturnType<typeof knownPair> | AssayError;

function rowFormat({ inputFormat }: CurateFlags): { format?: RowFormat } {
  return inputFormat === undefined ? {} : { format: inputFormat };
}

/** What each row says of its pair, or why it is none. */
async function readPairs(
  rows: Iterable<ReadRow> | AsyncIterable<ReadRow>,
  similarity: Similarity | undefined,
): Promise<Known[]> {
  const known: Known[] = [];
  for await (const { row, error } of rows) {
    try {
      if (row === undefined) throw error;
      const pair = knownPair(row);
      similarity?.(row); // a row that can't be compared is left out before the others are counted
      known.push(pair);
    } catch (cause) {
      if (!(cause instanceof AssayError)) throw cause;
      known.push(cause);
    }
  }
  return known;
}

/** Writes the rows; returns how many are no pairs. */
async function writeCurated(
  rows: Iterable<ReadRow> | AsyncIterable<ReadRow>,
  known: readonly Known[],
  set: CuratedSet,
  writer: RowWriter,
  dropped: RowWriter | undefined,
  output: Output,
): Promise<number> {
  let source = 0;
  let pair = 0;
  let failed = 0;
  for await (const item of rows) {
    const state = known[source++];
    const place = state instanceof AssayError ? undefined : pair++;
    try {
      if (state instanceof AssayError || item.row === undefined) throw state ?? item.error;
      const target = set.curated[place!]!.action === "drop" ? dropped : writer;
      for (const row of set.rowsOf(item.row, place!, source - 1)) await target?.write(row);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      failed++;
      output.rowFailed();
      if (failed <= 5) {
        await output.warn(`line ${item.line} left out: ${error.message} [${error.code}]`);
      }
      await dropped?.write({ ...failedRow(item, error), source_row: source - 1 });
    }
  }
  return failed;
}

function summaryText(
  recipe: CurateRecipe,
  flags: CurateFlags,
  set: CuratedSet,
  known: readonly Known[],
  failed: number,
): string {
  const sources = known.flatMap((pair, source) => pair instanceof AssayError ? [] : [source]);
  const of = (action: string) =>
    set.curated.flatMap((pair, index) => pair.action === action ? [sources[index]!] : []);
  const summary = {
    recipe,
    options: curationOptions(flags),
    rows: known.length,
    failed,
    ...set.counts,
    flipped_rows: of("flip"),
    dropped_rows: of("drop"),
  };
  return `${JSON.stringify(summary, null, 2)}\n`;
}

async function report(
  { counts }: CuratedSet,
  failed: number,
  flags: CurateFlags,
  output: Output,
): Promise<void> {
  if (counts.pairs === 0 && failed === 0) await output.note("the input has no rows");
  const { actions } = counts;
  const parts = [`${counts.pairs} pairs`, `${actions.flip} flipped`, `${actions.drop} dropped`];
  if (actions.soften > 0) parts.push(`${actions.soften} softened`);
  if (counts.unscored > 0) parts.push(`${counts.unscored} without a strength`);
  if (counts.relabelled !== undefined) parts.push(`${counts.relabelled} relabelled with goals`);
  if (failed > 0) parts.push(`${failed} rows left out`);
  if (actions.drop + failed > 0 && flags.dropped === undefined) {
    parts.push("not kept anywhere: --dropped FILE keeps what is left out");
  }
  await output.note(parts.join(", "));
}
