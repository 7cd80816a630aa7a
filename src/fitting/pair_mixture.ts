import { AssayError } from "../error.ts";

/** How much of the loss falls to the pairs of each source, by its name; sources without a share have none. */
export type MixtureShares = Readonly<Record<string, number>>;

/**
 * Pairs of several sources, mixed in given shares whatever their numbers: a step's batch has each
 * source's share of pairs, and a figure is the mean of the sources' means weighted by the shares.
 *
 * @example
 * ```ts
 * import { PairMixture } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * const mixture = new PairMixture(["web", "web", "web", "people"], { web: 1, people: 1 });
 * assert.deepEqual([...mixture.weights], [1 / 6, 1 / 6, 1 / 6, 1 / 2]);
 * assert.deepEqual([...mixture.draw(4, () => 0)], [0, 0, 3, 3]);
 * ```
 */
export class PairMixture {
  /** What each pair counts in a mean; they sum to 1. */
  readonly weights: Float64Array;
  readonly #sources: readonly { readonly share: number; readonly pairs: readonly number[] }[];

  /**
   * Mixes pairs.
   *
   * @param sources Source of each pair.
   * @param shares Positive numbers in any scale.
   * @throws {AssayError} `fitting/no-pairs` for a source without pairs, `fitting/bad-mixture`.
   */
  constructor(sources: readonly (string | null)[], shares: MixtureShares) {
    const entries = Object.entries(shares);
    const bad = entries.find(([, share]) => !(share > 0 && share < Infinity));
    if (entries.length === 0 || bad !== undefined) {
      throw new AssayError(
        "fitting/bad-mixture",
        `Cannot mix pairs: expected positive shares by source, found ${bad?.join(" = ") ?? "none"}`,
      );
    }
    const total = entries.reduce((sum, [, share]) => sum + share, 0);
    const bySource = Map.groupBy(sources.keys(), (pair) => sources[pair]!);
    this.weights = new Float64Array(sources.length);
    this.#sources = entries.map(([name, share]) => {
      const pairs = bySource.get(name);
      if (pairs === undefined) throw noPairs(name, [...bySource.keys()]);
      for (const pair of pairs) this.weights[pair] = share / total / pairs.length;
      return { share: share / total, pairs };
    });
  }

  /**
   * Draws pairs with replacement, source by source (stratified sampling). Shares of `size` become
   * whole numbers by the largest-remainder method.
   *
   * @param size How many.
   * @param random Draws numbers from 0 to 1.
   */
  draw(size: number, random: () => number): Uint32Array {
    const counts = this.#sources.map(({ share }) => Math.floor(share * size + 1e-9));
    const left = size - counts.reduce((sum, count) => sum + count, 0);
    const fraction = (at: number): number => this.#sources[at]!.share * size - counts[at]!;
    const order = [...counts.keys()].sort((a, b) => fraction(b) - fraction(a) || a - b);
    for (const at of order.slice(0, left)) counts[at]!++;
    const drawn = this.#sources.flatMap(({ pairs }, at) =>
      Array.from({ length: counts[at]! }, () => pairs[Math.floor(random() * pairs.length)]!)
    );
    return Uint32Array.from(drawn);
  }
}

function noPairs(source: string, known: readonly (string | null)[]): AssayError {
  return new AssayError(
    "fitting/no-pairs",
    `Cannot mix pairs: expected pairs of the source ${source}, found ` +
      (known.length === 0
        ? "none"
        : `those of ${known.map((name) => name ?? "no source").join(", ")}`),
  );
}
