import { AssayError } from "../../error.ts";
import type { ShownTokens } from "../../scoring/shown_tokens.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import { type Conversation, withLimits, withoutResponse } from "../../text/conversation.ts";
import { type Span, spansOfTokens, spansOfWords } from "../../text/token_spans.ts";

/** What one stretch of a response adds to its score. */
export interface TokenReward {
  /** Its text; of a token that is a part of a character, U+FFFD. */
  readonly text: string;
  /** Where it begins in the response, in code points; `null` where the tokens can't be found in it. */
  readonly start: number | null;
  /** Where it ends, exclusive. */
  readonly end: number | null;
  /** What it adds. */
  readonly reward: number;
}

/** A score, stretch by stretch of the response. */
export interface TokenExplanation {
  /** In the order of the response. */
  readonly rewards: readonly TokenReward[];
  /** Score of the same conversation with an empty response; `null` of implicit rewards, which have none. */
  readonly emptyScore: number | null;
}

/** A verdict that may tell what each token added, or why that can't be told. */
export interface ExplainedVerdict extends Verdict {
  /** What was found. */
  readonly explanation?: TokenExplanation | AssayError | undefined;
}

/** Tells the tokens of a conversation; `RewardModel.tokens` does. */
export type TokensOf = (conversation: Conversation) => Promise<ShownTokens>;

/** Beginnings of a response at most; longer responses are told several tokens at a time. */
export const mostPieces = 512;

/** What is made of a response: where its beginnings end. */
export interface Pieces {
  /** In UTF-16 units, ascending; the last one is the response's length. */
  readonly ends: readonly number[];
  /** Whether the pieces are tokens or, where those are not found in the text, words. */
  readonly unit: "tokens" | "words";
  /** Tokens or words of each piece. */
  readonly perPiece: number;
}

/**
 * Where the beginnings of a response end: after each of its tokens, or words where the tokenizer changes
 * the text; after several where there are more than {@linkcode mostPieces}.
 *
 * @param conversation At least one message.
 * @param tokensOf Tells tokens.
 * @throws {AssayError} `scoring/cannot-explain` where the response is no text of its own, or is cut.
 */
export async function piecesOf(conversation: Conversation, tokensOf: TokensOf): Promise<Pieces> {
  const { content } = checkedResponse(conversation);
  const spans = await tokenSpans(conversation, tokensOf);
  const found = spans ?? spansOfWords(content);
  const ends = [...new Set(found.map(({ end }) => end).filter((end) => end > 0))];
  if (content !== "" && ends.at(-1) !== content.length) {
    // White space at the end belongs to the last piece.
    if (ends.length > 0) ends.pop();
    ends.push(content.length);
  }
  const perPiece = Math.max(1, Math.ceil(ends.length / mostPieces));
  return {
    ends: ends.filter((_, place) => (place + 1) % perPiece === 0 || place === ends.length - 1),
    unit: spans === undefined ? "words" : "tokens",
    perPiece,
  };
}

function checkedResponse(conversation: Conversation): { readonly content: string } {
  const last = conversation.templated === undefined ? conversation.at(-1) : undefined;
  const isText = last !== undefined && last.steps === undefined && last.nullContent !== true &&
    typeof last.content === "string";
  if (isText) return last;
  throw new AssayError(
    "scoring/cannot-explain",
    "Cannot tell what each token adds: expected a response that is a text, found " +
      (last === undefined ? "text that was templated already" : "one of steps or of calls"),
  );
}

/** Spans of the response's tokens; `undefined` where they can't be found in it. */
async function tokenSpans(
  conversation: Conversation,
  tokensOf: TokensOf,
): Promise<Span[] | undefined> {
  const whole = await tokensOf(conversation);
  if (whole.truncated) {
    throw new AssayError(
      "scoring/cannot-explain",
      "Cannot tell what each token adds: expected a conversation that the model reads whole, found one " +
        "that is cut to the model's length",
    );
  }
  if (conversation.at(-1)!.content.trim() === "") return []; // templates may trim it all away
  const start = await responseStart(conversation, whole, tokensOf);
  if (start === undefined) return undefined;
  const texts = whole.tokens.slice(start).map(({ text }) => text);
  return spansOfTokens(conversation.at(-1)!.content, texts);
}

