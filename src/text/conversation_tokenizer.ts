import type { Conversation } from "./conversation.ts";

/**
 * How a conversation becomes tokens: `chat`, the checkpoint's chat template renders all of its turns;
 * `pair`, a prompt and a response are joined by the tokenizer's own separators, as encoders read them.
 */
export type TextForm = "chat" | "pair";

/** The tokens of one conversation. */
export interface TokenizedConversation {
  /** Token ids, `maxTokens` at most. */
  readonly ids: Uint32Array;
  /**
   * The type of each token, for models that tell a pair's two texts apart by it; absent where all are 0.
   */
  readonly types?: Uint32Array | undefined;
  /** Whether tokens were dropped to fit. */
  readonly truncated: boolean;
  /**
   * Index of the first token of the last header pattern (the end of the last user turn before the
   * assistant header); null if this text has none.
   */
  readonly headerPosition: number | null;
  /** Positions of the steps of a model that scores each; absent where steps are not looked for. */
  readonly stepPositions?: readonly number[] | undefined;
}

/** What turns conversations into a model's tokens, as its checkpoint's files say. */
export interface ConversationTokenizer {
  /** How it takes conversations. */
  readonly form: TextForm;
  /** What a conversation is rendered by, for people, and the file that says so. */
  readonly template: { readonly source: string; readonly origin: string };
  /** The tokens that an assistant header begins with; null where there is none. */
  readonly headerPattern: readonly number[] | null;
  /** What is odd about the files, though the tokens are those of transformers; for people. */
  readonly warnings: readonly string[];
  /** Ids of the special tokens that the files name and have: `bos_token`, `eos_token`, … */
  readonly namedIds: ReadonlyMap<string, number>;
  /**
   * Renders a conversation for people to read.
   *
   * @param conversation Messages; the last one is the response.
   * @throws {AssayError} As {@link ConversationTokenizer.tokenize}, except for length and header.
   */
  render(conversation: Conversation): string;
  /**
   * Tokenizes a conversation.
   *
   * @param conversation Messages; the last one is the response.
   * @throws {AssayError} Codes of `text/` for a conversation that has no certain tokens, or too many.
   */
  tokenize(conversation: Conversation): TokenizedConversation;
  /**
   * The text of one token, for people to read.
   *
   * @throws {AssayError} `text/unknown-token`.
   */
  decodeToken(id: number): string;
}

/** Whatever the form: how a tokenizer treats conversations. */
export interface TextOptions {
  /** Most tokens of one conversation: the model's length. */
  readonly maxTokens: number;
  /** Why `maxTokens` is less than the model's own length, for the message of a longer conversation. */
  readonly limitedBy?: string | undefined;
  /** What gives way in a conversation that is too long; none: such a conversation is an error. */
  readonly truncate?: "left" | "right" | undefined;
  /** Whether special tokens written inside a message's content act as such. Default false. */
  readonly trustSpecialTokens?: boolean | undefined;
}

/** Bounds that hold for one conversation. */
export interface Limits {
  readonly maxTokens: number;
  readonly truncate: "left" | "right" | undefined;
}

/** The bounds of a conversation: its own, within the tokenizer's. */
export function limitsOf(
  conversation: Conversation,
  { maxTokens, truncate }: Pick<TextOptions, "maxTokens" | "truncate">,
): Limits {
  // What is none at all is refused further on, by name, as a row's own error.
  const limits = (conversation as Conversation | null | undefined)?.limits;
  return {
    maxTokens: Math.min(maxTokens, limits?.maxTokens ?? Infinity),
    truncate: limits?.truncate ?? truncate,
  };
}
