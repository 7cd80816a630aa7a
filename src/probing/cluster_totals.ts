import type { ClusterSums } from "../numbers/bootstrap.ts";

/** Sums and counts of values by cluster, which grow as clusters come. */
export class ClusterTotals implements ClusterSums {
  #sums = new Float64Array(16);
  #counts = new Uint32Array(16);
  #clusters = 0;
  #count = 0;

  /** Sum of each cluster's values. */
  get sums(): Float64Array {
    return this.#sums.subarray(0, this.#clusters);
  }

  /** How many values each cluster has. */
  get counts(): Uint32Array {
    return this.#counts.subarray(0, this.#clusters);
  }

  /** How many values there are. */
  get count(): number {
    return this.#count;
  }

  /** Clusters that have a value. */
  get clusters(): number {
    return this.#counts.reduce((sum, count) => sum + (count > 0 ? 1 : 0), 0);
  }

  /**
   * Adds a value.
   *
   * @param cluster Index of its cluster.
   * @param value A finite number.
   */
  add(cluster: number, value: number): void {
    if (cluster >= this.#sums.length) this.#grow(cluster + 1);
    this.#clusters = Math.max(this.#clusters, cluster + 1);
    this.#sums[cluster]! += value;
    this.#counts[cluster]! += 1;
    this.#count++;
  }

  /**
   * Mean of the values with each cluster taken so many times; NaN where none has a value.
   *
   * @param weights One per cluster.
   */
  weightedMean(weights: Uint16Array): number {
    let sum = 0;
    let count = 0;
    const [sums, counts] = [this.#sums, this.#counts];
    for (let cluster = 0; cluster < this.#clusters; cluster++) {
      sum += weights[cluster]! * sums[cluster]!;
      count += weights[cluster]! * counts[cluster]!;
    }
    return sum / count;
  }

  #grow(least: number): void {
    const size = Math.max(least, Math.ceil(this.#sums.length * 1.5));
    const [sums, counts] = [this.#sums, this.#counts];
    this.#sums = new Float64Array(size);
    this.#sums.set(sums);
    this.#counts = new Uint32Array(size);
    this.#counts.set(counts);
  }
}
