import { checkOptions, share } from "../check_options.ts";
import { AssayError } from "../error.ts";

/** Words, numbers and single marks. */
const wordsOfText = /[\p{L}\p{M}]+|\p{N}+|[^\s\p{L}\p{M}\p{N}]/gu;

/**
 * How alike two texts are by their words, numbers and marks, capitals or not: Σ min / Σ max of how often
 * each stands in them (the weighted Jaccard index). 1 for two texts without any.
 *
 * @param a A text.
 * @param b Another.
 * @returns From 0 to 1.
 *
 * @example
 * ```ts
 * import { wordOverlap } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.equal(wordOverlap("It is 4.", "it is 5."), 3 / 5);
 * ```
 */
export function wordOverlap(a: string, b: string): number {
  return overlap(wordCounts(a), wordCounts(b));
}

/** How often each word of a text stands in it. */
export function wordCounts(text: string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const [word] of text.toLowerCase().matchAll(wordsOfText)) {
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** {@linkcode wordOverlap} of counted words. */
export function overlap(a: ReadonlyMap<string, number>, b: ReadonlyMap<string, number>): number {
  let [least, most] = [0, 0];
  for (const [word, count] of a) {
    const other = b.get(word) ?? 0;
    least += Math.min(count, other);
    most += Math.max(count, other);
  }
  for (const [word, count] of b) if (!a.has(word)) most += count;
  return most === 0 ? 1 : least / most;
}

/** Samples of one prompt, put together by what they say. */
export interface SampleGroups {
  /** Group of each sample, numbered from 0 in the order in which they first appear. */
  readonly groups: readonly number[];
  /** Samples of each group. */
  readonly sizes: readonly number[];
  /** The largest group; `null` where two are as large. */
  readonly largest: number | null;
  /** Share of the samples that is in the largest group, or in each of those that are as large. */
  readonly confidence: number;
}

/**
 * Groups samples by single linkage: two are in one group where a chain of samples, each at least `alike`
 * to the next, leads from one to the other (SciPy's `linkage(…, "single")`, cut at the distance
 * 1 − `alike`). How large the largest group is tells how sure the policy is of what it says (reward
 * learning on policy, arXiv 2403.19279).
 *
 * @param count Number of samples, at least one.
 * @param similarity How alike the samples at two places are, from 0 to 1, the same both ways round.
 * @param alike From which similarity on two are linked.
 * @throws {AssayError} `voting/bad-option` for a bound that is none, or no sample.
 *
 * @example
 * ```ts
 * import { groupSamples, wordOverlap } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const texts = ["It is 4.", "It is 4!", "No idea"];
 * const { groups, confidence } = groupSamples(3, (i, j) => wordOverlap(texts[i]!, texts[j]!), 0.5);
 * assert.deepEqual(groups, [0, 0, 1]);
 * assert.equal(confidence, 2 / 3);
 * ```
 */
export function groupSamples(
  count: number,
  similarity: (one: number, other: number) => number,
  alike: number,
): SampleGroups {
  checkOptions("voting/bad-option", "group samples", { alike }, { alike: share });
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new AssayError(
      "voting/bad-option",
      `Cannot group samples: expected at least one, found ${count}`,
    );
  }
  const groups = new Array<number>(count).fill(-1);
  const sizes: number[] = [];
  for (let first = 0; first < count; first++) {
    if (groups[first] !== -1) continue;
    const group = sizes.push(0) - 1;
    groups[first] = group;
    for (const waiting = [first]; waiting.length > 0;) {
      const one = waiting.pop()!;
      sizes[group]!++;
      for (let other = 0; other < count; other++) {
        if (groups[other] !== -1 || !(similarity(one, other) >= alike)) continue;
        groups[other] = group;
        waiting.push(other);
      }
    }
  }
  const most = Math.max(...sizes);
  const isAlone = sizes.indexOf(most) === sizes.lastIndexOf(most);
  return {
    groups,
    sizes,
    largest: isAlone ? sizes.indexOf(most) : null,
    confidence: most / count,
  };
}
