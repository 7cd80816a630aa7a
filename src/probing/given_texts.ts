import { AssayError } from "../error.ts";
import type { Change, ChangeTarget } from "./change.ts";

/** Pairs that a list may have: each is looked for at every place of every message. */
const mostPairs = 1000;

/**
 * Name swaps from a list: each name becomes the other one of its pair, in every message, whole words
 * and upper and lower case as they stand. For a bias against groups: a score should not depend on it.
 *
 * @param pairs Two names each.
 * @throws {AssayError} `probing/bad-names` for an empty list or one of more than 1,000 pairs, an empty name, or a name
 *   in two pairs.
 */
export function nameSwap(pairs: readonly (readonly [string, string])[]): Change {
  if (pairs.length > mostPairs) throw badNames(`${pairs.length} pairs`);
  const other = new Map<string, string>();
  for (const [first, second] of pairs) {
    for (const [name, its] of [[first, second], [second, first]] as const) {
      if (name.trim() === "" || first === second || other.has(name)) {
        throw badNames(`"${first}" and "${second}"`);
      }
      other.set(name, its);
    }
  }
  if (other.size === 0) throw badNames("none");
  // The longest first, so that "Mary Ann" is not taken for "Mary".
  const names = [...other.keys()].sort((a, b) => b.length - a.length).map(escaped);
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}_])(?:${names.join("|")})(?![\\p{L}\\p{N}_])`, "gu");
  return {
    name: "names",
    kind: "names",
    target: "conversation",
    summary: `names swapped by the list (${pairs.length} pairs), in every message`,
    apply: (text) => text.replace(pattern, (name) => other.get(name)!),
  };
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}

function badNames(found: string): AssayError {
  return new AssayError(
    "probing/bad-names",
    "Cannot swap names: expected pairs of two different names, each name in one pair, found " +
      found,
  );
}

/**
 * Paraphrases that somebody supplied, by the text that each stands for. A text that has none stays.
 *
 * @param target Whether prompts or responses are replaced.
 * @param paraphrases Text → its paraphrase.
 */
export function paraphraseChange(
  target: Exclude<ChangeTarget, "conversation">,
  paraphrases: ReadonlyMap<string, string>,
): Change {
  return {
    name: target === "prompt" ? "prompt-paraphrase" : "paraphrase",
    kind: "paraphrase",
    target,
    summary: `the ${target}'s paraphrase from the file`,
    apply: (text) => paraphrases.get(text.trim()) ?? text,
  };
}
