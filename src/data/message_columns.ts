import { AssayError } from "../error.ts";
import type { Message } from "../text/conversation.ts";
import { kindOfValue } from "./rows.ts";
import { messageListOfText, valueOfText } from "./serialized_text.ts";
import { messagesOfTranscript } from "./transcript.ts";

/** The error of a row whose columns are not what a conversation needs. */
export function badColumn(column: string, problem: string): AssayError {
  return new AssayError("data/bad-row", `Cannot use column "${column}": ${problem}`);
}

/**
 * A list of messages as data sets spell it, each `{role, content}`; `content` may be a list of text
 * parts (`{type: "text", text}`), which are joined, and `null` beside calls of tools. Further fields
 * are kept for the chat template, but for those that are `null` or an empty list.
 *
 * @param column What error messages call the list.
 * @param value The list, or the text of one (a CSV cell).
 * @throws {AssayError} `data/bad-row`, naming the column, the message and what was found.
 */
export function messagesOfColumn(column: string, value: unknown): readonly Message[] {
  const list = typeof value === "string" ? listOfText(column, value) : value;
  if (!Array.isArray(list)) {
    throw badColumn(column, `expected a list of messages, found ${kindOfValue(value)}`);
  }
  if (list.length === 0) {
    throw badColumn(column, "expected at least one message, found an empty list");
  }
  return list.map((message, index) => messageOf(column, index, message));
}

/**
 * The messages that a text stands for: a list that was written as text, or a transcript in the layout
 * of HH-RLHF.
 *
 * @param column What error messages call the text.
 * @param text The text.
 * @param isPrompt Whether it is a prompt.
 * @returns The messages; `undefined` where the text stands for itself.
 * @throws {AssayError} `data/unclear-text` where it only looks like either, `data/bad-row`.
 */
export function messagesOfText(
  column: string,
  text: string,
  isPrompt = false,
): readonly Message[] | undefined {
  const list = messageListOfText(column, text);
  return list === undefined
    ? messagesOfTranscript(column, text, isPrompt)
    : messagesOfColumn(column, list);
}

/** A list that a CSV cell holds as text: JSON, or as Python or NumPy writes it. */
export function listOfText(column: string, text: string): unknown {
  const parsed = valueOfText(text);
  if (parsed !== undefined && typeof parsed.value === "object") return parsed.value;
  const found = /^\s*[[({]/.test(text)
    ? "text that is not JSON, and no list as Python writes it"
    : "a string";
  throw badColumn(column, `expected a list, found ${found}`);
}

function messageOf(column: string, index: number, value: unknown): Message {
  const where = `message ${index + 1} of "${column}"`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badColumn(
      column,
      `expected message ${index + 1} to be {role, content}, found ${kindOfValue(value)}`,
    );
  }
  const { role, content, nullContent: _, ...rest } = value as Record<string, unknown>;
  if (typeof role !== "string" || role === "") {
    const found = role === "" ? "an empty string" : kindOfValue(role);
    throw badColumn(column, `expected a role in ${where}, found ${found}`);
  }
  const fields = Object.fromEntries(
    Object.entries(rest).filter(([, field]) =>
      field !== null && field !== undefined && !(Array.isArray(field) && field.length === 0)
    ),
  );
  const isCall = fields.tool_calls !== undefined || fields.function_call !== undefined;
  if (isCall && (content === null || content === undefined)) {
    return { role, content: "", nullContent: true, ...fields };
  }
  return { role, content: contentOf(column, where, content), ...fields };
}

function contentOf(column: string, where: string, content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) {
    throw badColumn(
      column,
      `expected the content of ${where} to be a string, found ${kindOfValue(content)}`,
    );
  }
  return content.map((part) => {
    const { type, text } = (part ?? {}) as { type?: unknown; text?: unknown };
    if (type === "text" && typeof text === "string") return text;
    const found = typeof type === "string" ? `a part of type "${type}"` : kindOfValue(part);
    throw badColumn(column, `expected the content of ${where} to be text, found ${found}`);
  }).join("");
}
