import type { Change } from "./change.ts";
import { outsideCode } from "./code_spans.ts";

/** One word of so many has a typo. */
const wordsPerTypo = 12;

/** Typos: what people who type quickly do to a text. */
export const typoChanges: readonly Change[] = [
  {
    name: "prompt-typos",
    kind: "typos",
    target: "prompt",
    summary: `one word of ${wordsPerTypo} in the prompt, at least one, has two letters swapped`,
    apply: withTypos,
  },
  {
    name: "typos",
    kind: "typos",
    target: "response",
    summary: `one word of ${wordsPerTypo}, at least one, has two letters swapped`,
    apply: withTypos,
  },
];

/** A word in which two neighbours inside can be swapped so that it still reads. */
const word = /(?<![\p{L}\p{N}_/.@-])\p{Ll}{5,20}(?![\p{L}\p{N}_/@])/gu;

/** Swaps two letters within words that are drawn; the first and the last letter stay. */
function withTypos(text: string, random: () => number): string {
  let words = 0;
  outsideCode(text, (prose) => {
    for (const _ of prose.matchAll(word)) words++;
    return prose;
  });
  // One word of each stretch of twelve, so that their share is the same in every text.
  let index = 0;
  let chosen = -1;
  return outsideCode(text, (prose) =>
    prose.replace(word, (found) => {
      const within = index % wordsPerTypo;
      const last = Math.min(wordsPerTypo, words - (index - within));
      if (within === 0) chosen = index + Math.floor(random() * last);
      return index++ === chosen ? swapped(found, random) : found;
    }));
}

function swapped(text: string, random: () => number): string {
  const letters = [...text];
  const first = 1 + Math.floor(random() * (letters.length - 3));
  for (let tried = 0; tried < letters.length - 3; tried++) {
    const at = 1 + (first - 1 + tried) % (letters.length - 3);
    if (letters[at] === letters[at + 1]) continue;
    [letters[at], letters[at + 1]] = [letters[at + 1]!, letters[at]!];
    break;
  }
  return letters.join("");
}
