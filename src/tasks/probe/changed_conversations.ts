import { codePointLength } from "../../calibration/features.ts";
import type { Row } from "../../data/rows.ts";
import { fingerprint } from "../../numbers/fingerprint.ts";
import { seededRandom } from "../../numbers/seeded_random.ts";
import { ownValue } from "../../own_value.ts";
import type { Change } from "../../probing/change.ts";
import type { Conversation } from "../../text/conversation.ts";

/** A row whose conversations are changed. */
export interface RowToChange {
  /** Where it stands in the input, from 1: with the seed it decides what is drawn. */
  readonly line: number;
  /** The row, for changes that read its columns. */
  readonly row: Row;
  /** Its shape. */
  readonly kind: "single" | "pair" | "best_of_n";
  /** Its conversations. */
  readonly conversations: readonly Conversation[];
}

/** One conversation with a change. */
export interface ChangedConversation {
  readonly conversation: Conversation;
  /** Code points that the change added. */
  readonly addedLength: number;
}

/** A paraphrase that the row itself holds in columns. */
export interface ParaphraseColumn extends Change {
  /** Its column's name, which `chosen_`, `rejected_`, `response_` and `responses_` stand before. */
  readonly column: string;
}

/**
 * Changes that take the paraphrase from a row's columns: the prompt's in `NAME`, the responses' in
 * `chosen_NAME` and `rejected_NAME`, `response_NAME`, or `responses_NAME`, a list.
 *
 * @param column The name.
 */
export function paraphraseColumns(column: string): readonly ParaphraseColumn[] {
  const change = (target: "prompt" | "response"): ParaphraseColumn => ({
    name: target === "prompt" ? "prompt-paraphrase" : "paraphrase",
    kind: "paraphrase",
    target,
    summary: `the ${target}'s paraphrase in the row's column${target === "prompt" ? "" : "s"}`,
    column,
    apply: (text) => text,
  });
  return [change("prompt"), change("response")];
}

/**
 * A row's conversations with one change. `undefined` where it leaves a conversation as it was: it does
 * not apply, or the message is no text (steps, calls of tools, text that was templated before).
 */
export function changedConversations(
  row: RowToChange,
  change: Change,
  seed: number,
): (ChangedConversation | undefined)[] {
  return row.conversations.map((conversation, index) => {
    if (conversation.templated !== undefined) return undefined;
    const places = placesOf(conversation, change);
    const changed = [...conversation];
    let addedLength = 0;
    for (const place of places) {
      const message = conversation[place]!;
      if (message.nullContent || message.steps !== undefined) continue;
      // A prompt is changed alike for every response of the row.
      const drawnFor = change.target === "response" ? index : "prompt";
      const key = `${seed}:${row.line}:${change.name}:${drawnFor}`;
      const random = seededRandom(Number.parseInt(fingerprint(key), 16));
      const content = ownParaphrase(row, change, index) ?? change.apply(message.content, random);
      if (content === message.content) continue;
      addedLength += codePointLength(content) - codePointLength(message.content);
      changed[place] = { ...message, content };
    }
    const isChanged = changed.some((message, place) => message !== conversation[place]);
    if (!isChanged) return undefined;
    const { variables, limits } = conversation;
    return {
      conversation: Object.assign(changed, {
        ...(variables && { variables }),
        ...(limits && { limits }),
      }),
      addedLength,
    };
  });
}

/** Which messages a change is applied to. */
function placesOf(conversation: Conversation, { target }: Change): number[] {
  const last = conversation.length - 1;
  if (target === "conversation") return conversation.map((_, place) => place);
  if (target === "response") return [last];
  const asked = conversation.findLastIndex(({ role }, place) => place < last && role === "user");
  return asked < 0 ? [] : [asked];
}

function ownParaphrase(row: RowToChange, change: Change, index: number): string | undefined {
  if (!("column" in change)) return undefined;
  const { column } = change as ParaphraseColumn;
  const list = ownValue(row.row, `responses_${column}`);
  const value = change.target === "prompt"
    ? ownValue(row.row, column)
    : row.kind === "best_of_n"
    ? Array.isArray(list) ? list[index] : undefined
    : row.kind === "pair"
    ? ownValue(row.row, `${["chosen", "rejected"][index]}_${column}`)
    : ownValue(row.row, `response_${column}`);
  return typeof value === "string" && value !== "" ? value : undefined;
}
