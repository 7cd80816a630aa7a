import { AssayError } from "../error.ts";
import type { Message } from "../text/conversation.ts";
import { parseJson } from "./json_text.ts";
import { kindOfValue } from "./rows.ts";

const transcriptTurn = /\n\n(Human|Assistant):/g;

/** The error of a row whose columns are not what a conversation needs. */
export function badColumn(column: string, problem: string): AssayError {
  return new AssayError("data/bad-row", `Cannot use column "${column}": ${problem}`);
}

/**
 * A list of messages as data sets spell it, each `{role, content}`; `content` may be a list of text
 * parts (`{type: "text", text}`), which are joined.
 *
 * @param column What error messages call the list.
 * @param value The list, or JSON text of one (a CSV cell).
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

/** A list that a CSV cell holds as JSON text. */
export function listOfText(column: string, text: string): unknown {
  if (text.trimStart().startsWith("[")) {
    try {
      return parseJson(text);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw badColumn(column, `expected a list, found text that is not JSON (${reason})`);
    }
  }
  throw badColumn(column, "expected a list, found a string");
}

function messageOf(column: string, index: number, value: unknown): Message {
  const where = `message ${index + 1} of "${column}"`;
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw badColumn(
      column,
      `expected message ${index + 1} to be {role, content}, found ${kindOfValue(value)}`,
    );
  }
  const { role, content, tool_calls: toolCalls } = value as Record<string, unknown>;
  if (typeof role !== "string" || role === "") {
    const found = role === "" ? "an empty string" : kindOfValue(role);
    throw badColumn(column, `expected a role in ${where}, found ${found}`);
  }
  if (Array.isArray(toolCalls) && toolCalls.length > 0) {
    throw badColumn(column, `tool calls can't be scored, found them in ${where}`);
  }
  return { role, content: contentOf(column, where, content) };
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

/**
 * Whether text is a transcript in the layout of Anthropic's HH-RLHF: turns that begin with
 * `\n\nHuman:` and `\n\nAssistant:`, the first of them `\n\nHuman:` at the very beginning.
 */
export function isTranscript(text: string): boolean {
  return text.startsWith("\n\nHuman:");
}

/** The messages of a transcript, see {@linkcode isTranscript}; one space after the colon belongs to the marker. */
export function messagesOfTranscript(text: string): readonly Message[] {
  const marks = [...text.matchAll(transcriptTurn)];
  return marks.map((mark, index): Message => {
    const start = mark.index + mark[0].length;
    const content = text.slice(start, marks[index + 1]?.index).replace(/^ /, "");
    return { role: mark[1] === "Human" ? "user" : "assistant", content };
  });
}
