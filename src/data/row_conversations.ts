import type { Conversation, Message } from "../text/conversation.ts";
import { AssayError } from "../error.ts";
import { badColumn, listOfText, messagesOfColumn, messagesOfText } from "./message_columns.ts";
import { kindOfValue, type Row } from "./rows.ts";
import { valueOfText } from "./serialized_text.ts";
import { inContext, templateVariables } from "./template_columns.ts";
import { ownValue } from "../own_value.ts";

/** The conversations that one row holds, by the row's shape. */
export type RowConversations =
  | { readonly kind: "single"; readonly conversation: Conversation }
  | { readonly kind: "pair"; readonly chosen: Conversation; readonly rejected: Conversation }
  | { readonly kind: "best_of_n"; readonly candidates: readonly Conversation[] };

/**
 * The conversations of a row, in the field's own column names. The first shape that the row has
 * columns for is taken; `null` counts as absent, and so does empty text (a CSV cell) beside another
 * shape:
 *
 * 1. a pair: `chosen` and `rejected`;
 * 2. best of N: `responses` (or `all_generated_responses`, as SimPO writes), a list;
 * 3. one conversation: `messages`; or `response` (or `completion`, as TRL writes), or `steps`.
 *
 * `prompt` is a string (then one user message) or a list of messages; a response is a string (then
 * one assistant message), a list of messages, or a list of strings: its steps, for a model that scores
 * each. `prompt` may be absent where the responses are lists
 * that hold the whole conversation, and it is not said twice where they begin with it. Strings in the
 * layout of HH-RLHF (`\n\nHuman: …\n\nAssistant: …`) are taken apart; a string that is the text of a
 * list of messages, as Assay, JSON or pandas writes it into a CSV cell, is read as that list.
 *
 * `system` is the first message of every conversation of the row; `tools`, `documents` and
 * `chat_template_kwargs` are what its chat template is given.
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
 * @throws {AssayError} `data/bad-row`, naming the column, what was expected and what was found;
 * `data/unclear-text` for text that only looks like a list of messages or a transcript.
 */
export function conversationsOfRow(row: Row): RowConversations {
  const variables = templateVariables(row);
  const complete = (conversation: Conversation) => inContext(row, conversation, variables);
  const shape = shapeOf(row);
  switch (shape.kind) {
    case "single":
      return { kind: "single", conversation: complete(shape.conversation) };
    case "pair":
      return {
        kind: "pair",
        chosen: complete(shape.chosen),
        rejected: complete(shape.rejected),
      };
    case "best_of_n":
      return { kind: "best_of_n", candidates: shape.candidates.map(complete) };
  }
}

/** The columns that tell a row's shape. */
const shapeColumns = [
  "chosen",
  "rejected",
  "responses",
  "all_generated_responses",
  "messages",
  "response",
  "completion",
  "steps",
] as const;

