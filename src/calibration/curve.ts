import { AssayError } from "../error.ts";

/** The knots of a piecewise linear curve. */
export interface Knots {
  /** Feature values, strictly ascending, at least one. */
  readonly x: readonly number[];
  /** Estimated score at each of them. */
  readonly estimate: readonly number[];
  /** Rows behind each estimate, where that decides whether it may be used. */
  readonly count?: readonly number[] | undefined;
}

/**
 * The knots of a fit at every row: one for each distinct feature value, the first row's.
 *
 * @param x Feature values, ascending, at least one.
 * @param fit The estimate at each of them.
 */
export function knotsOf(x: ArrayLike<number>, fit: ArrayLike<number>): Knots {
  const knots: { x: number[]; estimate: number[] } = { x: [], estimate: [] };
  for (let i = 0; i < x.length; i++) {
    if (i > 0 && x[i] === x[i - 1]) continue;
    knots.x.push(x[i]!);
    knots.estimate.push(fit[i]!);
  }
  return knots;
}

/** A fitted curve: linear between its knots, constant beyond the first and the last. */
export class Curve {
  readonly #x: Float64Array;
  readonly #estimate: Float64Array;
  readonly #count: Float64Array | undefined;

  /**
   * @param knots The knots.
   * @throws {AssayError} `calibration/bad-calibrator` where they are empty, not finite, not
   *   ascending, or of different lengths.
   */
  constructor(knots: Knots) {
    checkKnots(knots);
    this.#x = Float64Array.from(knots.x);
    this.#estimate = Float64Array.from(knots.estimate);
    this.#count = knots.count === undefined ? undefined : Float64Array.from(knots.count);
  }

  /**
   * @param x A feature value.
   * @returns The estimated score there.
   */
  at(x: number): number {
    const right = this.#firstNotBelow(x);
    if (right === 0) return this.#estimate[0]!;
    if (right === this.#x.length) return this.#estimate[right - 1]!;
    // At a knot, exactly its estimate: fit and apply on the same rows must agree to the last bit.
    if (this.#x[right] === x) return this.#estimate[right]!;
    const share = (x - this.#x[right - 1]!) / (this.#x[right]! - this.#x[right - 1]!);
    return (1 - share) * this.#estimate[right - 1]! + share * this.#estimate[right]!;
  }

  /**
   * @param x A feature value.
   * @returns Rows behind the estimate there: the fewer of its two knots', infinite where the knots
   *   carry no counts.
   */
  countAt(x: number): number {
    if (this.#count === undefined) return Infinity;
    const right = this.#firstNotBelow(x);
    if (right === 0) return this.#count[0]!;
    if (right === this.#x.length) return this.#count[right - 1]!;
    if (this.#x[right] === x) return this.#count[right]!;
    return Math.min(this.#count[right - 1]!, this.#count[right]!);
  }

  /** Index of the first knot at or above x; the number of knots where there is none. */
  #firstNotBelow(x: number): number {
    let low = 0;
    let high = this.#x.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#x[middle]! < x) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function checkKnots({ x, estimate, count }: Knots): void {
  const bad = (found: string) =>
    new AssayError(
      "calibration/bad-calibrator",
      `Cannot read a calibration curve: expected ascending finite knots with one estimate each, found ${found}`,
    );
  if (x.length === 0) throw bad("no knots");
  if (estimate.length !== x.length) throw bad(`${x.length} knots and ${estimate.length} estimates`);
  if (count !== undefined && count.length !== x.length) {
    throw bad(`${x.length} knots and ${count.length} counts`);
  }
  for (let i = 0; i < x.length; i++) {
    if (!Number.isFinite(x[i]) || !Number.isFinite(estimate[i])) {
      throw bad(`(${x[i]}, ${estimate[i]}) at knot ${i}`);
    }
    if (i > 0 && x[i]! <= x[i - 1]!) throw bad(`${x[i]} after ${x[i - 1]} at knot ${i}`);
  }
}
