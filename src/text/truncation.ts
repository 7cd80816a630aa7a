import { AssayError } from "../error.ts";

/** Which end of a conversation that is too long gives way. */
export type Truncation = "left" | "right";

/** A tokenized conversation before the length policy. */
export interface Untruncated {
  readonly ids: readonly number[];
  /** Number of tokens of the sequence prefix, kept by `left`. */
  readonly prefixLength: number;
  /** `[start, end)` of the last gating pattern, or null. */
  readonly gate: readonly [number, number] | null;
  /** Index of the first token of the response, or null where the template does not tell. */
  readonly responseStart: number | null;
}

/** What the length policy makes of it. */
export interface Truncated {
  readonly ids: readonly number[];
  readonly truncated: boolean;
}

/**
 * The length policy. Without `truncate`, a conversation over `maxTokens` is an error. `left` keeps
 * the sequence prefix and drops the oldest tokens after it, but never one of the gating pattern or
 * the response. `right` drops the end of the response, but never a token of the gating pattern nor
 * the whole response.
 *
 * @param sequence The tokenized conversation.
 * @param maxTokens Most tokens that the result may have.
 * @param truncate Which end gives way, if one may.
 * @returns At most `maxTokens` tokens, exactly that many if truncated.
 * @throws {AssayError} `text/too-long`.
 */
export function truncateTokens(
  sequence: Untruncated,
  maxTokens: number,
  truncate: Truncation | undefined,
): Truncated {
  const { ids, prefixLength, gate, responseStart } = sequence;
  if (ids.length <= maxTokens) return { ids, truncated: false };
  if (truncate === undefined) throw tooLong(ids.length, maxTokens);
  const kept = Math.min(gate?.[0] ?? Infinity, responseStart ?? Infinity);
  if (truncate === "left") {
    const first = ids.length - (maxTokens - prefixLength);
    if (kept < first || kept === Infinity) {
      const needed = kept === Infinity ? ids.length : prefixLength + ids.length - kept;
      throw new AssayError(
        "text/too-long",
        `Cannot truncate on the left to ${maxTokens} tokens: the response with its header needs ` +
          `${needed} of the conversation's ${ids.length} tokens; --truncate right cuts the response itself`,
      );
    }
    return { ids: [...ids.slice(0, prefixLength), ...ids.slice(first)], truncated: true };
  }
  const promptEnd = Math.max(gate?.[1] ?? 0, responseStart ?? 0);
  if (promptEnd >= maxTokens) {
    throw new AssayError(
      "text/too-long",
      `Cannot truncate on the right to ${maxTokens} tokens: the prompt alone has ${promptEnd} of the ` +
        `conversation's ${ids.length} tokens; --truncate left drops the oldest of them`,
    );
  }
  return { ids: ids.slice(0, maxTokens), truncated: true };
}

/**
 * The error of a conversation over the model's length.
 *
 * @param found Its tokens.
 * @param maxTokens Tokens allowed.
 * @param atLeast Whether `found` is only a lower bound.
 * @returns `text/too-long`.
 */
export function tooLong(found: number, maxTokens: number, atLeast = false): AssayError {
  return new AssayError(
    "text/too-long",
    `Cannot score the conversation: expected at most ${maxTokens} tokens, found ${
      atLeast ? "at least " : ""
    }${found}; --truncate left drops the oldest turns, --truncate right the end of the response`,
  );
}
