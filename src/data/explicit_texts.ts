import { messagesOfColumn, messagesOfText } from "./message_columns.ts";
import { conversationsOfRow } from "./row_conversations.ts";
import type { Row } from "./rows.ts";
import { valueOfText } from "./serialized_text.ts";

/** Columns of text, each of which may hold messages. */
const textColumns = ["prompt", "chosen", "rejected", "response", "completion", "messages"] as const;
const listColumns = ["responses", "all_generated_responses"] as const;

/**
 * What a text column says, in a form that is the same however a file writes it: messages that were
 * written as text are a list, fields that are `null` are not there.
 *
 * @param column What error messages call it.
 * @param value The column's value.
 * @throws {AssayError} `data/unclear-text`, `data/bad-row`.
 */
export function explicitText(column: string, value: unknown): unknown {
  if (typeof value === "string") {
    const list = messagesOfText(column, value, column === "prompt");
    return list ?? value;
  }
  return Array.isArray(value) && value.length > 0 ? messagesOfColumn(column, value) : value;
}

/**
 * The text columns of a row, each as {@linkcode explicitText} has it: equal in rows that say the same,
 * from whatever format they were read.
 *
 * @param row The row; a column that can't be read stays as it is.
 */
export function explicitTexts(row: Row): Row {
  const texts: Row = {};
  const take = (column: string, read: (value: unknown) => unknown) => {
    if (!Object.hasOwn(row, column)) return;
    try {
      texts[column] = read(row[column]);
    } catch {
      texts[column] = row[column];
    }
  };
  for (const column of textColumns) take(column, (value) => explicitText(column, value));
  for (const column of listColumns) {
    take(column, (value) => {
      const list = typeof value === "string" ? valueOfText(value)?.value : value;
      if (!Array.isArray(list)) return value;
      return list.map((item, index) => explicitText(`${column}[${index}]`, item));
    });
  }
  return texts;
}

/**
 * The text of a response: of messages, the last one's.
 *
 * @param column What error messages call it.
 * @param value The column's value.
 * @returns The text; `undefined` where there is none.
 * @throws {AssayError} `data/unclear-text`, `data/bad-row`.
 */
export function responseText(column: string, value: unknown): string | undefined {
  const said = explicitText(column, value);
  if (typeof said === "string") return said;
  return Array.isArray(said) ? (said.at(-1) as { content: string }).content : undefined;
}

/**
 * A pair whose sides are lists of messages where a text of it stands for messages; any other row as
 * it is. The lists hold the prompt and the system message, which the row then has no columns for.
 *
 * @param row A pair.
 * @throws {AssayError} `data/unclear-text`, `data/bad-row`.
 */
export function explicitPair(row: Row): Row {
  const isText = (column: "prompt" | "chosen" | "rejected") => {
    const value = row[column];
    return typeof value === "string" && explicitText(column, value) !== value;
  };
  if (!isText("prompt") && !isText("chosen") && !isText("rejected")) return row;
  const shape = conversationsOfRow(row);
  if (shape.kind !== "pair") return row;
  const { prompt: _, system: __, ...rest } = row;
  return { ...rest, chosen: [...shape.chosen], rejected: [...shape.rejected] };
}
