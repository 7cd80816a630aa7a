import type { Message } from "../../src/text/conversation.ts";
import type { ModelShape } from "./model_shape.ts";

/**
 * A tokenizer whose ids can be chosen: each word is one token, so that a conversation of exactly the
 * wanted ids can be written down, given to Assay as text and to a peer as numbers.
 */
const special = ["<unk>", "<s>", "</s>", "<|user|>", "<|assistant|>"];
const [beginning, end, user, assistant] = [1, 2, 3, 4];
const letters = [..."abcdefghijklmnopqrstuvwxyz", "Ġ"];

/** Ids from here on are words of four letters. */
export const firstWord = special.length + letters.length;

function word(id: number): string {
  let rest = id - firstWord;
  let text = "";
  for (let letter = 0; letter < 4; letter++) {
    text = letters[rest % 26]! + text;
    rest = Math.floor(rest / 26);
  }
  return text;
}

const template = "{{ bos_token }}{% for message in messages %}" +
  "{{ '<|' + message['role'] + '|> ' + message['content'] + '</s>' }}{% endfor %}";

/** The tokenizer's files, by name. */
export function tokenizerFiles({ vocabulary }: ModelShape): Record<string, string> {
  const words = Array.from({ length: vocabulary - firstWord }, (_, i) => `Ġ${word(firstWord + i)}`);
  const entries = [...special, ...letters, ...words].map((token, id) => [token, id]);
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: { ...byteLevel, use_regex: true },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      ignore_merges: true,
      vocab: Object.fromEntries(entries),
      merges: [],
    },
  };
  const config = {
    bos_token: "<s>",
    eos_token: "</s>",
    unk_token: "<unk>",
    tokenizer_class: "PreTrainedTokenizerFast",
    chat_template: template,
  };
  return {
    "tokenizer.json": JSON.stringify(tokenizer),
    "tokenizer_config.json": JSON.stringify(config),
  };
}

/** The messages whose tokens are `ids`, which {@link promptAndResponse} made. */
export function messagesOf(ids: readonly number[]): Message[] {
  const answer = ids.indexOf(assistant);
  const text = (from: number, to: number): string => ids.slice(from, to).map(word).join(" ");
  return [
    { role: "user", content: text(2, answer - 1) },
    { role: "assistant", content: text(answer + 1, ids.length - 1) },
  ];
}

/**
 * Token ids of a conversation: a prompt of exactly `prompt` tokens, which the prompt's seed decides,
 * then a response of exactly `response` tokens.
 */
export function promptAndResponse(
  { vocabulary }: ModelShape,
  prompt: { readonly tokens: number; readonly seed: number },
  response: { readonly tokens: number; readonly seed: number },
): number[] {
  const words = (count: number, seed: number): number[] => {
    const offset = 7919 * (seed + 1);
    return Array.from(
      { length: count },
      (_, i) => firstWord + (offset + 104729 * i) % (vocabulary - firstWord),
    );
  };
  return [
    beginning,
    user,
    ...words(prompt.tokens - 4, prompt.seed),
    end,
    assistant,
    ...words(response.tokens - 1, 1000 + response.seed),
    end,
  ];
}

/** Token ids of a conversation of exactly `tokens` tokens, a quarter of them the prompt. */
export function conversationIds(shape: ModelShape, tokens: number, seed: number): number[] {
  const prompt = Math.max(5, Math.floor(tokens / 4));
  return promptAndResponse(shape, { tokens: prompt, seed }, { tokens: tokens - prompt, seed });
}
