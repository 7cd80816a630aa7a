import { AssayError } from "../error.ts";
import { sigmoid } from "../numbers/sigmoid.ts";

const mostSteps = 200;

/**
 * Temperature T that makes σ(margin / T) the probability of a pair's order: the minimum of the mean of
 * softplus(−u·margin) over u = 1/T ≥ 0, which is convex in that one number. Found to the precision of
 * doubles, by Newton's steps kept inside a bracket.
 *
 * @param margins Score of the preferred response minus that of the other, by pair; finite.
 * @returns T, above 0.
 * @throws {AssayError} `evaluation/separable` where no pair is in the wrong order, so that every lower T
 *   is better; `evaluation/no-signal` where the margins' mean is not above 0, so that every higher T
 *   is better; `evaluation/bad-row` for a margin that is not finite.
 *
 * @example
 * ```ts
 * import { fitTemperature } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * // Margins of 1, of which three of four are right: σ(1/T) = 3/4.
 * assert.ok(Math.abs(fitTemperature([1, 1, 1, -1]) - 1 / Math.log(3)) < 1e-12);
 * ```
 */
export function fitTemperature(margins: ArrayLike<number>): number {
  const slope = minimalSlope(margins);
  if (slope === 0) {
    throw new AssayError(
      "evaluation/no-signal",
      `Cannot fit a temperature: expected margins whose mean is above 0, found ${margins.length} ` +
        "pairs whose scores tell nothing of their order; every higher temperature fits better",
    );
  }
  if (slope === Infinity) {
    throw new AssayError(
      "evaluation/separable",
      `Cannot fit a temperature: expected some pairs in the wrong order, found none among ` +
        `${margins.length}; every lower temperature fits better: add pairs`,
    );
  }
  return 1 / slope;
}

/** How {@linkcode minimalSlope} minimises. */
export interface SlopeOptions {
  /** How often each pair counts; once by default. */
  readonly weights?: ArrayLike<number> | undefined;
  /** A guess, such as the minimum with other weights. */
  readonly start?: number | undefined;
  /** Relative change at which to stop; by default what doubles can hold. */
  readonly tolerance?: number | undefined;
}

/**
 * The u = 1/T ≥ 0 that minimises the mean of softplus(−u·margin): 0 where the margins tell nothing,
 * `Infinity` where they separate.
 *
 * @param margins By pair; finite.
 * @param options Weights, where to start and when to stop.
 * @throws {AssayError} `evaluation/bad-row` for a margin that is not finite.
 */
export function minimalSlope(margins: ArrayLike<number>, options: SlopeOptions = {}): number {
  const { weights, start = 0, tolerance = 1e-16 } = options;
  let [sum, wrong, size, count] = [0, false, 0, 0];
  for (let pair = 0; pair < margins.length; pair++) {
    const margin = margins[pair]!;
    if (!Number.isFinite(margin)) throw notFinite(margin);
    const weight = weights === undefined ? 1 : weights[pair]!;
    sum += weight * margin;
    size += weight * Math.abs(margin);
    count += weight;
    if (margin < 0 && weight > 0) wrong = true;
  }
  if (!(sum > 0)) return 0;
  if (!wrong) return Infinity;
  let [low, high] = [0, Infinity];
  let slope = start > 0 && start < Infinity ? start : count / size;
  for (let step = 0; step < mostSteps; step++) {
    const { first, second } = derivatives(margins, weights, slope);
    if (first === 0) return slope;
    if (first < 0) low = slope;
    else high = slope;
    let next = slope - first / second;
    // Also where the step is not a number, far out where the curvature vanishes.
    if (!(next > low && next < high)) next = high === Infinity ? 2 * slope : (low + high) / 2;
    const change = Math.abs(next - slope);
    slope = next;
    if (change <= tolerance * slope) break;
  }
  return slope;
}

/** Of Σ softplus(−u·margin) by u. */
function derivatives(
  margins: ArrayLike<number>,
  weights: ArrayLike<number> | undefined,
  slope: number,
): { first: number; second: number } {
  let [first, second] = [0, 0];
  for (let pair = 0; pair < margins.length; pair++) {
    const weight = weights === undefined ? 1 : weights[pair]!;
    if (weight === 0) continue;
    const margin = margins[pair]!;
    const miss = sigmoid(-slope * margin);
    first -= weight * margin * miss;
    second += weight * margin * margin * miss * (1 - miss);
  }
  return { first, second };
}

function notFinite(margin: number): AssayError {
  return new AssayError(
    "evaluation/bad-row",
    `Cannot use a pair: expected a finite margin, found ${margin}`,
  );
}
