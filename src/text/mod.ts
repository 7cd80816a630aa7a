/**
 * Conversations to tokens: a checkpoint's own tokenizer and chat template, or the pairs of an encoder,
 * with special tokens in content kept as text, exactly one beginning of sequence, and a length policy.
 *
 * @module
 */
export { ChatTemplate, type ChatTemplateOptions } from "./chat_template.ts";
export type { Origin, TextValue } from "./jinja/text_value.ts";
export { ChatTokenizer, type ChatTokenizerOptions } from "./chat_tokenizer.ts";
export type { StepEnd, StepEnds } from "./step_text.ts";
export type {
  ConversationTokenizer,
  TextForm,
  TextOptions,
  TokenizedConversation,
} from "./conversation_tokenizer.ts";
export {
  type Conversation,
  type ConversationLimits,
  type Message,
  type TemplatedText,
  type TemplateVariables,
  withLimits,
  withVariables,
} from "./conversation.ts";
export { templatedText } from "./templated_text.ts";
export { PairTokenizer, type PairTokenizerOptions } from "./pair_tokenizer.ts";
export type { TextFiles } from "./tokenizer_files.ts";
export type { Truncation } from "./truncation.ts";
