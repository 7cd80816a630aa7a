import { AssayError } from "../error.ts";
import type { Read, Reads, StepRead } from "../heads/reads.ts";
import type {
  ConversationTokenizer,
  TokenizedConversation,
} from "../text/conversation_tokenizer.ts";
import { type Conversation, withoutResponse } from "../text/conversation.ts";
import { findLastPattern } from "../text/header_pattern.ts";

/** Positions of a conversation by read, counted from 0; each in ascending order. */
export type Positions = Readonly<Record<string, readonly number[]>>;

/** A tokenised conversation, with the positions that a head reads. */
export interface ReadText extends Pick<TokenizedConversation, "ids" | "types" | "truncated"> {
  readonly positions: Positions;
}

/** What positions are found by. */
interface Places {
  readonly ids: Uint32Array;
  /** Where the last assistant header begins; `null` where there is none. */
  readonly header: number | null;
  /** Where steps are read. */
  readonly steps: readonly number[];
  /** Where the response's tokens begin; it is the prompt's own work to find out. */
  responseStart(): number;
}

/** What a head wants of a conversation's tokens. */
export interface WantedReads {
  readonly reads: Reads;
  /** The token that it ends with. */
  readonly ending?: number | undefined;
}

/**
 * Tokenises a conversation, puts the token after it that its head wants there, and finds the positions
 * that the head reads.
 *
 * @throws {AssayError} `scoring/no-position` where one is not there, `scoring/no-response`, and errors
 *   of `text/`.
 */
export function tokenizeForReads(
  tokenizer: ConversationTokenizer,
  conversation: Conversation,
  { reads, ending }: WantedReads,
): ReadText {
  const tokenized = endedWith(ending, tokenizer.tokenize(conversation));
  const { ids, types, truncated, headerPosition: header } = tokenized;
  // Of what its sender templated every step token is live.
  const steps = conversation.templated === undefined
    ? tokenized.stepPositions ?? []
    : stepTokens(ids, Object.values(reads));
  const responseStart = (): number => responseStartOf(tokenizer, conversation, ids);
  const places = { ids, header, steps, responseStart };
  const positions = Object.entries(reads).map(([name, read]) =>
    [name, positionsOfRead(name, read, places)] as const
  );
  return { ids, types, truncated, positions: Object.fromEntries(positions) };
}

function endedWith(
  ending: number | undefined,
  tokenized: TokenizedConversation,
): TokenizedConversation {
  if (ending === undefined || tokenized.ids.at(-1) === ending) return tokenized;
  return { ...tokenized, ids: Uint32Array.from([...tokenized.ids, ending]) };
}

/**
 * Where the response's tokens begin: after what it shares with the same conversation whose response
 * is empty, which is the prompt with the assistant's header.
 */
function responseStartOf(
  tokenizer: ConversationTokenizer,
  conversation: Conversation,
  ids: Uint32Array,
): number {
  if (conversation.templated !== undefined) {
    throw new AssayError(
      "scoring/no-response",
      "Cannot find the response's tokens: expected messages, found templated text, which does not say " +
        "where its response begins",
    );
  }
  const last = conversation.at(-1)!;
  const prompt = tokenizer.tokenize(withoutResponse(conversation)).ids;
  let start = 0;
  while (start < ids.length && ids[start] === prompt[start]) start++;
  if (start > 0 && start < ids.length) return start;
  throw new AssayError(
    "scoring/no-response",
    "Cannot find the response's tokens: expected some after those of the prompt, found none; " +
      (last.content === "" ? "it is empty" : "its prompt is"),
  );
}

function positionsOfRead(name: string, read: Read, places: Places): readonly number[] {
  const { ids, header, steps } = places;
  switch (read.at) {
    case "first":
      return [0];
    case "last":
      return [ids.length - 1];
    case "last-not":
      return [Math.max(0, ids.findLastIndex((id) => id !== read.id))];
    case "mean":
      return range(0, ids.length);
    case "header":
      return header === null ? missing(name, "an assistant header", ids) : [header];
    case "response":
      return range(places.responseStart(), ids.length);
    case "foretelling":
      return range(places.responseStart() - 1, ids.length - 1);
    case "token": {
      const found = range(0, ids.length).filter((position) => ids[position] === read.id);
      return found.length === 0 ? missing(name, `the token ${read.id}`, ids) : found;
    }
    case "step":
      return steps.length === 0 ? noStep(read, ids) : steps;
    case "turn":
      return steps.length === 0 ? missing(name, "the end of an assistant header", ids) : steps;
    case "pattern": {
      const found = findLastPattern(ids, read.ids);
      return found === null ? missing(name, `the tokens [${read.ids.join(", ")}]`, ids) : [found];
    }
  }
}

function stepTokens(ids: Uint32Array, reads: readonly Read[]): readonly number[] {
  const step = reads.find((read) => read.at === "step");
  return range(0, ids.length).filter((position) => ids[position] === step?.id);
}

function noStep({ id, text }: StepRead, ids: Uint32Array): never {
  throw new AssayError(
    "scoring/no-step",
    `Cannot score this conversation: expected the token ${id} (${
      JSON.stringify(text)
    }) after each step ` +
      `of the response, found none among its ${ids.length} tokens; give the response as a list of steps, ` +
      "after each of which the token is put (a special token typed in a text stays text)",
  );
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function missing(name: string, expected: string, ids: Uint32Array): never {
  throw new AssayError(
    "scoring/no-position",
    `Cannot score this conversation: its head reads "${name}" at ${expected}, and there is none in ` +
      `the conversation's ${ids.length} tokens`,
  );
}
