import { Checkpoint } from "../../checkpoint/checkpoint.ts";
import { numbersInColumn } from "../../data/column_values.ts";
import { conversationsOfRow } from "../../data/row_conversations.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { ChatTokenizer } from "../../text/chat_tokenizer.ts";
import type { Conversation } from "../../text/conversation.ts";
import { cosineSimilarity, lengthRatio } from "../../voting/prior_constraint.ts";
import type { Similarity } from "./curated_set.ts";

/** Words, numbers and single marks: near enough to tokens where there is no tokenizer. */
const WORDS = /[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]/gu;

/**
 * Compares responses by their numbers of tokens, the shorter over the longer.
 *
 * @param path Folder of the checkpoint whose tokenizer counts; its weights are not read.
 * @throws {AssayError} What opening the checkpoint and its tokenizer throws.
 */
export async function tokenSimilarity(path: string): Promise<Similarity> {
  using checkpoint = await Checkpoint.open(path);
  const tokenizer = await ChatTokenizer.open(checkpoint, { maxTokens: Infinity });
  return (row) => {
    const [chosen, rejected] = pairOf(row).map((side) => tokenizer.tokenize(side).ids);
    return lengthRatio(chosen!, rejected!);
  };
}

/** Compares responses by their numbers of words, numbers and marks, the shorter over the longer. */
export function wordSimilarity(row: Row): number {
  const [chosen, rejected] = pairOf(row).map((side) =>
    side.flatMap(({ content }) => content.match(WORDS) ?? [])
  );
  return lengthRatio(chosen!, rejected!);
}

/** Compares responses by the cosine of `chosen_embedding` and `rejected_embedding`. */
export function embeddingSimilarity(row: Row): number {
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

function pairOf(row: Row): readonly Conversation[] {
  const shape = conversationsOfRow(row);
  if (shape.kind === "pair") return [shape.chosen, shape.rejected];
  throw new AssayError("voting/not-a-pair", `Cannot compare responses: expected a pair`);
}
