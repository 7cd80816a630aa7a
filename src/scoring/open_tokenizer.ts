import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import { needsHeader, type Reads } from "../heads/reads.ts";
import { ChatTokenizer } from "../text/chat_tokenizer.ts";
import type { LoadOptions } from "./load_options.ts";
import { watchPad } from "./pooling.ts";
import { tokenIdWarnings } from "./token_ids.ts";

/** How a checkpoint's tokenizer is opened. */
export interface OpenTokenizerOptions extends Pick<LoadOptions, "truncate" | "trustSpecialTokens"> {
  /** Longest conversation, in tokens. */
  readonly maxTokens: number;
  /** Why that is less than the model's own length, where it is. */
  readonly limitedBy?: string | undefined;
  /** The positions that are read, which a template must have. */
  readonly reads: Reads;
  /** Told of what is odd about the tokens. */
  readonly warn: (message: string) => void;
}

/**
 * Opens a checkpoint's tokenizer and chat template as its model reads them.
 *
 * @throws {AssayError} `checkpoint/bad-config`, and errors of `text/`.
 */
export async function openTokenizer(
  checkpoint: Checkpoint,
  { maxTokens, limitedBy, reads, truncate, trustSpecialTokens, warn }: OpenTokenizerOptions,
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
  const tokenizer = await ChatTokenizer.open(checkpoint, {
    maxTokens,
    limitedBy,
    requireHeader: needsHeader(reads),
    requireResponse: true,
    trustSpecialTokens: trustSpecialTokens ?? false,
    ...(truncate === undefined ? {} : { truncate }),
    ...(pattern === undefined ? {} : { headerPattern: pattern }),
  });
  const odd = tokenIdWarnings(checkpoint.config, tokenizer.namedIds);
  for (const warning of [...tokenizer.warnings, ...odd]) warn(`${checkpoint.name}: ${warning}`);
  lookAtPad(tokenizer, watchPad(reads, checkpoint, warn));
  return tokenizer;
}

const probe = [{ role: "user", content: "Hello" }, { role: "assistant", content: "Yes." }];

/** Whether conversations end with the pad token is seen by any of them, so it is told before the first. */
function lookAtPad(tokenizer: ChatTokenizer, watch: (ids: Uint32Array) => void): void {
  try {
    watch(tokenizer.tokenize(probe).ids);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error; // Each row says what its own error is.
  }
}
