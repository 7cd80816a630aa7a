import { AssayError } from "../error.ts";
import type { PairMixture } from "./pair_mixture.ts";

/** Pairs of feature rows, the chosen one first, with what `curate` says of each. */
export interface PreferencePairs {
  /** Features of an example. */
  readonly dimension: number;
  /** [rows, dimension], row major. */
  readonly features: Float32Array;
  /** Row of the chosen and row of the rejected response, by turns: [pairs, 2]. */
  readonly pairs: Uint32Array;
  /** α of each pair: the probability that its label is wrong; 0 by default. */
  readonly labelSmoothing?: Float64Array | undefined;
  /** μ̂ of each pair: what the chosen response must be ahead by; 0 by default. */
  readonly margin?: Float64Array | undefined;
  /** How the pairs' sources are mixed; without, all pairs count alike. */
  readonly mixture?: PairMixture | undefined;
}

/** Some pairs, drawn to be learnt from. */
export interface PairBatch {
  /** Pairs in the batch. */
  readonly count: number;
  /** [count, dimension] */
  readonly chosen: Float64Array;
  /** [count, dimension] */
  readonly rejected: Float64Array;
  /** α of a pair of the batch. */
  readonly labelSmoothing: (pair: number) => number;
  /** μ̂ of a pair of the batch. */
  readonly margin: (pair: number) => number;
}

/**
 * Makes sure that pairs can be learnt from.
 *
 * @throws {AssayError} `fitting/no-pairs`, `fitting/wrong-rows`, `fitting/not-finite`.
 */
export function checkPairs(pairs: PreferencePairs): void {
  const { dimension, features, labelSmoothing, margin } = pairs;
  const count = pairs.pairs.length / 2;
  if (count === 0) {
    throw new AssayError(
      "fitting/no-pairs",
      "Cannot fit a head: expected at least one pair, found none",
    );
  }
  const rows = features.length / dimension;
  const wrong = pairs.pairs.find((row) => row >= rows);
  if (wrong !== undefined || !Number.isInteger(rows) || !Number.isInteger(count)) {
    throw new AssayError(
      "fitting/wrong-rows",
      `Cannot fit a head: expected pairs of rows below ${rows}, found ${
        wrong ?? pairs.pairs.length
      }`,
    );
  }
  for (const terms of [labelSmoothing, margin]) {
    if (terms !== undefined && terms.length !== count) {
      throw new AssayError(
        "fitting/wrong-rows",
        `Cannot fit a head: expected smoothing and margin of ${count} pairs, found ${terms.length}`,
      );
    }
  }
  for (const numbers of [features, labelSmoothing ?? [], margin ?? []]) {
    const at = numbers.findIndex((x: number) => !Number.isFinite(x));
    if (at >= 0) {
      throw new AssayError(
        "fitting/not-finite",
        `Cannot fit a head: expected finite numbers, found ${numbers[at]} at ${at}`,
      );
    }
  }
}

/** The pairs with the given numbers, as a batch. */
export function batchOfPairs(pairs: PreferencePairs, chosen: ArrayLike<number>): PairBatch {
  const { dimension, features } = pairs;
  const gather = (side: 0 | 1): Float64Array => {
    const rows = new Float64Array(chosen.length * dimension);
    for (let i = 0; i < chosen.length; i++) {
      const row = pairs.pairs[2 * chosen[i]! + side]!;
      rows.set(features.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    }
    return rows;
  };
  return {
    count: chosen.length,
    chosen: gather(0),
    rejected: gather(1),
    labelSmoothing: (pair) => pairs.labelSmoothing?.[chosen[pair]!] ?? 0,
    margin: (pair) => pairs.margin?.[chosen[pair]!] ?? 0,
  };
}

/**
 * The numbers of `size` pairs, drawn with replacement.
 *
 * @param count How many pairs there are.
 * @param mixture How their sources are mixed.
 */
export function drawPairs(
  count: number,
  size: number,
  random: () => number,
  mixture?: PairMixture,
): Uint32Array {
  if (mixture !== undefined) return mixture.draw(size, random);
  return Uint32Array.from({ length: size }, () => Math.floor(random() * count));
}
