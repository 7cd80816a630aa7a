import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import type { NamedToken } from "../heads/asked.ts";
import { needsHeader, type Reads } from "../heads/reads.ts";
import type { BackbonePlan } from "../models/family.ts";
import { ChatTokenizer } from "../text/chat_tokenizer.ts";
import type { ConversationTokenizer, TextForm } from "../text/conversation_tokenizer.ts";
import { PairTokenizer } from "../text/pair_tokenizer.ts";
import type { StepEnds } from "../text/step_text.ts";
import { findTemplate, readTokenizerFiles, type TextFiles } from "../text/tokenizer_files.ts";
import type { LoadOptions } from "./load_options.ts";
import { watchPad } from "./pooling.ts";
import { tokenIdWarnings } from "./token_ids.ts";

/** How a checkpoint's tokenizer is opened. */
export interface OpenTokenizerOptions
  extends Pick<LoadOptions, "form" | "truncate" | "trustSpecialTokens"> {
  /** Longest conversation, in tokens. */
  readonly maxTokens: number;
  /** Why that is less than the model's own length, where it is. */
  readonly limitedBy?: string | undefined;
  /** What reads the tokens; absent where it is not understood. */
  readonly backbone?: Pick<BackbonePlan, "family" | "causal" | "tokenTypes"> | undefined;
  /** The positions that are read, which a template must have. */
  readonly reads: Reads;
  /** A token that conversations are made to end with. */
  readonly ending?: number | undefined;
  /** The tokens whose logits are read; steps that are turns are answered with the first one. */
  readonly tokens?: readonly NamedToken[] | undefined;
  /** Source of a chat template in place of the checkpoint's. */
  readonly chatTemplate?: string | undefined;
  /** Told of what is odd about the tokens. */
  readonly warn: (message: string) => void;
}

/**
 * Opens a checkpoint's tokenizer as its model reads conversations: by its chat template, or as pairs.
 *
 * @throws {AssayError} `checkpoint/bad-config`, `scoring/unknown-form`, `scoring/wrong-form`, and errors
 *   of `text/`.
 */
export async function openTokenizer(
  checkpoint: Checkpoint,
  options: OpenTokenizerOptions,
): Promise<ConversationTokenizer> {
  const { reads, warn } = options;
  const form = await formOf(checkpoint, options);
  const tokenizer = form === "chat"
    ? await openChat(checkpoint, options)
    : await openPairs(checkpoint, options);
  const odd = tokenIdWarnings(checkpoint.config, tokenizer.namedIds);
  for (const warning of [...tokenizer.warnings, ...odd]) warn(`${checkpoint.name}: ${warning}`);
  // With a token of the head's at the end, no conversation ends as its template has it.
  if (options.ending === undefined) lookAtPad(tokenizer, watchPad(reads, checkpoint, warn));
  return tokenizer;
}

/** Encoders read pairs, unless they have a chat template, of which it must be said what it is for. */
async function formOf(
  checkpoint: Checkpoint,
  { form, backbone, chatTemplate }: OpenTokenizerOptions,
): Promise<TextForm> {
  if (backbone === undefined) return form ?? "chat";
  const { causal, family: { modelType } } = backbone;
  if (causal && form === "pair") {
    throw new AssayError(
      "scoring/wrong-form",
      `Cannot join pairs for ${checkpoint.name}: expected an encoder, which reads a prompt and a ` +
        `response together, found a ${modelType} backbone, which reads a text from left to right; ` +
        "leave --form out",
    );
  }
  if (form === "pair" && chatTemplate !== undefined) {
    throw new AssayError(
      "scoring/wrong-form",
      `Cannot join pairs for ${checkpoint.name}: expected no chat template, which a pair is not rendered ` +
        "by, found the one that was given; leave out --form pair, or --chat-template",
    );
  }
  if (causal || form !== undefined) return form ?? "chat";
  const files = withTemplate(checkpoint, chatTemplate);
  const template = await findTemplate(files, await readTokenizerFiles(files));
  if (template === undefined) return "pair";
  throw new AssayError(
    "scoring/unknown-form",
    `Cannot tell how conversations become tokens for ${checkpoint.name}: expected an encoder ` +
      `(${modelType}) without a chat template, which reads pairs, found ${
        chatTemplate === undefined ? template.origin : "the one that was given"
      }; --form ` +
      "chat renders by the template, --form pair joins (prompt, response): take what it was trained with",
  );
}

function openChat(
  checkpoint: Checkpoint,
  options: OpenTokenizerOptions,
): Promise<ChatTokenizer> {
  const { maxTokens, limitedBy, reads, ending, truncate, trustSpecialTokens } = options;
  const pattern = checkpoint.config.gating_token_pattern ?? undefined;
  const isPattern = Array.isArray(pattern) && pattern.every((id) => Number.isSafeInteger(id));
  if (pattern !== undefined && !isPattern) {
    throw new AssayError(
      "checkpoint/bad-config",
      `Cannot read ${checkpoint.name}/config.json: expected "gating_token_pattern" to be a list of ` +
        "token ids",
    );
  }
  const files = withTemplate(checkpoint, options.chatTemplate);
  return ChatTokenizer.open(files, {
    maxTokens: ending === undefined ? maxTokens : maxTokens - 1, // room for it
    limitedBy,
    requireHeader: needsHeader(reads),
    requireResponse: true,
    steps: stepEndsOf(reads, options.tokens),
    trustSpecialTokens: trustSpecialTokens ?? false,
    ...(truncate === undefined ? {} : { truncate }),
    ...(pattern === undefined ? {} : { headerPattern: pattern }),
  });
}

async function openPairs(
  checkpoint: Checkpoint,
  { maxTokens, limitedBy, reads, truncate, trustSpecialTokens, backbone }: OpenTokenizerOptions,
): Promise<PairTokenizer> {
  if (needsHeader(reads)) {
    throw new AssayError(
      "text/no-gating-pattern",
      `Cannot find where ${checkpoint.name} reads its header: expected an assistant header, found an ` +
        "encoder's pairs, which have none",
    );
  }
  const tokenTypes = backbone?.tokenTypes ?? 0;
  return await PairTokenizer.open(checkpoint, {
    maxTokens,
    limitedBy,
    truncate,
    trustSpecialTokens,
    tokenTypes,
  });
}

/** A checkpoint's text files, with another chat template where one is given. */
export function withTemplate(files: TextFiles, chatTemplate: string | undefined): TextFiles {
  if (chatTemplate === undefined) return files;
  return {
    name: files.name,
    readText: (file) =>
      file === "chat_template.jinja" ? Promise.resolve(chatTemplate) : files.readText(file),
  };
}

function stepEndsOf(reads: Reads, tokens: readonly NamedToken[] = []): StepEnds | undefined {
  const all = Object.values(reads);
  const end = all.find((read) => read.at === "step");
  if (end !== undefined) return end;
  return all.some(({ at }) => at === "turn") ? { answer: tokens[0]?.text ?? "" } : undefined;
}

const probe = [{ role: "user", content: "Hello" }, { role: "assistant", content: "Yes." }];

/** Whether conversations end with the pad token is seen by any of them, so it is told before the first. */
function lookAtPad(tokenizer: ConversationTokenizer, watch: (ids: Uint32Array) => void): void {
  try {
    watch(tokenizer.tokenize(probe).ids);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error; // Each row says what its own error is.
  }
}
