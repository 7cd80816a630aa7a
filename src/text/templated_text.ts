import { AssayError } from "../error.ts";
import type { Conversation, TemplatedText } from "./conversation.ts";
import type { Limits } from "./conversation_tokenizer.ts";
import { commonLength } from "./header_pattern.ts";
import { withOneBeginning } from "./special_tokens.ts";
import type { Encoded, EncodeOptions } from "./tokenizer.ts";
import { describeTotal, tooLong } from "./truncation.ts";

/**
 * A conversation that its sender has templated already, as clients of servers send it: it has no
 * messages, and the chat template is not asked. Its special tokens are live: whoever wrote the text wrote
 * the turns, so it must not come from whom the scores are about.
 *
 * @example
 * ```ts
 * import { templatedText } from "@assay/assay/text";
 * import assert from "node:assert/strict";
 *
 * const conversation = templatedText({ text: "<s>[INST] Hi [/INST] Hello.</s>" });
 * assert.equal(conversation.length, 0);
 * ```
 *
 * @param templated The text or its tokens.
 */
export function templatedText(templated: TemplatedText): Conversation {
  return Object.assign([], { templated });
}

/** What templated text is tokenized by. */
export interface TemplatedEncoding {
  /** Encodes with every special token live. */
  readonly encode: (text: string, options: EncodeOptions) => Encoded;
  /** What the tokenizer begins every sequence with. */
  readonly prefix: readonly number[];
  readonly bosId: number | undefined;
  /** Why there may be no more tokens, where it is not the model's own length. */
  readonly limitedBy?: string | undefined;
}

/** Up to how many times `maxTokens` the tokens of a text that is too long are counted. */
const countedLengths = 4;

/**
 * The tokens of text that was templated already. Where it is too long and may be cut, `left` keeps the
 * sequence's prefix and the end, `right` the beginning.
 *
 * @throws {AssayError} `text/too-long`, `text/empty-conversation`, `text/unknown-token`.
 */
export function templatedTokens(
  templated: TemplatedText,
  { maxTokens, truncate }: Limits,
  { encode, prefix, bosId, limitedBy }: TemplatedEncoding,
): { readonly ids: readonly number[]; readonly truncated: boolean } {
  const limit = truncate === "left"
    ? Infinity
    : truncate === "right"
    ? maxTokens
    : countedLengths * maxTokens;
  const encoded = "ids" in templated
    ? encodedIds(templated.ids)
    : encode(templated.text.toWellFormed(), { limit, countsOnly: truncate === undefined });
  const addsPrefix = "text" in templated && (templated.addSpecialTokens ?? true);
  const ids = addsPrefix ? withOneBeginning(encoded.ids, prefix, bosId) : encoded.ids;
  const total = encoded.total + ids.length - encoded.ids.length;
  if (total === 0) {
    throw new AssayError(
      "text/empty-conversation",
      "Cannot score templated text: expected at least one token, found none",
    );
  }
  if (total <= maxTokens) return { ids, truncated: false };
  if (truncate === undefined) {
    throw tooLong(describeTotal({ total, isComplete: encoded.isComplete }), maxTokens, limitedBy);
  }
  if (truncate === "right") return { ids: ids.slice(0, maxTokens), truncated: true };
  const kept = Math.min(commonLength(ids, prefix), maxTokens - 1);
  return { ids: [...ids.slice(0, kept), ...ids.slice(kept - maxTokens)], truncated: true };
}

function encodedIds(ids: readonly number[]): Encoded {
  const odd = ids.find((id) => !Number.isInteger(id) || id < 0 || id > 0xffffffff);
  if (odd === undefined) return { ids, total: ids.length, isComplete: true };
  throw new AssayError(
    "text/unknown-token",
    `Cannot score these tokens: expected whole numbers from 0 on, found ${odd}`,
  );
}
