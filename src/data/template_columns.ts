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
 * What a row gives the chat template besides messages: `tools` and `documents`, lists, and the entries
 * of `chat_template_kwargs`, an object. All may be text of such a value; an empty one counts as absent.
 *
 * @param row The row.
 * @returns By the template's names; `undefined` where the row has none.
 * @throws {AssayError} `data/bad-row` for a column that holds something else.
 */
export function templateVariables(row: Row): TemplateVariables | undefined {
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
