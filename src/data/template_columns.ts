import type { Conversation, TemplateVariables } from "../text/conversation.ts";
import { withVariables } from "../text/conversation.ts";
import { badColumn } from "./message_columns.ts";
import { kindOfValue, type Row } from "./rows.ts";
import { valueOfText } from "./serialized_text.ts";

/** Arguments of `apply_chat_template` that change nothing where they are as here; no others of its own. */
const renderArguments: Readonly<Record<string, unknown>> = {
  add_generation_prompt: false,
  continue_final_message: false,
  tokenize: true,
};

/**
 * Columns that say a part of the conversation and are not read: scored without it, a row would be
 * another one. What is to be done with each.
 */
const unreadColumns: Readonly<Record<string, string>> = {
  system_prompt: 'rename it to "system"',
  system_message: 'rename it to "system"',
  functions: 'give them as "tools"',
  tool_calls: "put them into the message that makes them",
  reasoning_content: "put it into the message that it belongs to",
  enable_thinking: 'put it into "chat_template_kwargs"',
  image: "images can't be scored",
  images: "images can't be scored",
  audio: "sound can't be scored",
  audios: "sound can't be scored",
  video: "films can't be scored",
  videos: "films can't be scored",
};

/** Refuses a row with a column that says a part of the conversation and would not be read. */
function checkColumns(row: Row): void {
  for (const [column, advice] of Object.entries(unreadColumns)) {
    const value = Object.hasOwn(row, column) ? row[column] : undefined;
    const isEmpty = value === undefined || value === null || value === "" ||
      (typeof value === "object" && Object.keys(value).length === 0);
    if (isEmpty) continue;
    throw badColumn(
      column,
      `expected no such column, which would not be read, found ${
        kindOfValue(value)
      }; ${advice}, or ` +
        "rename the column if it is no part of the conversation",
    );
  }
}

/**
 * What a row gives the chat template besides messages: `tools` and `documents`, lists, and the entries
 * of `chat_template_kwargs`, an object. All may be text of such a value; an empty one counts as absent.
 *
 * @param row The row.
 * @returns By the template's names; `undefined` where the row has none.
 * @throws {AssayError} `data/bad-row` for a column that holds something else, or that says a part of the
 * conversation in a way that is not read.
 */
export function templateVariables(row: Row): TemplateVariables | undefined {
  checkColumns(row);
  const variables: Record<string, unknown> = {};
  const settings = structure(row, "chat_template_kwargs");
  if (Array.isArray(settings)) {
    throw badColumn("chat_template_kwargs", "expected an object by name, found a list");
  }
  for (const [name, value] of Object.entries(settings ?? {})) {
    if (value === null) continue;
    if (Object.hasOwn(renderArguments, name) && value === renderArguments[name]) continue;
    variables[name] = value;
  }
  for (const column of ["tools", "documents"]) {
    const list = structure(row, column);
    if (list === undefined) continue;
    if (!Array.isArray(list)) throw badColumn(column, "expected a list, found an object");
    if (Object.hasOwn(variables, column)) {
      throw badColumn(column, `expected it once, found it in "chat_template_kwargs" too`);
    }
    variables[column] = list;
  }
  return Object.keys(variables).length === 0 ? undefined : variables;
}

/**
 * A conversation with what the rest of its row says of it: the text in `system` is its first message,
 * said once.
 *
 * @param row The row.
 * @param conversation Its conversation.
 * @param variables What the row gives the chat template.
 * @throws {AssayError} `data/bad-row` where `system` is no text, or is not what the conversation begins
 * with.
 */
export function inContext(
  row: Row,
  conversation: Conversation,
  variables: TemplateVariables | undefined,
): Conversation {
  const system = Object.hasOwn(row, "system") ? row.system : undefined;
  if (system === undefined || system === null || system === "") {
    return variables === undefined ? conversation : withVariables(conversation, variables);
  }
  if (typeof system !== "string") {
    throw badColumn(
      "system",
      `expected the text of a system message, found ${kindOfValue(system)}`,
    );
  }
  const [first] = conversation;
  if (first?.role !== "system" && first?.role !== "developer") {
    return withVariables([{ role: "system", content: system }, ...conversation], variables);
  }
  if (first.content.trim() === system.trim()) return withVariables(conversation, variables);
  throw badColumn(
    "system",
    "expected the system message that the conversation begins with, found another; leave out one",
  );
}

/** A list or an object in a column, or in its text. */
function structure(row: Row, column: string): object | undefined {
  const value = Object.hasOwn(row, column) ? row[column] : undefined;
  if (value === undefined || value === null || value === "") return undefined;
  const found = typeof value === "string" ? valueOfText(value)?.value : value;
  if (typeof found !== "object" || found === null) {
    throw badColumn(
      column,
      `expected a list or an object for the chat template, found ${
        kindOfValue(value)
      }; rename the ` +
        "column if it is not meant for it",
    );
  }
  return Object.keys(found).length === 0 ? undefined : found;
}
