/**
 * A segment tree: sums of consecutive values, each range in logarithmic time.
 *
 * Differences of running totals would be quicker, but one score of 1e12 among small ones would take
 * the digits of every sum behind it; a tree adds only what is inside the range.
 */
export class RangeSum {
  readonly #size: number;
  readonly #tree: Float64Array;

  /** @param values The values; later changes to them are not seen. */
  constructor(values: ArrayLike<number>) {
    this.#size = values.length;
    this.#tree = new Float64Array(2 * this.#size);
    this.#tree.set(Float64Array.from(values), this.#size);
    for (let node = this.#size - 1; node >= 1; node--) {
      this.#tree[node] = this.#tree[2 * node]! + this.#tree[2 * node + 1]!;
    }
  }

  /**
   * @param start First index of the range.
   * @param end Index behind the last one.
   * @returns Sum over `[start, end)`, 0 for an empty range.
   */
  sum(start: number, end: number): number {
    let front = 0;
    let back = 0;
    let left = start + this.#size;
    let right = end + this.#size;
    while (left < right) {
      if (left % 2 === 1) front += this.#tree[left++]!;
      if (right % 2 === 1) back = this.#tree[--right]! + back;
      left >>= 1;
      right >>= 1;
    }
    return front + back;
  }
}
