import {
  bootstrapDifference,
  bootstrapDraws,
  bootstrapMean,
  type ClusterSums,
  type Interval,
} from "../../numbers/bootstrap.ts";

/** Seed of all draws of an audit. */
export const auditSeed = 0;

/** A value of a row, and the prompt that it belongs to. */
export interface ClusteredValue {
  /** The prompt's number. */
  readonly cluster: number;
}

/**
 * Means by group with intervals over prompts. The draws follow the number of all prompts, so that many
 * small groups together take no longer than all rows do.
 */
export class ClusterMeans {
  readonly #draws: number;
  readonly #places: Int32Array;

  /** @param clusters Number of prompts of all groups. */
  constructor(clusters: number) {
    this.#draws = bootstrapDraws(clusters);
    this.#places = new Int32Array(clusters).fill(-1);
  }

  /** How often prompts are drawn. */
  get draws(): number {
    return this.#draws;
  }

  /** The mean of a value of some rows, with its interval. */
  mean<Item extends ClusteredValue>(
    items: readonly Item[],
    value: (item: Item) => number,
  ): Interval {
    const [sums] = this.#sums(items, [value]);
    return bootstrapMean(sums!, { draws: this.#draws, seed: auditSeed });
  }

  /** The mean of one value minus that of another, on the same rows. */
  difference<Item extends ClusteredValue>(
    items: readonly Item[],
    first: (item: Item) => number,
    second: (item: Item) => number,
  ): Interval {
    const [one, other] = this.#sums(items, [first, second]);
    return bootstrapDifference(one!, other!, { draws: this.#draws, seed: auditSeed });
  }

  /** Sums by prompt, of the prompts that the rows have. */
  #sums<Item extends ClusteredValue>(
    items: readonly Item[],
    values: readonly ((item: Item) => number)[],
  ): ClusterSums[] {
    const places = this.#places;
    let present = 0;
    for (const { cluster } of items) if (places[cluster] === -1) places[cluster] = present++;
    const counts = new Float64Array(present);
    const sums = values.map(() => new Float64Array(present));
    for (const item of items) {
      const place = places[item.cluster]!;
      counts[place]!++;
      values.forEach((value, index) => sums[index]![place]! += value(item));
    }
    for (const { cluster } of items) places[cluster] = -1;
    return sums.map((each) => ({ sums: each, counts }));
  }
}
