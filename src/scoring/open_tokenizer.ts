import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import { needsHeader, type Reads } from "../heads/reads.ts";
import { ChatTokenizer } from "../text/chat_tokenizer.ts";
import type { LoadOptions } from "./load_options.ts";

/** How a checkpoint's tokenizer is opened. */
export interface OpenTokenizerOptions extends Pick<LoadOptions, "truncate" | "trustSpecialTokens"> {
  /** Longest conversation, in tokens. */
  readonly maxTokens: number;
  /** Why that is less than the model's own length, where it is. */
  readonly limitedBy?: string | undefined;
  /** The positions that are read, which a template must have. */
  readonly reads: Reads;
}

/**
 * Opens a checkpoint's tokenizer and chat template as its model reads them.
 *
 * @throws {AssayError} `checkpoint/bad-config`, and errors of `text/`.
 */
export function openTokenizer(
  checkpoint: Checkpoint,
  { maxTokens, limitedBy, reads, truncate, trustSpecialTokens }: OpenTokenizerOptions,
): Promise<ChatTokenizer> {
  const pattern = checkpoint.config.gating_token_pattern ?? undefined;
  const isPattern = Array.isArray(pattern) && pattern.every((id) => Number.isSafeInteger(id));
  if (pattern !== undefined && !isPattern) {
    throw new AssayError(
      "checkpoint/bad-config",
      `Cannot read ${checkpoint.name}/config.json: expected "gating_token_pattern" to be a list of ` +
        "token ids",
    );
  }
  return ChatTokenizer.open(checkpoint, {
    maxTokens,
    limitedBy,
    requireHeader: needsHeader(reads),
    trustSpecialTokens: trustSpecialTokens ?? false,
    ...(truncate === undefined ? {} : { truncate }),
    ...(pattern === undefined ? {} : { headerPattern: pattern }),
  });
}
