import type { Fields } from "./tokenizer_fields.ts";

/** Words no longer than this are encoded whole: looking for cuts would cost more than it saves. */
const shortWord = 16;
const codePoints = 0x110000;

/**
 * Cuts words into parts that a byte pair encoding treats by themselves.
 *
 * A merge makes a vocabulary entry. Where two neighbouring characters stand next to each other in no
 * entry, no merge ever reaches across them, so the parts on both sides can be encoded apart, with the
 * same tokens. Tokenizers without word splitting (Llama 2, Mistral) make a whole conversation one
 * word; cut before each "▁" it is encoded about twenty times as fast, and texts without spaces no
 * longer become one huge word.
 *
 * @param config The `model` entry of `tokenizer.json`, a BPE.
 * @param tokens Its vocabulary.
 * @returns Cuts a word into parts that give the word when joined, as they are asked for.
 */
export function buildWordCutter(
  config: Fields,
  tokens: ReadonlyMap<string, number>,
): (word: string) => Iterable<string> {
  if (config["end_of_word_suffix"]) return (word) => [word];
  const neighbours = new Set<number>();
  for (const token of tokens.keys()) {
    let previous: number | undefined;
    for (const character of token) {
      const current = character.codePointAt(0)!;
      if (previous !== undefined) neighbours.add(previous * codePoints + current);
      previous = current;
    }
  }
  // Unknown characters in a row may become one token, so they stay together.
  const fuses = config["fuse_unk"] === true && config["byte_fallback"] !== true;
  const isUnknown = (code: number) => fuses && !tokens.has(String.fromCodePoint(code));
  const cut = function* (word: string) {
    let start = 0;
    let previous = word.codePointAt(0)!;
    let place = previous > 0xffff ? 2 : 1;
    while (place < word.length) {
      const current = word.codePointAt(place)!;
      const joins = neighbours.has(previous * codePoints + current) ||
        (isUnknown(previous) && isUnknown(current));
      if (!joins) {
        yield word.slice(start, place);
        start = place;
      }
      previous = current;
      place += current > 0xffff ? 2 : 1;
    }
    yield word.slice(start);
  };
  return (word) => word.length <= shortWord ? [word] : cut(word);
}
