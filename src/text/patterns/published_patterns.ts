const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const spaces = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const lead = "[^\\r\\n\\p{L}\\p{N}]?";

/** The way of cl100k and those after it, with so many digits in a number. */
function cl100k(digits: string, letters = "\\p{L}", others = "[^\\s\\p{L}\\p{N}]"): string {
  return `${contractions}|${lead}${letters}+|${digits}| ?${others}+[\\r\\n]*|${spaces}`;
}

/** The way of o200k. */
function o200k(end: string): string {
  return `${lead}${upper}*${lower}+${contractions}?|${lead}${upper}+${lower}*${contractions}?|` +
    `\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+${end}|${spaces}`;
}

/**
 * Patterns of published tokenizers, as their `tokenizer.json` write them. Each takes a run of one kind
 * of character and then goes on, or gives back a part of that run once, so that JavaScript's engine
 * takes no more time than the text is long.
 */
export const publishedPatterns: ReadonlySet<string> = new Set([
  // GPT-2, with and without \s.
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
  // Llama 3, cl100k, Qwen.
  cl100k("\\p{N}{1,3}"),
  cl100k("\\p{N}"),
  cl100k("\\p{N}", "[\\p{L}\\p{M}]", "[^\\s\\p{L}\\p{M}\\p{N}]"),
  // o200k, Llama 4, GPT-OSS, Mistral's Tekken.
  o200k("[\\r\\n/]*"),
  o200k("[\\r\\n]*"),
  // DeepSeek.
  "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+|" +
  ` ?[\\p{P}\\p{S}]+[\\r\\n]*|${spaces}`,
]);
