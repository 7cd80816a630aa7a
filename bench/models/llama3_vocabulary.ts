import type { Message } from "../../src/text/conversation.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";

/**
 * A tokenizer in the shape of Llama 3's: the ids that its template and ArmoRM's gating pattern use stand
 * where they stand in the published one, every byte is a token, and all other ids are words of four
 * letters. Any text can be tokenised; text of those words, one token for each.
 */

/** Reserved ids at the vocabulary's end, the pad token the last of them. */
const reserved = 257;

const special: Readonly<Record<number, string>> = {
  0: "<|begin_of_text|>",
  1: "<|end_of_text|>",
  6: "<|start_header_id|>",
  7: "<|end_header_id|>",
  9: "<|eot_id|>",
  256: "[PAD]",
};

/** Pieces of the template that are no special tokens, by their ids in Llama 3. */
const pieces: readonly (readonly [text: string, id: number])[] = [
  ["ĊĊ", 271],
  ["user", 882],
  ["system", 9125],
  ["assistant", 78191],
];

/** What Llama 3 cuts a text by before its vocabulary. */
const words = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|" +
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const template = "{% for message in messages %}" +
  "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' " +
  "+ message['content'] | trim + '<|eot_id|>' %}" +
  "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}" +
  "{% endfor %}{% if add_generation_prompt %}" +
  "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}";

/** Ids by the names that a config has for them. */
export function llama3Ids(vocabulary: number) {
  const first = vocabulary - reserved;
  return { bos_token_id: first, eos_token_id: first + 1, pad_token_id: vocabulary - 1 };
}

/** Characters that stand for the 256 bytes in a byte-level vocabulary, as GPT-2 chose them. */
function byteCharacters(): string[] {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let others = 0;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCharCode(printable(byte) ? byte : 256 + others++),
  );
}

function word(id: number): string {
  let rest = id;
  let text = "";
  for (let letter = 0; letter < 4; letter++) {
    text = String.fromCharCode(97 + rest % 26) + text;
    rest = Math.floor(rest / 26);
  }
  return text;
}

/** The vocabulary, without the reserved ids at its end. */
function entries(vocabulary: number): string[] {
  const count = vocabulary - reserved;
  const tokens = Array.from({ length: count }, (_, id) => `Ġ${word(id)}`);
  byteCharacters().forEach((character, byte) => tokens[byte] = character);
  // A small vocabulary has no such ids: the next best.
  pieces.forEach(([text, id], i) => tokens[id < count ? id : 256 + i] = text);
  return tokens;
}

/** The tokenizer's files, by name. */
export function llama3TokenizerFiles(vocabulary: number): Record<string, string> {
  if (vocabulary < reserved + 300) {
    throw new TypeError(`expected a vocabulary of ${reserved + 300} tokens or more`);
  }
  const tokens = entries(vocabulary);
  const reservedTokens = Array.from({ length: reserved }, (_, i) => ({
    id: vocabulary - reserved + i,
    content: special[i] ?? `<|reserved_special_token_${i}|>`,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true };
  const tokenizer = {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: reservedTokens,
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: words }, behavior: "Isolated", invert: false },
        { ...byteLevel, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { ...byteLevel, use_regex: true },
    model: {
      type: "BPE",
      ignore_merges: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: [],
    },
  };
  const config = {
    bos_token: special[0],
    eos_token: special[1],
    pad_token: special[256],
    tokenizer_class: "PreTrainedTokenizerFast",
    chat_template: template,
  };
  return {
    "tokenizer.json": JSON.stringify(tokenizer),
    "tokenizer_config.json": JSON.stringify(config),
  };
}

/** Tokens of a conversation that are not its words: the template's. */
const templateTokens = 11;

/** A conversation of exactly so many tokens, of words from all over the vocabulary; a third is the prompt. */
export function llama3Conversation(vocabulary: number, tokens: number, seed: number): Message[] {
  const random = seededRandom(seed);
  const first = 300;
  const taken = new Set(pieces.map(([, id]) => id));
  const text = (count: number): string => {
    const drawn: string[] = [];
    while (drawn.length < count) {
      const id = first + Math.floor(random() * (vocabulary - reserved - first));
      if (!taken.has(id)) drawn.push(word(id));
    }
    // A word is a token with the space before it; a text begins with one letter, a token too.
    return ["a", ...drawn.slice(1)].join(" ");
  };
  const prompt = Math.max(1, Math.floor((tokens - templateTokens) / 3));
  return [
    { role: "user", content: text(prompt) },
    { role: "assistant", content: text(Math.max(1, tokens - templateTokens - prompt)) },
  ];
}
