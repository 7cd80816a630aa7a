import {
  bootstrapDifference,
  bootstrapDraws,
  bootstrapMean,
  type ClusterSums,
  type Interval,
} from "../../numbers/bootstrap.ts";

/** Seed of all draws of an audit. */
export const auditSeed = 0;

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

  /**
   * The mean of a value of some rows, with its interval.
   *
   * @param clusters The rows' prompts.
   * @param value The value of a row, by its place among them.
   */
  mean(clusters: Uint32Array, value: (row: number) => number): Interval {
    const [sums] = this.#sums(clusters, [value]);
    return bootstrapMean(sums!, { draws: this.#draws, seed: auditSeed });
  }

  /** The mean of one value minus that of another, on the same rows. */
  difference(
    clusters: Uint32Array,
    first: (row: number) => number,
    second: (row: number) => number,
  ): Interval {
    const [one, other] = this.#sums(clusters, [first, second]);
    return bootstrapDifference(one!, other!, { draws: this.#draws, seed: auditSeed });
  }

  /** Sums by prompt, of the prompts that the rows have. */
  #sums(clusters: Uint32Array, values: readonly ((row: number) => number)[]): ClusterSums[] {
    const places = this.#places;
    let present = 0;
    for (const cluster of clusters) if (places[cluster] === -1) places[cluster] = present++;
    const counts = new Float64Array(present);
    const sums = values.map(() => new Float64Array(present));
    for (let row = 0; row < clusters.length; row++) {
      const place = places[clusters[row]!]!;
      counts[place]!++;
      for (let index = 0; index < values.length; index++) {
        sums[index]![place]! += values[index]!(row);
      }
    }
    for (const cluster of clusters) places[cluster] = -1;
    return sums.map((each) => ({ sums: each, counts }));
  }
}
