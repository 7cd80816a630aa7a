import { AssayError } from "../error.ts";
import type { Encoded } from "./tokenizer.ts";

/** Which end of a conversation that is too long gives way. */
export type Truncation = "left" | "right";

/** A tokenized conversation that is too long. */
export interface Untruncated {
  /** Its tokens; for `right` those of a beginning longer than `maxTokens` will do. */
  readonly ids: readonly number[];
  /** Number of its tokens, for messages; "at least" that many where `ids` is not all of them. */
  readonly total: number | string;
  /** Number of tokens of the sequence prefix, kept by `left`. */
  readonly prefixLength: number;
  /** `[start, end)` of the last header pattern, or null. */
  readonly header: readonly [number, number] | null;
  /** Index of the first token of the response, or null where the template does not tell. */
  readonly responseStart: number | null;
}

/**
 * Cuts a conversation that is too long. `left` keeps the sequence prefix and drops the oldest tokens
 * after it, but never one of the header pattern or the response. `right` drops the end of the
 * response, but never a token of the header pattern nor the whole response.
 *
 * @param sequence The tokenized conversation, longer than `maxTokens`.
 * @param maxTokens Tokens that the result has.
 * @param truncate Which end gives way.
 * @returns `maxTokens` tokens.
 * @throws {AssayError} `text/too-long`.
 */
export function truncateTokens(
  sequence: Untruncated,
  maxTokens: number,
  truncate: Truncation,
): readonly number[] {
  const { ids, total, prefixLength, header, responseStart } = sequence;
  const kept = Math.min(header?.[0] ?? Infinity, responseStart ?? Infinity);
  if (truncate === "left") {
    const first = ids.length - (maxTokens - prefixLength);
    if (kept < first || kept === Infinity) {
      throw responseTooLong(kept === Infinity ? "unknown" : ids.length - kept, maxTokens);
    }
    return [...ids.slice(0, prefixLength), ...ids.slice(first)];
  }
  const promptEnd = Math.max(header?.[1] ?? 0, responseStart ?? 0);
  if (promptEnd >= maxTokens) {
    throw new AssayError(
      "text/too-long",
      `Cannot truncate on the right to ${maxTokens} tokens: the prompt alone has at least ${promptEnd} of the ` +
        `conversation's ${total} tokens; --truncate left drops the oldest of them`,
    );
  }
  return ids.slice(0, maxTokens);
}

/**
 * Where tokens of a conversation lie in what {@link truncateTokens} leaves of it.
 *
 * @param positions Counted in the whole conversation, ascending.
 * @param left The tokens that are left: those of the sequence prefix, and what follows `dropped` others.
 * @returns Counted in what is left; without those that were cut.
 */
export function positionsLeft(
  positions: readonly number[],
  left: { readonly prefixLength: number; readonly dropped: number; readonly length: number },
): readonly number[] {
  const { prefixLength, dropped, length } = left;
  return positions
    .filter((position) => position < prefixLength || position >= prefixLength + dropped)
    .map((position) => position < prefixLength ? position : position - dropped)
    .filter((position) => position < length);
}

/**
 * The error of a conversation over the model's length.
 *
 * @param total Its number of tokens, or "at least" a number.
 * @param maxTokens Tokens allowed.
 * @param reason Why no more are allowed, where it is not the model's own length.
 * @returns `text/too-long`.
 */
export function tooLong(
  total: number | string,
  maxTokens: number,
  reason: string | undefined,
): AssayError {
  return new AssayError(
    "text/too-long",
    `Cannot score the conversation: expected at most ${maxTokens} tokens${
      reason === undefined ? "" : ` (${reason})`
    }, found ${total}; ` +
      "--truncate left drops the oldest tokens, --truncate right the end of the response",
  );
}

/**
 * The error of a response that leaves no room on the left.
 *
 * @param needed Tokens of the response with its header, "at least" a number, or "unknown" where the
 * template does not tell the response from the prompt.
 * @param maxTokens Tokens allowed.
 * @returns `text/too-long`.
 */
export function responseTooLong(needed: number | string, maxTokens: number): AssayError {
  return new AssayError(
    "text/too-long",
    `Cannot truncate on the left to ${maxTokens} tokens: expected the response with its header to fit, ` +
      `found ${needed} tokens of it; --truncate right cuts the response itself`,
  );
}

/** Number of tokens of a text, for messages. */
export function describeTotal(
  { total, isComplete }: Pick<Encoded, "total" | "isComplete">,
): number | string {
  return isComplete ? total : `at least ${total}`;
}

/** Numbers of tokens that the two texts of a pair keep. */
export interface PairLengths {
  readonly prompt: number;
  readonly response: number;
}

/**
 * What is left of a pair that is too long where its ends give way: the longer text loses tokens until
 * both are equally long, then both do, as `longest_first`, the default of `tokenizers`.
 * Source: `truncate_encodings` of the Rust `tokenizers`.
 *
 * @param lengths Tokens of each.
 * @param room Tokens that both may have together, fewer than they have.
 */
export function longestFirst({ prompt, response }: PairLengths, room: number): PairLengths {
  const [short, long] = prompt <= response ? [prompt, response] : [response, prompt];
  const half = Math.floor(room / 2);
  // The longer one gets the odd token, of two equal ones the response.
  const kept = short <= half ? [short, Math.min(long, room - short)] : [half, room - half];
  const [first, second] = kept as [number, number];
  return prompt <= response
    ? { prompt: first, response: second }
    : { prompt: second, response: first };
}
