import type { Conversation, Message } from "../text/conversation.ts";
import { AssayError } from "../error.ts";
import {
  badColumn,
  isTranscript,
  listOfText,
  messagesOfColumn,
  messagesOfTranscript,
} from "./message_columns.ts";
import { kindOfValue, type Row } from "./rows.ts";
import { ownValue } from "../own_value.ts";

/** The conversations that one row holds, by the row's shape. */
export type RowConversations =
  | { readonly kind: "single"; readonly conversation: Conversation }
  | { readonly kind: "pair"; readonly chosen: Conversation; readonly rejected: Conversation }
  | { readonly kind: "best_of_n"; readonly candidates: readonly Conversation[] };

/**
 * The conversations of a row, in the field's own column names. The first shape that the row has
 * columns for is taken; `null` counts as absent:
 *
 * 1. a pair: `chosen` and `rejected`;
 * 2. best of N: `responses` (or `all_generated_responses`, as SimPO writes), a list;
 * 3. one conversation: `messages`; or `response` (or `completion`, as TRL writes).
 *
 * `prompt` is a string (then one user message) or a list of messages; a response is a string (then
 * one assistant message) or a list of messages. `prompt` may be absent where the responses are lists
 * that hold the whole conversation, and it is not said twice where they begin with it. Strings in the
 * layout of HH-RLHF (`\n\nHuman: …\n\nAssistant: …`) are taken apart.
 *
 * @example
 * ```ts
 * import { conversationsOfRow } from "@assay/assay/data";
 * import assert from "node:assert/strict";
 *
 * const row = { prompt: "2+2?", chosen: "4", rejected: "5" };
 * const shape = conversationsOfRow(row);
 * assert(shape.kind === "pair");
 * assert.deepEqual(shape.chosen, [
 *   { role: "user", content: "2+2?" },
 *   { role: "assistant", content: "4" },
 * ]);
 * ```
 *
 * @throws {AssayError} `data/bad-row`, naming the column, what was expected and what was found.
 */
export function conversationsOfRow(row: Row): RowConversations {
  const has = (column: string) => (ownValue(row, column) ?? null) !== null;
  if (has("chosen") || has("rejected")) {
    for (const column of ["chosen", "rejected"]) {
      if (!has(column)) throw badColumn(column, "a pair needs both chosen and rejected, found one");
    }
    return {
      kind: "pair",
      chosen: conversationOf(row.prompt, "chosen", row.chosen),
      rejected: conversationOf(row.prompt, "rejected", row.rejected),
    };
  }
  const list = ["responses", "all_generated_responses"].find(has);
  if (list !== undefined) return { kind: "best_of_n", candidates: candidatesOf(row, list) };
  if (has("messages")) {
    return {
      kind: "single",
      conversation: conversationOf(
        undefined,
        "messages",
        messagesOfColumn("messages", row.messages),
      ),
    };
  }
  const response = ["response", "completion"].find(has);
  if (response !== undefined) {
    return { kind: "single", conversation: conversationOf(row.prompt, response, row[response]) };
  }
  const columns = Object.keys(row).map((column) => `"${column}"`).join(", ") || "none";
  throw new AssayError(
    "data/bad-row",
    'Cannot find a conversation in the row: expected "messages", or "prompt" with "response", ' +
      `"chosen" and "rejected", or "responses"; found the columns ${columns}`,
  );
}

/** The conversations of a row's shape in a list: chosen before rejected, candidates in their order. */
export function conversationsInOrder(shape: RowConversations): readonly Conversation[] {
  switch (shape.kind) {
    case "single":
      return [shape.conversation];
    case "pair":
      return [shape.chosen, shape.rejected];
    case "best_of_n":
      return shape.candidates;
  }
}

function candidatesOf(row: Row, column: string): readonly Conversation[] {
  const value = row[column];
  const candidates = typeof value === "string" ? listOfText(column, value) : value;
  if (!Array.isArray(candidates)) {
    throw badColumn(column, `expected a list of responses, found ${kindOfValue(value)}`);
  }
  if (candidates.length === 0) {
    throw badColumn(column, "expected at least one response, found an empty list");
  }
  return candidates.map((candidate, index) =>
    conversationOf(row.prompt, `${column}[${index}]`, candidate)
  );
}

/** A prompt (or none) and a response, as one conversation. */
function conversationOf(prompt: unknown, column: string, response: unknown): Conversation {
  const before = promptMessages(prompt);
  return typeof response === "string"
    ? withAnswer(prompt, before, column, response)
    : withMessages(before, column, messagesOfColumn(column, response));
}

function withAnswer(
  prompt: unknown,
  before: readonly Message[] | undefined,
  column: string,
  answer: string,
): Conversation {
  if (before !== undefined) {
    // After "…\n\nAssistant:" the answer's first space belongs to the marker.
    const isMarked = typeof prompt === "string" && isTranscript(prompt);
    return [...before, {
      role: "assistant",
      content: isMarked ? answer.replace(/^ /, "") : answer,
    }];
  }
  if (isTranscript(answer)) return endingInResponse(column, messagesOfTranscript(answer));
  throw badColumn(
    column,
    'a string needs a "prompt" beside it; or give a list of messages that holds the prompt',
  );
}

function withMessages(
  before: readonly Message[] | undefined,
  column: string,
  after: readonly Message[],
): Conversation {
  endingInResponse(column, after);
  if (before === undefined || holdsPrompt(after, before)) return after;
  const meets = after[0]!.role;
  const isTurn = meets === "user" || meets === "system";
  if (isTurn && before.at(-1)!.role !== "assistant") {
    throw badColumn(
      column,
      `expected it to go on after "prompt" or to begin with the same messages, found a "${meets}" ` +
        "message that is not the prompt's",
    );
  }
  return [...before, ...after];
}

/** A list whose last message asks instead of answering would get a score that means nothing. */
function endingInResponse(column: string, messages: readonly Message[]): Conversation {
  const role = messages.at(-1)!.role;
  if (role === "user" || role === "system") {
    throw badColumn(
      column,
      `expected the last message to be the response to score, found a "${role}" message`,
    );
  }
  return messages;
}

function promptMessages(prompt: unknown): readonly Message[] | undefined {
  if (prompt === undefined || prompt === null) return undefined;
  if (typeof prompt !== "string") return messagesOfColumn("prompt", prompt);
  if (!isTranscript(prompt)) return [{ role: "user", content: prompt }];
  const messages = messagesOfTranscript(prompt);
  // A prompt that ends with "\n\nAssistant:" waits for its answer.
  return messages.at(-1)!.content === "" ? messages.slice(0, -1) : messages;
}

/**
 * Whether a conversation begins with the prompt's messages, after system messages of its own (the
 * layout of UltraFeedback: the prompt's text beside conversations that hold it).
 */
function holdsPrompt(conversation: Conversation, prompt: readonly Message[]): boolean {
  const own = conversation.findIndex(({ role }) => role !== "system");
  const starts = prompt[0]?.role === "system" ? [0] : [0, Math.max(own, 0)];
  return starts.some((start) =>
    conversation.length > start + prompt.length && prompt.every(({ role, content }, index) => {
      const message = conversation[start + index]!;
      return message.role === role && message.content.trim() === content.trim();
    })
  );
}
