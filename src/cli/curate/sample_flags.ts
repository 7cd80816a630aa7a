import { type Command, Option } from "commander";
import { AssayError } from "../../error.ts";
import type { RowFormat } from "../../data/rows.ts";
import { pairsFromSamples, type SamplePairOptions } from "../../tasks/curate/sample_pairs.ts";
import { openRows } from "../../tasks/repeatable_rows.ts";
import { writeTextFile } from "../../tasks/text_file.ts";
import { seedArgument } from "../fit/fit_flags.ts";
import type { Output } from "../output.ts";
import { progressBar } from "../progress_bar.ts";
import { rowFile, rowOutput, type RowTable } from "../row_output.ts";
import { rounded } from "../table.ts";
import { numberArgument } from "../vote/vote_options.ts";
import type { SimilarityKind } from "./curate_options.ts";

/** The flags of pairs that are made of samples. */
export interface SampleFlags {
  readonly samples?: true | undefined;
  readonly similarity: SimilarityKind;
  readonly alike?: number | undefined;
  readonly confidence?: number | undefined;
  readonly pick?: "random" | "score" | undefined;
  readonly seed?: number | undefined;
}

/** What else is written, and how. */
interface SampleOutputs {
  readonly dropped?: string | undefined;
  readonly summary?: string | undefined;
  readonly format: "jsonl" | "table";
  readonly output?: string | undefined;
  readonly inputFormat?: RowFormat | undefined;
  readonly delimiter?: string | undefined;
}

/** Adds the flags of {@linkcode SampleFlags} to a command. */
export function addSampleFlags(command: Command): Command {
  return command
    .option("--samples", "make pairs of a policy's samples: rows of prompt and responses")
    .option(
      "--alike <x>",
      "with --samples: similarity from which two say the same (default: 0.5 of words, 0.8 of embeddings)",
      numberArgument,
    )
    .option(
      "--confidence <x>",
      "with --samples: least share of the largest group for a pair (default: 0.5)",
      numberArgument,
    )
    .addOption(
      new Option(
        "--pick <how>",
        "with --samples: random ones (the default), or by scores the best of the group and the worst of the others",
      ).choices(["random", "score"]),
    )
    .option("--seed <n>", "with --samples: seed of the choice (default: 0)", seedArgument);
}

/**
 * Refuses flags of samples without `--samples`, and what `--samples` has no use for.
 *
 * @throws {AssayError} `cli/usage`.
 */
export function checkSampleFlags(
  flags: SampleFlags & { readonly recipe?: string | undefined; readonly undo?: true | undefined },
  inputs: number,
): void {
  const { samples, alike, confidence, pick, seed, recipe, undo, similarity } = flags;
  const own = Object.entries({ alike, confidence, pick, seed })
    .filter(([, value]) => value !== undefined).map(([name]) => `--${name}`);
  const problem = samples === undefined
    ? own.length > 0 ? `--samples with ${own.join(", ")}, found none` : undefined
    : recipe !== undefined || undo
    ? `--samples alone, found it with ${undo ? "--undo" : "--recipe"}`
    : similarity === "tokens"
    ? "--similarity words or embedding with --samples: numbers of tokens don't tell what is said"
    : inputs !== 1
    ? `one file of samples, found ${inputs}`
    : undefined;
  if (problem !== undefined) {
    throw new AssayError("cli/usage", `Cannot make pairs of samples: expected ${problem}`);
  }
}

const sampleTable: RowTable = {
  header: ["source row#", "id", "confidence#", "groups", "chosen#", "rejected#"],
  line: (row) => [
    String(row.source_row),
    row.id === undefined ? "" : String(row.id).slice(0, 24),
    rounded(row.confidence),
    (row.group_sizes as readonly number[]).slice(0, 8).join(" "),
    String(row.chosen_sample),
    String(row.rejected_sample),
  ],
};

/**
 * Makes pairs of the samples of a file, and writes them.
 *
 * @param input The file.
 * @param flags How, and where to.
 * @param output The command's output.
 */
export async function curateSamples(
  input: string,
  flags: SampleFlags & SampleOutputs,
  output: Output,
): Promise<void> {
  using bar = progressBar(output);
  const { inputFormat: format, delimiter } = flags;
  const rows = await openRows(input, { format, delimiter });
  const options: SamplePairOptions = {
    similarity: flags.similarity === "embedding" ? "embedding" : "words",
    alike: flags.alike,
    confidence: flags.confidence,
    pick: flags.pick,
    seed: flags.seed,
  };
  const counts = { rows: 0, pairs: 0, unsure: 0, tied: 0, alike: 0, failed: 0 };
  const pairs = pairsFromSamples(rows.read(), options);
  const first = await pairs.next(); // an option that is none is refused before a file is opened
  const writer = await rowOutput(output, flags, sampleTable);
  const dropped = flags.dropped === undefined ? undefined : await rowFile(flags.dropped, output);
  for (let next = first; !next.done; next = await pairs.next()) {
    const { row, left, line, error } = next.value;
    bar.update("rows read", ++counts.rows, undefined);
    if (error !== undefined) {
      output.rowFailed();
      if (++counts.failed <= 5) {
        await output.warn(`line ${line} left out: ${error.message} [${error.code}]`);
      }
    } else counts[left ?? "pairs"]++;
    await (error === undefined && left === undefined ? writer : dropped)?.write(row);
  }
  await writer.close();
  await dropped?.close();
  bar[Symbol.dispose]();
  if (flags.summary !== undefined) {
    await writeTextFile(flags.summary, `${JSON.stringify({ options, ...counts }, null, 2)}\n`);
  }
  await output.note(
    `${counts.pairs} pairs of ${counts.rows} prompts; without one ${counts.unsure} whose largest group is ` +
      `too small, ${counts.tied} with two as large, ${counts.alike} whose samples all say the same` +
      (counts.failed > 0 ? `; ${counts.failed} rows left out` : ""),
  );
}