/** The first token that an empty response does not have too. */
async function responseStart(
  conversation: Conversation,
  { tokens }: ShownTokens,
  tokensOf: TokensOf,
): Promise<number | undefined> {
  try {
    const empty = await tokensOf(withLimits(withoutResponse(conversation), conversation.limits));
    const start = tokens.findIndex(({ id }, place) => empty.tokens[place]?.id !== id);
    return start < 0 ? undefined : start;
  } catch (error) {
    if (error instanceof AssayError) return undefined; // a template that takes no empty response
    throw error;
  }
}

/**
 * The same conversation, its response cut.
 *
 * @param conversation A conversation whose response is a text.
 * @param end Where it is cut, in UTF-16 units.
 */
export function beginningOf(conversation: Conversation, end: number): Conversation {
  const last = conversation.at(-1)!;
  const { variables, limits } = conversation;
  const cut = [...conversation.slice(0, -1), { ...last, content: last.content.slice(0, end) }];
  return Object.assign(cut, { ...(variables && { variables }), ...(limits && { limits }) });
}

/**
 * What each piece adds: the score of the response up to its end less that of the response up to where
 * the piece before it ends. A beginning that the chat template refuses (one that is cut inside of
 * `<think>`) has no score, and its piece goes with the next one.
 *
 * @param content The response.
 * @param ends Where the pieces end.
 * @param verdicts Of the whole response, of its beginnings from the longest to the shortest, of the
 *   empty one.
 */
export function explanationOf(
  content: string,
  ends: readonly number[],
  verdicts: readonly Verdict[],
): TokenExplanation | AssayError {
  const ascending = verdicts.toReversed();
  const [empty] = ascending;
  const failed = ascending.find(({ error }, place) =>
    error !== null && (place === 0 || !error.code.startsWith("text/"))
  );
  if (failed !== undefined) {
    return new AssayError(
      "scoring/cannot-explain",
      "Cannot tell what each token adds: expected a score of every beginning of the response, found " +
        `for ${failed === empty ? "the empty one" : "one"}: ${failed.error!.message}`,
    );
  }
  const pointsAt = codePointCounter(content);
  const rewards: TokenReward[] = [];
  let [start, before] = [0, empty!.score!];
  ends.forEach((end, place) => {
    const { score } = ascending[place + 1]!;
    if (score === null) return;
    const text = content.slice(start, end);
    rewards.push({ text, start: pointsAt(start), end: pointsAt(end), reward: score - before });
    [start, before] = [end, score];
  });
  return { rewards, emptyScore: empty!.score };
}

/**
 * Rewards of the response's tokens by a model trained by DPO, with their texts.
 *
 * @param content The response.
 * @param texts The tokens' texts, those that close the message too.
 * @param rewards One per token.
 */
export function implicitExplanation(
  content: string,
  texts: readonly string[],
  rewards: readonly number[],
): TokenExplanation {
  const spans = spansOfTokens(content, texts);
  const pointsAt = codePointCounter(content);
  return {
    rewards: rewards.map((reward, place) => {
      const span = spans?.[place];
      return {
        text: texts[place] ?? "",
        start: span === undefined ? null : pointsAt(span.start),
        end: span === undefined ? null : pointsAt(span.end),
        reward,
      };
    }),
    emptyScore: null,
  };
}

/** Code points before a place that is counted in UTF-16 units; places come in ascending order. */
function codePointCounter(content: string): (place: number) => number {
  let [units, points] = [0, 0];
  return (place) => {
    if (place < units) [units, points] = [0, 0];
    while (units < place) {
      units += content.codePointAt(units)! > 0xffff ? 2 : 1;
      points++;
    }
    return points;
  };
}
