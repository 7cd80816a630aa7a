/** Sums and weights of a benchmark's marks by subset, and what they are on average. */
export class BenchmarkMeans {
  /** Names of the subsets, in order of appearance. */
  readonly subsets: readonly string[];
  readonly #places: ReadonlyMap<string, number>;
  readonly #marks: number;
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  readonly #rows: ArrayLike<number>;

  /**
   * Means of given sums.
   *
   * @param subsets Names of the subsets.
   * @param places Where each stands among them.
   * @param marks Number of marks.
   * @param sums Sums of values, subset by subset, mark by mark.
   * @param weights Sums of weights.
   * @param rows Rows of each subset.
   */
  constructor(
    subsets: readonly string[],
    places: ReadonlyMap<string, number>,
    marks: number,
    sums: Float64Array,
    weights: Float64Array,
    rows: ArrayLike<number>,
  ) {
    this.subsets = subsets;
    this.#places = places;
    this.#marks = marks;
    this.#sums = sums;
    this.#weights = weights;
    this.#rows = rows;
  }

  /** Mean of a mark over all comparisons of some subsets together; NaN where there is none. */
  over(subsets: readonly string[], mark: number = 0): number {
    let sum = 0;
    let weight = 0;
    for (const name of subsets) {
      const place = this.#places.get(name);
      if (place === undefined) continue;
      sum += this.#sums[place * this.#marks + mark]!;
      weight += this.#weights[place * this.#marks + mark]!;
    }
    return sum / weight;
  }

  /** Mean of a mark in one subset; NaN where there is none. */
  of(subset: string, mark: number = 0): number {
    return this.over([subset], mark);
  }

  /** Mean of a mark over everything. */
  all(mark: number = 0): number {
    return this.over(this.subsets, mark);
  }

  /** Rows of some subsets; of all of them by default. */
  rows(subsets: readonly string[] = this.subsets): number {
    return subsets.reduce((sum, name) => sum + (this.#rows[this.#places.get(name) ?? -1] ?? 0), 0);
  }
}
