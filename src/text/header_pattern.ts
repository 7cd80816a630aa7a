import { AssayError } from "../error.ts";
import type { Conversation } from "./conversation.ts";

/** Tokenizes a conversation of the library's own making, optionally with the header of a new turn. */
export type ProbeTokenizer = (
  conversation: Conversation,
  addGenerationPrompt: boolean,
) => readonly number[];

/** Contents of the probes: different first and last characters show which tokens are the header's own. */
const probeContents = ["x", "Hello.", "3\n4"];
const probeResponse = "Yes, 7";

/** A prompt's tokens, and those with the assistant header after it. */
interface ProbedHeader {
  readonly prompt: readonly number[];
  readonly withHeader: readonly number[];
}

/**
 * The tokens between the end of the last user turn and the response: the end-of-turn token, what the
 * template writes after it, and the assistant header. `[<|eot_id|>, <|start_header_id|>, assistant,
 * <|end_header_id|>, \n\n]` for Llama 3, `[<|im_end|>, \n, <|im_start|>, assistant, \n]` for ChatML,
 * `[<end_of_turn>, \n, <start_of_turn>, model, \n]` for Gemma: the patterns that published models with
 * a gate have. They read it at the first of them.
 *
 * The header is what `add_generation_prompt` adds after a user turn; for templates that ignore it, what
 * stands between a user turn and a response. Before it come the tokens that end the turn, from the last
 * special one on that stands there whatever the user says; one token where there is none. A pattern
 * counts only if it is the same for several contents and a real conversation has it.
 *
 * @param tokenize Tokenizes a probe; may throw what the template throws.
 * @param isSpecial Whether a token controls the model.
 * @throws {AssayError} `text/template-runaway`, `text/pattern-runaway`, `text/tokenizer-runaway`.
 * @returns The pattern, or null where the template has no header whose tokens are its own (Llama 2).
 */
export function deriveHeaderPattern(
  tokenize: ProbeTokenizer,
  isSpecial: (id: number) => boolean = () => false,
): readonly number[] | null {
  for (const probe of [headerOfPrompt, headerOfResponse]) {
    const probed = probeContents.map((content) => probe(tokenize, content));
    const before = endOfTurn(probed, isSpecial);
    const patterns = probed.map((header) => tailWithSome(header, before));
    const pattern = agreed(patterns, tokenize);
    if (pattern !== null) return pattern;
  }
  return null;
}

/** How many tokens before the header end the user's turn: from the last special one on, else one. */
function endOfTurn(
  probed: readonly ProbedHeader[],
  isSpecial: (id: number) => boolean,
): number {
  const turns = probed.map(({ prompt, withHeader }) =>
    prompt.slice(0, commonLength(prompt, withHeader)).reverse()
  );
  const [first] = turns;
  let shared = 0;
  while (
    shared < first!.length && !isSpecial(first![shared]!) &&
    turns.every((turn) => turn[shared] === first![shared])
  ) shared++;
  const ends = shared < first!.length && isSpecial(first![shared]!) &&
    turns.every((turn) => turn[shared] === first![shared]);
  return ends ? shared + 1 : 1;
}

function headerOfPrompt(tokenize: ProbeTokenizer, content: string): ProbedHeader {
  const user = [{ role: "user", content }];
  return {
    prompt: attempt(() => tokenize(user, false)),
    withHeader: attempt(() => tokenize(user, true)),
  };
}

function headerOfResponse(tokenize: ProbeTokenizer, content: string): ProbedHeader {
  const user = { role: "user", content };
  const answered = (response: string) =>
    attempt(() => tokenize([user, { role: "assistant", content: response }], false));
  const one = answered(probeResponse);
  const two = answered(content);
  const prompt = attempt(() => tokenize([user], false));
  return { prompt, withHeader: one.slice(0, commonLength(one, two)) };
}

/** The header, and so many tokens before it. */
function tailWithSome({ prompt, withHeader }: ProbedHeader, before: number): readonly number[] {
  const shared = commonLength(prompt, withHeader);
  if (shared < before || shared === withHeader.length) return [];
  return withHeader.slice(shared - before);
}

function agreed(
  patterns: readonly (readonly number[])[],
  tokenize: ProbeTokenizer,
): readonly number[] | null {
  const pattern = patterns[0]!;
  const isSame = (other: readonly number[]) =>
    other.length === pattern.length && commonLength(other, pattern) === pattern.length;
  if (pattern.length < 2 || !patterns.every(isSame)) return null;
  const conversation = [
    { role: "user", content: probeContents[0]! },
    { role: "assistant", content: probeResponse },
  ];
  const ids = attempt(() => tokenize(conversation, false));
  return findLastPattern(ids, pattern) === null ? null : pattern;
}

/**
 * Where a pattern occurs last.
 *
 * @param ids Tokens to search.
 * @param pattern Tokens to find, at least one.
 * @returns Index of the first token of the last occurrence, or null.
 */
export function findLastPattern(
  ids: ArrayLike<number>,
  pattern: readonly number[],
): number | null {
  for (let start = ids.length - pattern.length; start >= 0; start--) {
    if (pattern.every((id, index) => ids[start + index] === id)) return start;
  }
  return null;
}

/**
 * @param a Tokens.
 * @param b Tokens.
 * @returns How many tokens both begin with.
 */
export function commonLength(a: readonly number[], b: readonly number[]): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** A probe that the template refuses yields nothing; one that never ends ends it all. */
function attempt(tokenize: () => readonly number[]): readonly number[] {
  try {
    return tokenize();
  } catch (error) {
    if (error instanceof AssayError && error.code.endsWith("-runaway")) throw error;
    return [];
  }
}

/**
 * A header pattern that was given.
 *
 * @throws {AssayError} `text/bad-gating-pattern`.
 */
export function checkPattern(
  pattern: readonly number[] | undefined,
): readonly number[] | undefined {
  if (pattern === undefined) return undefined;
  if (pattern.length === 0 || !pattern.every((id) => Number.isInteger(id) && id >= 0)) {
    throw new AssayError(
      "text/bad-gating-pattern",
      `Cannot use the header pattern: expected a list of token ids, found ${
        JSON.stringify(pattern).slice(0, 100)
      }`,
    );
  }
  return [...pattern];
}

/** The error of a conversation without the header pattern. */
export function missingHeader(
  pattern: readonly number[],
  text: string,
  length: number,
): AssayError {
  return new AssayError(
    "text/no-gating-pattern",
    `Cannot find where to read the header: expected the assistant header ${
      JSON.stringify(text)
    } as ` +
      `tokens [${
        pattern.join(", ")
      }], found none in this conversation's ${length} tokens; it needs an ` +
      "assistant message, and one that does not begin with newlines, which merge with the header's own",
  );
}
