import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { numbersInColumn } from "../../data/column_values.ts";
import { conversationsOfRow } from "../../data/row_conversations.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ChatTokenizer } from "../../text/chat_tokenizer.ts";
import { cosineSimilarity, lengthRatio } from "../../voting/prior_constraint.ts";
import type { RecipeFlags } from "../../cli/curate/curate_options.ts";
import type { Similarity } from "./curated_set.ts";

/** Words, numbers and single marks: near enough to tokens where there is no tokenizer. */
const WORDS = /[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]/gu;

/**
 * The similarity that the flags ask for.
 *
 * @param flags The flags.
 * @throws {AssayError} `cli/usage` where tokens are asked for without a tokenizer, and what opening
 * the tokenizer throws.
 */
export async function openSimilarity(flags: RecipeFlags): Promise<Similarity> {
  if (flags.similarity === "embedding") return embeddingSimilarity;
  if (flags.similarity === "words" && flags.tokenizer === undefined) return wordSimilarity;
  if (flags.tokenizer === undefined) {
    throw new AssayError(
      "cli/usage",
      "Cannot count tokens: expected --tokenizer with the folder of a checkpoint, found none",
    );
  }
  const checkpoint = await Checkpoint.open(flags.tokenizer);
  const tokenizer = await ChatTokenizer.open(checkpoint, { maxTokens: Infinity });
  checkpoint[Symbol.dispose]();
  return (row) => {
    const [chosen, rejected] = pairOf(row).map((side) => tokenizer.tokenize(side).ids);
    return lengthRatio(chosen!, rejected!);
  };
}

function wordSimilarity(row: Row): number {
  const [chosen, rejected] = pairOf(row).map((side) =>
    side.flatMap(({ content }) => content.match(WORDS) ?? [])
  );
  return lengthRatio(chosen!, rejected!);
}

function embeddingSimilarity(row: Row): number {
  const [chosen, rejected] = ["chosen_embedding", "rejected_embedding"].map((column) => {
    const values = numbersInColumn(row, column);
    if (values !== undefined) return values.map((value) => value ?? NaN);
    throw new AssayError(
      "data/bad-row",
      `Cannot compare embeddings: expected the column ${column}`,
    );
  });
  return cosineSimilarity(chosen!, rejected!);
}

function pairOf(row: Row) {
  const shape = conversationsOfRow(row);
  if (shape.kind === "pair") return [shape.chosen, shape.rejected];
  throw new AssayError("voting/not-a-pair", `Cannot compare responses: expected a pair`);
}
