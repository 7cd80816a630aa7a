import type { ConversationTokenizer } from "../text/conversation_tokenizer.ts";
import type { Conversation } from "../text/conversation.ts";
import { tokenizeForReads, type WantedReads } from "./read_positions.ts";

/** One token for people to see. */
export interface ShownToken {
  /** Its id. */
  readonly id: number;
  /** Its text; bytes that are not UTF-8 by themselves are U+FFFD. */
  readonly text: string;
  /** Its token type, where the model tells a pair's texts apart by it. */
  readonly type?: number | undefined;
  /** What is read at it, by the head's own names; absent where nothing is. */
  readonly read?: string | undefined;
}

/** The tokens of a conversation, and where its head reads. */
export interface ShownTokens {
  /** In their order. */
  readonly tokens: readonly ShownToken[];
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
  /** Positions by read, counted from 0. */
  readonly positions: Readonly<Record<string, readonly number[]>>;
}

/**
 * The tokens of a conversation as they are computed, for people to see.
 *
 * @throws {AssayError} As `tokenizeForReads`.
 */
export function shownTokens(
  tokenizer: ConversationTokenizer,
  conversation: Conversation,
  wanted: WantedReads,
): ShownTokens {
  const { ids, types, truncated, positions } = tokenizeForReads(tokenizer, conversation, wanted);
  const byPosition = new Map<number, string[]>();
  for (const [read, at] of Object.entries(positions)) {
    for (const position of at) byPosition.set(position, [...byPosition.get(position) ?? [], read]);
  }
  const tokens = [...ids].map((id, position): ShownToken => {
    const read = byPosition.get(position)?.join(", ");
    return {
      id,
      text: tokenizer.decodeToken(id),
      ...(types !== undefined && { type: types[position]! }),
      ...(read !== undefined && { read }),
    };
  });
  return { tokens, truncated, positions };
}
