import { AssayError } from "../error.ts";
import { factorize, packedRow } from "./matrix_products.ts";

/** A factorised precision matrix Λ = L Lᵀ and what follows from it. */
export interface Precision {
  /** Packed lower triangle of L. */
  readonly factor: Float64Array;
  /** Packed lower triangle of L⁻¹: the variance of xᵀw is ‖L⁻¹ x‖². */
  readonly inverse: Float64Array;
  /** Trace of Λ⁻¹. */
  readonly trace: number;
}

/**
 * Factorises A + λI.
 *
 * @param packed Packed lower triangle of A, left as it is.
 * @param count Rows of A.
 * @param penalty λ.
 * @returns Packed lower triangle of L.
 * @throws {AssayError} `fitting/unsolvable` where it is not positive definite.
 */
export function factorOf(packed: Float64Array, count: number, penalty: number): Float64Array {
  const factor = packed.slice();
  for (let i = 0; i < count; i++) factor[packedRow(i) + i]! += penalty;
  if (!factorize(factor, count)) {
    throw new AssayError(
      "fitting/unsolvable",
      `Cannot fit a Bayesian head: its features depend on each other and the penalty ${penalty} is too ` +
        "small to tell them apart; ask for a larger one",
    );
  }
  return factor;
}

/** What follows from a factor L of `count` rows. */
export function precisionFrom(factor: Float64Array, count: number): Precision {
  const inverse = invertFactor(factor, count);
  let trace = 0;
  for (const value of inverse) trace += value * value;
  return { factor, inverse, trace };
}

/** L⁻¹ of a packed lower triangle L, by rows: row i is (e_i − Σ_{k<i} L_ik row k) / L_ii. */
function invertFactor(factor: Float64Array, count: number): Float64Array {
  const inverse = new Float64Array(factor.length);
  for (let i = 0; i < count; i++) {
    const row = packedRow(i);
    for (let k = 0; k < i; k++) {
      const weight = factor[row + k]!;
      const other = packedRow(k);
      for (let j = 0; j <= k; j++) inverse[row + j]! -= weight * inverse[other + j]!;
    }
    const diagonal = factor[row + i]!;
    for (let j = 0; j < i; j++) inverse[row + j]! /= diagonal;
    inverse[row + i] = 1 / diagonal;
  }
  return inverse;
}

/**
 * L⁻¹ x, whose squared norm is the variance xᵀ Λ⁻¹ x.
 *
 * @param inverse Packed lower triangle of L⁻¹.
 * @param x A vector of as many numbers as it has rows.
 */
export function whiten(inverse: Float64Array, x: ArrayLike<number>): Float64Array {
  return Float64Array.from({ length: x.length }, (_, i) => {
    const row = packedRow(i);
    let sum = 0;
    for (let j = 0; j <= i; j++) sum += inverse[row + j]! * x[j]!;
    return sum;
  });
}

const decades = 12;

/**
 * The penalty at which the evidence is stationary, by the sign of its slope: a bracket of decades around
 * a start, then false position in the logarithm (the Illinois rule).
 *
 * @param start Where to begin.
 * @param slopeAt Slope of the log evidence by log λ.
 * @param tolerance Change of log λ at which to stop.
 * @throws {AssayError} `fitting/no-signal` where the evidence grows with every higher penalty;
 *   `fitting/unsolvable` where it grows with every lower one.
 */
export function stationaryPenalty(
  start: number,
  slopeAt: (penalty: number) => number,
  tolerance: number,
): number {
  let [low, high] = [Math.log(start), Math.log(start)];
  let [atLow, atHigh] = [slopeAt(start), NaN];
  const direction = atLow > 0 ? 1 : -1;
  for (let decade = 1;; decade++) {
    if (decade > decades) throw direction > 0 ? noSignal() : noNoise();
    high = low + direction * Math.LN10;
    atHigh = slopeAt(Math.exp(high));
    if (!(atHigh * atLow > 0)) break;
    [low, atLow] = [high, atHigh];
  }
  let side = 0;
  for (let step = 0; step < 100 && Math.abs(high - low) > tolerance; step++) {
    const next = (low * atHigh - high * atLow) / (atHigh - atLow);
    const slope = slopeAt(Math.exp(next));
    const moved = Math.min(Math.abs(next - low), Math.abs(next - high));
    if (slope * atHigh > 0) {
      [high, atHigh] = [next, slope];
      if (side === 1) atLow /= 2;
      side = 1;
    } else {
      [low, atLow] = [next, slope];
      if (side === -1) atHigh /= 2;
      side = -1;
    }
    if (slope === 0 || moved <= tolerance) return Math.exp(next);
  }
  return Math.exp((low + high) / 2);
}

function noSignal(): AssayError {
  return new AssayError(
    "fitting/no-signal",
    "Cannot fit a Bayesian head: expected features that tell something of the labels, found that no " +
      "weights at all have the highest evidence",
  );
}

function noNoise(): AssayError {
  return new AssayError(
    "fitting/unsolvable",
    "Cannot fit a Bayesian head: expected labels with some noise, found that every lower penalty has a " +
      "higher evidence, as where the features tell the labels apart exactly; give a penalty, or more rows",
  );
}