function shapeOf(row: Row): RowConversations {
  const isPresent = (column: string) => (ownValue(row, column) ?? null) !== null;
  // A CSV file has every row's columns in every row: where one of them is filled, empty ones are none.
  const isFilled = (column: string) => isPresent(column) && row[column] !== "";
  const hasAny = (columns: readonly string[]) => columns.some(isFilled);
  const isPair = hasAny(["chosen", "rejected"]);
  const has = isPair || !hasAny(shapeColumns) ? isPresent : isFilled;
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
    const messages = messagesOfColumn("messages", row.messages);
    return { kind: "single", conversation: withMessages(undefined, "messages", messages) };
  }
  const response = ["response", "completion"].find(has);
  if (response !== undefined) {
    return { kind: "single", conversation: conversationOf(row.prompt, response, row[response]) };
  }
  if (has("steps")) {
    const { prompt, steps } = row;
    return { kind: "single", conversation: conversationOf(prompt, "steps", stepsOf(steps)) };
  }
  const columns = Object.entries(row)
    .map(([column, value]) => `"${column}"${value === null ? " (null)" : ""}`).join(", ") || "none";
  throw new AssayError(
    "data/bad-row",
    'Cannot find a conversation in the row: expected "messages", or "prompt" with "response" or ' +
      `"steps", "chosen" and "rejected", or "responses"; found the columns ${columns}`,
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

/** A list of steps, or the text that a CSV cell has of one. */
function stepsOf(value: unknown): readonly string[] {
  const steps = typeof value === "string" ? valueOfText(value)?.value : value;
  if (isSteps(steps)) return steps;
  const other = Array.isArray(steps) ? steps.findIndex((step) => typeof step !== "string") : -1;
  const found = other < 0
    ? kindOfValue(steps ?? value)
    : `${kindOfValue((steps as unknown[])[other])} as item ${other + 1} of it`;
  throw badColumn("steps", `expected a list of texts, found ${found}`);
}

/** Whether a response is a list of its steps. */
function isSteps(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.length > 0 &&
    value.every((step) => typeof step === "string");
}

/** A prompt (or none) and a response, as one conversation. */
function conversationOf(prompt: unknown, column: string, response: unknown): Conversation {
  // The text of a list of strings may well be the answer itself.
  if (isSteps(response)) return withAnswer(prompt, column, { content: "", steps: response });
  if (typeof response !== "string" && !Array.isArray(response)) {
    const found = kindOfValue(response);
    throw badColumn(column, `expected a text, or a list of messages or steps, found ${found}`);
  }
  const messages = typeof response === "string"
    ? messagesOfText(column, response)
    : messagesOfColumn(column, response);
  if (messages === undefined) {
    return withAnswer(prompt, column, { content: response as string });
  }
  // Beside a whole conversation, an empty cell is no prompt.
  return withMessages(promptMessages(prompt === "" ? undefined : prompt), column, messages);
}

function withAnswer(
  prompt: unknown,
  column: string,
  answer: Pick<Message, "content" | "steps">,
): Conversation {
  const before = promptMessages(prompt);
  if (before === undefined) {
    throw badColumn(
      column,
      'a string needs a "prompt" beside it; or give a list of messages that holds the prompt',
    );
  }
  const isMarked = typeof prompt === "string" && /^\s*(?:Human|Assistant):/.test(prompt);
  // After "…\n\nAssistant:" the answer's first space belongs to the marker, which may be said again.
  const { content: text } = answer;
  const content = isMarked ? text.replace(/^(?:\s*Assistant:)? ?/, "") : text;
  return [...before, { role: "assistant", ...answer, content }];
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
  const messages = messagesOfText("prompt", prompt, true);
  if (messages === undefined) return [{ role: "user", content: prompt }];
  // A prompt that ends with "\n\nAssistant:" waits for its answer.
  const isWaiting = messages.length > 1 && messages.at(-1)!.role === "assistant" &&
    messages.at(-1)!.content.trim() === "";
  return isWaiting ? messages.slice(0, -1) : messages;
}

/**
 * Whether a conversation begins with the prompt's messages, after system messages of its own (the
 * layout of UltraFeedback: the prompt's text beside conversations that hold it).
 */
function holdsPrompt(conversation: Conversation, prompt: readonly Message[]): boolean {
  const own = conversation.findIndex(({ role }) => role !== "system");
  const starts = prompt[0]?.role === "system" ? [0] : [0, Math.max(own, 0)];
  return starts.some((start) =>
    conversation.length > start + prompt.length &&
    prompt.every((message, index) => saysTheSame(message, conversation[start + index]!))
  );
}

/** Whether two messages say the same, but for spaces around and the kind of line ends. */
function saysTheSame(message: Message, other: Message): boolean {
  const [one, two] = [message, other].map(({ role, content, ...fields }) =>
    JSON.stringify([role, content.replace(/\r\n?/g, "\n").trim(), fields], digits)
  );
  return one === two;
}

function digits(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
