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

/**
 * The tokens between the end of the last user turn and the response: the end-of-turn token and the
 * assistant header, `[<|eot_id|>, <|start_header_id|>, assistant, <|end_header_id|>, \n\n]` for
 * Llama 3. ArmoRM reads its gate at the first of them.
 *
 * It is what `add_generation_prompt` adds after a user turn, with the one token before it; for
 * templates that ignore `add_generation_prompt`, what stands between a user turn and a response. A
 * pattern counts only if it is the same for several contents and a real conversation has it.
 *
 * @param tokenize Tokenizes a probe; may throw what the template throws.
 * @throws {AssayError} `text/template-runaway`, `text/pattern-runaway`, `text/tokenizer-runaway`.
 * @returns The pattern, or null where the template has no header whose tokens are its own (Llama 2).
 */
export function deriveHeaderPattern(tokenize: ProbeTokenizer): readonly number[] | null {
  return agreed(probeContents.map((content) => patternFromPrompt(tokenize, content)), tokenize) ??
    agreed(probeContents.map((content) => patternFromResponse(tokenize, content)), tokenize);
}

function patternFromPrompt(tokenize: ProbeTokenizer, content: string): readonly number[] {
  const user = [{ role: "user", content }];
  return tailWithOneBefore(
    attempt(() => tokenize(user, false)),
    attempt(() => tokenize(user, true)),
  );
}

function patternFromResponse(tokenize: ProbeTokenizer, content: string): readonly number[] {
  const user = { role: "user", content };
  const answered = (response: string) =>
    attempt(() => tokenize([user, { role: "assistant", content: response }], false));
  const one = answered(probeResponse);
  const two = answered(content);
  const prompt = attempt(() => tokenize([user], false));
  return tailWithOneBefore(prompt, one.slice(0, commonLength(one, two)));
}

/** What `long` has after the tokens it shares with `short`, and the one before. */
function tailWithOneBefore(short: readonly number[], long: readonly number[]): readonly number[] {
  const shared = commonLength(short, long);
  return shared === 0 || shared === long.length ? [] : long.slice(shared - 1);
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
