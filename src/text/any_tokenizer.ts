import { ChatTokenizer } from "./chat_tokenizer.ts";
import type { ConversationTokenizer } from "./conversation_tokenizer.ts";
import { PairTokenizer } from "./pair_tokenizer.ts";
import { namedSpecialTokens } from "./special_tokens.ts";
import { findTemplate, readTokenizerFiles, type TextFiles } from "./tokenizer_files.ts";

/**
 * Opens a checkpoint's tokenizer to count tokens, whatever model it is for: by its chat template, or as
 * pairs where it has none and its special tokens are an encoder's. What a model scores is opened by its
 * plan instead, which knows.
 *
 * @throws {AssayError} As {@link ChatTokenizer.open}, {@link PairTokenizer.open}.
 */
export async function openAnyTokenizer(
  files: TextFiles,
  { maxTokens }: { readonly maxTokens: number },
): Promise<ConversationTokenizer> {
  const read = await readTokenizerFiles(files);
  const { cls_token: cls, sep_token: sep } = namedSpecialTokens(read.config);
  const isEncoder = cls !== undefined && sep !== undefined;
  const isPair = isEncoder && await findTemplate(files, read) === undefined;
  return isPair
    ? await PairTokenizer.open(files, { maxTokens })
    : await ChatTokenizer.open(files, { maxTokens });
}
