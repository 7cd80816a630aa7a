/**
 * Conversations to tokens: a checkpoint's own tokenizer and chat template, with special tokens in
 * content kept as text, exactly one beginning of sequence, and a length policy.
 *
 * @module
 */
export { ChatTemplate, type ChatTemplateOptions } from "./chat_template.ts";
export type { Origin, TextValue } from "./jinja/text_value.ts";
export {
  ChatTokenizer,
  type ChatTokenizerOptions,
  type TokenizedConversation,
} from "./chat_tokenizer.ts";
export {
  type Conversation,
  type Message,
  type TemplateVariables,
  withVariables,
} from "./conversation.ts";
export type { TextFiles } from "./tokenizer_files.ts";
export type { Truncation } from "./truncation.ts";
