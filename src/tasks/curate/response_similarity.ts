import { numbersInColumn } from "../../data/column_values.ts";
import { conversationsOfRow } from "../../data/row_conversations.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { openAnyTokenizer } from "../../text/any_tokenizer.ts";
import type { Conversation } from "../../text/conversation.ts";
import { cosineSimilarity, lengthRatio } from "../../voting/prior_constraint.ts";
import { openTokenizerFolder } from "../tokenizer_folder.ts";
import type { Similarity } from "./curated_set.ts";

/** Words, numbers and single marks: near enough to tokens where there is no tokenizer. */
const wordsOfText = /[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]/gu;

/**
 * Compares responses by their numbers of tokens, the shorter over the longer.
 *
 * @example
 * ```ts
 * import { tokenSimilarity } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const similarity = await tokenSimilarity("models/demo");
 * assert.equal(similarity({ prompt: "Hi", chosen: "Hello.", rejected: "Hello." }), 1);
 * ```
 *
 * @param path Folder, URL or name on the hub of the checkpoint whose tokenizer counts; its weights are not read.
 * @throws {AssayError} What opening the checkpoint and its tokenizer throws.
 */
export async function tokenSimilarity(path: string): Promise<Similarity> {
  const files = await openTokenizerFolder(path);
  const tokenizer = await openAnyTokenizer(files, { maxTokens: Infinity });
  return (row) => {
    const [chosen, rejected] = pairOf(row).map((side) => tokenizer.tokenize(side).ids);
    return lengthRatio(chosen!, rejected!);
  };
}

/**
 * Compares responses by their numbers of words, numbers and marks, the shorter over the longer.
 *
 * @example
 * ```ts
 * import { wordSimilarity } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const row = { prompt: "Hi", chosen: "Hello there, you.", rejected: "Hello." };
 * assert.ok(wordSimilarity(row) < 1);
 * ```
 *
 * @param row A pair.
 * @throws {AssayError} `voting/not-a-pair`, `data/bad-row`.
 */
export function wordSimilarity(row: Row): number {
  const [chosen, rejected] = pairOf(row).map((side) =>
    side.flatMap(({ content }) => content.match(wordsOfText) ?? [])
  );
  return lengthRatio(chosen!, rejected!);
}

/**
 * Compares responses by the cosine of `chosen_embedding` and `rejected_embedding`.
 *
 * @example
 * ```ts
 * import { embeddingSimilarity } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const row = { chosen_embedding: [1, 0], rejected_embedding: [2, 0] };
 * assert.equal(embeddingSimilarity(row), 1);
 * ```
 *
 * @param row A row with both columns, lists of equally many numbers.
 * @throws {AssayError} `data/bad-row`, and what the cosine throws.
 */
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
