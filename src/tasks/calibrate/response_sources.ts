import type { FeatureSource } from "../../calibration/features.ts";
import { conversationsOfRow } from "../../data/row_conversations.ts";
import type { Row } from "../../data/rows.ts";
import { valueOfText } from "../../data/serialized_text.ts";
import { AssayError } from "../../error.ts";
import { openTokenizerFolder } from "../tokenizer_folder.ts";
import { openAnyTokenizer } from "../../text/any_tokenizer.ts";
import { type Conversation, withoutResponse } from "../../text/conversation.ts";
import { ownValue, setOwnValue } from "../../own_value.ts";

/** What a checkpoint's tokenizer and template say about a conversation. */
export interface ResponseMeasures {
  /** Tokens of the last message. */
  responseTokens(conversation: Conversation): number;
  /** The text that the model reads. */
  templated(conversation: Conversation): string;
}

/**
 * The measures of a checkpoint's tokenizer and chat template; its weights are not read.
 *
 * @example
 * ```ts
 * import { tokenizerMeasures } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const measures = await tokenizerMeasures("models/demo");
 * const question = { role: "user", content: "Who wrote Faust?" };
 * const tokens = measures.responseTokens([question, { role: "assistant", content: "Goethe." }]);
 * assert.ok(tokens > 0);
 * ```
 *
 * @param path Folder of the checkpoint, its URL, or its name on the hub.
 * @throws {AssayError} As `ChatTokenizer.open`, `PairTokenizer.open`.
 */
export async function tokenizerMeasures(path: string): Promise<ResponseMeasures> {
  const files = await openTokenizerFolder(path);
  const tokenizer = await openAnyTokenizer(files, { maxTokens: Number.MAX_SAFE_INTEGER });
  const tokens = (conversation: Conversation) => tokenizer.tokenize(conversation).ids.length;
  return {
    // The difference leaves out the prompt and the template's own tokens.
    responseTokens: (conversation) => tokens(conversation) - tokens(withoutResponse(conversation)),
    templated: (conversation) => tokenizer.render(conversation),
  };
}

const sides = ["chosen", "rejected"] as const;

/**
 * What is known of each response of a row. Texts are only looked at by features that need them.
 *
 * @param row The row.
 * @param kind Its shape, as its score columns tell it.
 * @param count Responses in it.
 * @param measures Tokens and template, where a checkpoint was given.
 */
export function responseSources(
  row: Row,
  kind: "single" | "pair" | "best_of_n",
  count: number,
  measures: ResponseMeasures | undefined,
): FeatureSource[] {
  const texts = new RowTexts(row, kind);
  return Array.from({ length: count }, (_, index) => ({
    columns: columnsOf(row, kind, index),
    get response(): string | undefined {
      return texts.response(index);
    },
    get prompt(): string | undefined {
      return texts.prompt(index);
    },
    get templated(): string | undefined {
      return measures && texts.needed(index, measures.templated);
    },
    get tokens(): number | undefined {
      return measures && texts.needed(index, measures.responseTokens);
    },
  }));
}

/**
 * The columns of one response by their names without a prefix: `chosen_length` is the `length` of a
 * pair's chosen side, `lengths[2]` (or `length[2]`) that of the third candidate.
 */
function columnsOf(row: Row, kind: "single" | "pair" | "best_of_n", index: number): Row {
  if (kind === "single") return row;
  const columns: Row = {};
  if (kind === "pair") {
    const prefix = `${sides[index]}_`;
    for (const name of Object.keys(row)) {
      if (name.startsWith(prefix)) setOwnValue(columns, name.slice(prefix.length), row[name]);
    }
    return columns;
  }
  for (const [name, value] of Object.entries(row)) {
    const list = typeof value === "string" ? numbersOfText(value) : value;
    if (!Array.isArray(list)) continue;
    setOwnValue(columns, name, list[index]);
    const one = name.slice(0, -1);
    if (!name.endsWith("s")) continue;
    if ((ownValue(columns, one) ?? null) === null) setOwnValue(columns, one, list[index]);
  }
  return columns;
}

/** A list of numbers that a CSV cell holds as text; other text is no column of a response. */
function numbersOfText(text: string): unknown {
  if (!/^\s*\[[-+\d.,\seEnaifNIul]*\]\s*$/.test(text)) return undefined;
  return valueOfText(text)?.value;
}

/** A row's conversations, taken apart when a feature first asks for text. */
class RowTexts {
  readonly #row: Row;
  readonly #kind: "single" | "pair" | "best_of_n";
  #conversations: readonly Conversation[] | AssayError | undefined;

  constructor(row: Row, kind: "single" | "pair" | "best_of_n") {
    this.#row = row;
    this.#kind = kind;
  }

  /** The response's text; a bare string counts even where no prompt stands beside it. */
  response(index: number): string | undefined {
    return this.#conversation(index)?.at(-1)?.content ?? this.#bareText(index);
  }

  prompt(index: number): string | undefined {
    return this.#conversation(index)?.slice(0, -1).map(({ content }) => content).join("");
  }

  /** Measures a whole conversation; without one, the error that says what the row lacks. */
  needed<Value>(index: number, measure: (conversation: Conversation) => Value): Value {
    const conversation = this.#conversation(index);
    if (conversation !== undefined) return measure(conversation);
    throw this.#conversations instanceof AssayError ? this.#conversations : new AssayError(
      "data/bad-row",
      "Cannot measure the response: expected its conversation in the row, found another shape",
    );
  }

  #conversation(index: number): Conversation | undefined {
    this.#conversations ??= this.#read();
    return this.#conversations instanceof AssayError ? undefined : this.#conversations[index];
  }

  #read(): readonly Conversation[] | AssayError {
    try {
      const shape = conversationsOfRow(this.#row);
      if (shape.kind !== this.#kind) return [];
      if (shape.kind === "single") return [shape.conversation];
      return shape.kind === "pair" ? [shape.chosen, shape.rejected] : shape.candidates;
    } catch (error) {
      if (error instanceof AssayError) return error;
      throw error;
    }
  }

  #bareText(index: number): string | undefined {
    if (this.#conversations instanceof AssayError) {
      // Text that may stand for something else has no length that could be trusted.
      if (this.#conversations.code === "data/unclear-text") throw this.#conversations;
    }
    const { response, completion, responses } = this.#row;
    const value = this.#kind === "single"
      ? response ?? completion
      : this.#kind === "pair"
      ? this.#row[sides[index]!]
      : Array.isArray(responses)
      ? responses[index]
      : undefined;
    return typeof value === "string" ? value : undefined;
  }
}
