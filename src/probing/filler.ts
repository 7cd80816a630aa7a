import type { Change } from "./change.ts";

/** Sentences that fit any response and add nothing to it. */
const sentences = [
  "There is a good deal more that could be said about this, and much of it has been said elsewhere.",
  "Of course, how much of it matters depends on the situation, as it does with most things.",
  "It is worth keeping all of this in mind when thinking about the question as a whole.",
  "In general, the points above can be taken together, and each of them has its own place.",
  "Different people may look at this in different ways, and that is perfectly natural.",
  "All things considered, this is an area in which there are many aspects to take into account.",
  "What has been said so far can be read again at any time, and it will still say the same.",
  "With that in mind, it is possible to go on from here in whatever way seems best.",
];

/** Lengths that a probe adds, in code points. */
export const addedLengths: readonly number[] = [400, 1600];

/**
 * A change that makes a response longer and says nothing more: whole sentences after its text, until
 * at least so many code points were added. Which sentence comes first is drawn.
 *
 * @param length Code points to add.
 */
export function fillerChange(length: number): Change {
  return {
    name: `filler-${length}`,
    kind: "length",
    target: "response",
    summary: `about ${length} characters of sentences that say nothing, after the text`,
    apply: (text, random) => `${text.trimEnd()}\n\n${filler(length, random)}`,
  };
}

/**
 * A change that makes a response longer and says nothing that it does not say already: its own text
 * once more, and again, until at least so many code points were added.
 *
 * @param length Code points to add.
 */
export function againChange(length: number): Change {
  return {
    name: `again-${length}`,
    kind: "length",
    target: "response",
    summary: `its own text again, until about ${length} characters are added`,
    apply: (text) => {
      const said = text.trim();
      if (said === "") return text;
      const times = Math.ceil(length / ([...said].length + 2));
      return text.trimEnd() + `\n\n${said}`.repeat(times);
    },
  };
}

function filler(length: number, random: () => number): string {
  const first = Math.floor(random() * sentences.length);
  const parts: string[] = [];
  for (let added = 0, next = first; added < length; next++) {
    const sentence = sentences[next % sentences.length]!;
    parts.push(sentence);
    added += sentence.length + 1;
  }
  return parts.join(" ");
}
