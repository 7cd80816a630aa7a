import { Command } from "commander";
import type { Row, RowFormat } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { curateRows, type Curation, type CurationSummary } from "../../tasks/curate/curate_rows.ts";
import type { PriorSettings, Similarity } from "../../tasks/curate/curated_set.ts";
import {
  embeddingSimilarity,
  tokenSimilarity,
  wordSimilarity,
} from "../../tasks/curate/response_similarity.ts";
import { undoCuration } from "../../tasks/curate/undo_curation.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { priorConstraints } from "../../voting/prior_constraint.ts";
import {
  delimiterOption,
  formatOption,
  inputFormatOption,
  outputFileOption,
} from "../arguments.ts";
import { checkOutputs } from "../check_outputs.ts";
import { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { rowFile, rowOutput, type RowTable } from "../row_output.ts";
import { rounded } from "../table.ts";
import {
  addRecipeFlags,
  categoryBounds,
  curationOptions,
  type RecipeFlags,
  type SimilarityKind,
} from "./curate_options.ts";
import {
  addSampleFlags,
  checkSampleFlags,
  curateSamples,
  type SampleFlags,
} from "./sample_flags.ts";

interface CurateFlags extends RecipeFlags, SampleFlags {
  readonly similarity: SimilarityKind;
  readonly undo?: true | undefined;
  readonly dropped?: string | undefined;
  readonly summary?: string | undefined;
  readonly format: "jsonl" | "table";
  readonly output?: string | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

const description = [
  "Mends a preference set by its strengths.",
  "INPUT is a file of pairs as vote writes them (with one voter, as score does). Rows come out in " +
  "TRL's layout (prompt, chosen, rejected, margin, label_smoothing, …), ready to train on, with what " +
  "was done to each: action (keep, flip, drop, soften), flipped, source_row. A margin of scores is " +
  "renamed score_margin. Dropped rows, and rows that are no pairs, go to the file of --dropped. " +
  "--undo makes the input's rows again of both files: the same columns and values, though not their " +
  "spelling (spaces, escapes, 1.0 for 1).",
  'Recipes: flip, margin, flip-margin and soft-label-margin, the four of "Secrets of RLHF" part II; ' +
  "drop, soft-label (1 - target_probability) and label-smoothing, its treatments one by one; " +
  "prior-margin (PCRM: margin_cap from the responses' similarity) and goal (each pair twice, asking " +
  "for each response's quality).",
  "--samples makes pairs of a policy's samples (rows of prompt and responses): they are grouped by what " +
  "they say, and where the largest group has a large share, one of it is chosen and one of the others " +
  "rejected, with label_smoothing = 1 - that share.",
].join("\n\n");

const examples = `
Examples:
  assay curate voted.jsonl --recipe flip-margin > train.jsonl
  assay curate voted.jsonl --recipe drop --drop incorrect,ambiguous --dropped dropped.jsonl > train.jsonl
  assay curate --samples sampled.jsonl --confidence 0.6 > synthetic.jsonl
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
  addSampleFlags(addRecipeFlags(command))
    .addOption(formatOption())
    .addOption(outputFileOption())
    .addOption(inputFormatOption())
    .addOption(delimiterOption())
    .addHelpText("after", examples);
  return command.action(async (inputs: readonly string[], flags: CurateFlags) => {
    const sources = inputs.length === 0 ? ["-"] : inputs;
    checkSampleFlags(flags, sources.length);
    await checkOutputs({
      inputs: [...sources, flags.tokenizer],
      outputs: [flags.output, flags.dropped, flags.summary],
    });
    if (flags.samples) await curateSamples(sources[0]!, flags, output);
    else if (flags.undo) await undo(sources, flags, output);
    else await curate(sources, flags, output);
  });
}

async function undo(
  inputs: readonly string[],
  flags: CurateFlags,
  output: Output,
): Promise<void> {
  const writer = await rowOutput(output, flags, curateTable);
  let written = 0;
  for await (
    const undone of undoCuration(inputs, { format: flags.inputFormat, delimiter: flags.delimiter })
  ) {
    if (undone.row !== undefined) {
      await writer.write(undone.row);
      written++;
      continue;
    }
    const { line, input, error } = undone;
    await output.warn(`line ${line} of ${input}: ${error.message} [${error.code}]`);
    output.rowFailed();
  }
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
        ? "Cannot curate: expected --recipe (or --samples, or --undo), found none"
        : `Cannot curate: expected one file of pairs, found ${inputs.length}`,
    );
  }
  using bar = progressBar(output);
  const rows = await openRows(inputs[0]!, {
    format: flags.inputFormat,
    delimiter: flags.delimiter,
  });
  const prior = recipe === "prior-margin" ? await priorSettings(flags) : undefined;
  bar.update("reading strengths", 0, undefined);
  const { goalPlacement, goalScale } = flags;
  const options = curationOptions(flags);
  const bounds = categoryBounds(flags);
  const settings = { ...options, bounds, prior, goalPlacement, goalScale };
  const curation = await curateRows(rows, recipe, settings);
  await writeCurated(curation, flags, output);
  const summary = curation.summary();
  if (flags.summary !== undefined) {
    const text = JSON.stringify({ recipe, options, ...summary }, null, 2);
    await writeTextFile(flags.summary, `${text}\n`);
  }
  bar[Symbol.dispose]();
  await report(summary, flags, output);
}

async function priorSettings(flags: CurateFlags): Promise<PriorSettings> {
  const name = flags.similarity === "embedding" ? "tldr-cosine" : "tldr-length";
  const constraint = flags.constraint ?? priorConstraints[name];
  return { similarity: await similarityOf(flags), constraint };
}

/** @throws {AssayError} `cli/usage` where tokens are asked for without a tokenizer. */
async function similarityOf({ similarity, tokenizer }: CurateFlags): Promise<Similarity> {
  if (similarity === "embedding") return embeddingSimilarity;
  if (tokenizer !== undefined) return await tokenSimilarity(tokenizer);
  if (similarity === "words") return wordSimilarity;
  throw new AssayError(
    "cli/usage",
    "Cannot count tokens: expected --tokenizer with the folder of a checkpoint, found none",
  );
}

/** Writes the set, and what is left out of it where that has a file. */
async function writeCurated(curation: Curation, flags: CurateFlags, output: Output): Promise<void> {
  const writer = await rowOutput(output, flags, curateTable);
  const dropped = flags.dropped === undefined ? undefined : await rowFile(flags.dropped, output);
  let failures = 0;
  for await (const { row, kept, line, error } of curation.rows()) {
    if (error !== undefined) {
      output.rowFailed();
      if (++failures <= 5) {
        await output.warn(`line ${line} left out: ${error.message} [${error.code}]`);
      }
    }
    await (kept ? writer : dropped)?.write(row);
  }
  await writer.close();
  await dropped?.close();
}

/** How `assay curate --format table` shows a row. */
const curateTable: RowTable = {
  header: ["source row#", "id", "action", "strength#", "margin#", "smoothing#", "category"],
  line(row: Row): readonly string[] {
    return [
      row.source_row === undefined ? "" : String(row.source_row),
      row.id === undefined ? "" : String(row.id).slice(0, 24),
      typeof row.action === "string" ? row.action : "",
      rounded(row.strength_mean),
      rounded(row.margin),
      rounded(row.label_smoothing),
      typeof row.category === "string" ? row.category : "",
    ];
  },
};

async function report(
  { failed, ...counts }: CurationSummary,
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
