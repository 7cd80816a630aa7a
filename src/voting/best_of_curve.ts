import { expectedTop, valuesByScore } from "../numbers/best_of.ts";
import { AssayError } from "../error.ts";

/** One sampled response: what the committee gave it, and what it is worth. */
export interface ScoredSample {
  /** The score by which the best sample is picked. */
  readonly proxy: number;
  /** What is measured of the picked sample: a gold score, a correctness, or the proxy itself. */
  readonly value: number;
}

/** One point of a best-of-m curve. */
export interface BestOfPoint {
  /** Number of samples that the best is picked from. */
  readonly m: number;
  /** Expected value of the pick, averaged over the prompts. */
  readonly value: number;
  /** KL divergence of best-of-m from the policy, log m − (m − 1)/m, in nats: the usual x axis. */
  readonly kl: number;
}

/**
 * Expected value of the best of m samples, estimated without bias from n ≥ m scored samples:
 *
 *   Σ_{i=m..n} C(i−1, m−1) / C(n, m) · v_(i)
 *
 * with the values v sorted by ascending proxy score. Samples of equal proxy score share the mean of
 * their values, as if the tie were broken at random. Samples with a non-finite number take no part.
 *
 * @param samples The samples of one prompt.
 * @param m Number of samples that the best is picked from.
 * @returns The estimate, in the unit of the values; NaN where fewer than m samples are finite.
 * @throws {AssayError} `voting/bad-option` where m is not a positive whole number.
 *
 * @example
 * ```ts
 * import { expectedBestOf } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const samples = [1, 2, 3].map((score) => ({ proxy: score, value: score }));
 * assert.ok(Math.abs(expectedBestOf(samples, 1) - 2) < 1e-15);
 * assert.ok(Math.abs(expectedBestOf(samples, 2) - 8 / 3) < 1e-15);
 * ```
 */
export function expectedBestOf(samples: readonly ScoredSample[], m: number): number {
  if (!Number.isInteger(m) || m < 1) {
    throw new AssayError(
      "voting/bad-option",
      `Cannot estimate best of m: expected a positive whole number, found ${m}`,
    );
  }
  return expectedTop(valuesByScore(samples), m);
}

/**
 * {@linkcode expectedBestOf} for several m, sorting the samples once.
 *
 * @param samples The samples of one prompt.
 * @param sizes Each m, a positive whole number.
 * @returns An estimate for each; NaN where fewer samples are finite.
 */
export function expectedBestOfEach(
  samples: readonly ScoredSample[],
  sizes: readonly number[],
): number[] {
  const values = valuesByScore(samples);
  return sizes.map((m) => expectedTop(values, m));
}

/** KL(best of m ‖ policy) ≤ log m − (m − 1)/m, in nats. */
export function klOfBestOf(m: number): number {
  return Math.log(m) - (m - 1) / m;
}

/**
 * Best-of-m curve, m = 1 up to the smallest number of finite samples of any prompt, averaged over the
 * prompts with {@linkcode expectedBestOf}.
 *
 * @param prompts Per prompt, its scored samples; prompts without a finite sample take no part.
 * @param largest Where to stop; default: as far as every prompt reaches.
 * @returns The points in ascending m; empty where no prompt has a finite sample.
 */
export function bestOfCurve(
  prompts: readonly (readonly ScoredSample[])[],
  largest: number = Infinity,
): BestOfPoint[] {
  const sorted = prompts.map(valuesByScore).filter((values) => values.length > 0);
  if (sorted.length === 0) return [];
  const reach = sorted.reduce((least, values) => Math.min(least, values.length), largest);
  return Array.from({ length: Math.max(0, Math.floor(reach)) }, (_, index) => {
    const m = index + 1;
    const sum = sorted.reduce((total, values) => total + expectedTop(values, m), 0);
    return { m, value: sum / sorted.length, kl: klOfBestOf(m) };
  });
}
