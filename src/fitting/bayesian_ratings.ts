import { AssayError } from "../error.ts";
import { factorOf, precisionFrom, stationaryPenalty } from "./evidence.ts";
import { addGram, dot, packedRow, solveFactorized, transposed } from "./matrix_products.ts";

/** A linear head whose weights are a normal distribution: score = mean · features. */
export interface BayesianHead {
  /** [dimension]: mean of the weights. */
  readonly weight: Float64Array;
  /**
   * Packed lower triangle [dimension · (dimension + 1) / 2] of F with covariance FᵀF: the variance of a
   * score is ‖F · features‖², that of a margin ‖F · (features − other's)‖².
   */
  readonly factor: Float64Array;
  /** Variance of a rating about its score, σ²; 0 for pairs. */
  readonly noise: number;
  /** λ, the precision of the weights before any row was seen. */
  readonly penalty: number;
  /** γ, how many of the weights the rows determine: dimension − λ · trace of the covariance. */
  readonly determined: number;
}

/** How to fit a Bayesian head. */
export interface BayesianOptions {
  /** λ; by default the one with the highest evidence. */
  readonly penalty?: number | undefined;
  /** Relative change of λ at which to stop; 1e-6 by default. */
  readonly tolerance?: number | undefined;
  /** Told after each factorisation how many were done. */
  readonly onProgress?: ((progress: { readonly done: number }) => void) | undefined;
  /** Ends the fit early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Bayesian linear regression of ratings on features, in closed form, without intercept (Bishop 2006, 3.3
 * and 3.5):
 *
 *     Λ = ΦᵀΦ/σ² + λI      mean = Λ⁻¹ Φᵀy/σ²      variance of a rating = φᵀ Λ⁻¹ φ + σ²
 *
 * λ and σ² are those of the highest evidence, as scikit-learn's `BayesianRidge` finds with flat priors:
 * λ‖w‖² = γ and σ² = ‖y − Φw‖² / (n − γ). In 64 bits; memory 12 · dimension² bytes.
 *
 * @param dimension Features of an example.
 * @param features [rows, dimension], row major.
 * @param ratings One for each row.
 * @param options λ, and when to stop.
 * @throws {AssayError} `fitting/wrong-rows`, `fitting/not-finite`, `fitting/no-signal`,
 *   `fitting/unsolvable`.
 *
 * @example
 * ```ts
 * import { fitBayesianRatings } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * const features = Float32Array.of(1, 2, 3, 4, 5);
 * const { weight, noise } = fitBayesianRatings(1, features, [1.1, 1.9, 3.2, 3.9, 5]);
 * assert.ok(Math.abs(weight[0]! - 1) < 0.02 && noise < 0.05);
 * ```
 */
export function fitBayesianRatings(
  dimension: number,
  features: Float32Array,
  ratings: ArrayLike<number>,
  options: BayesianOptions = {},
): BayesianHead {
  const count = ratings.length;
  const { gram, right, square } = sumsOf(dimension, features, ratings);
  let done = 0;
  /** The fit at ρ = λσ², at which σ² has a closed form. */
  const at = (ratio: number) => {
    options.signal?.throwIfAborted();
    const precision = precisionFrom(factorOf(gram, dimension, ratio), dimension);
    const weight = solveFactorized(precision.factor, right);
    // yᵀy − bᵀw = ‖y − Φw‖² + ρ‖w‖², above 0 but for rounding.
    const residual = Math.max(square - dot(right, weight), Number.MIN_VALUE);
    options.onProgress?.({ done: ++done });
    return { precision, weight, residual };
  };
  const slopeAt = (ratio: number) => {
    const { precision, weight, residual } = at(ratio);
    return dimension - ratio * precision.trace - count * ratio * dot(weight, weight) / residual;
  };
  let scale = 0;
  for (let k = 0; k < dimension; k++) scale += gram[packedRow(k) + k]! / dimension;
  if (!(scale > 0 && square > 0)) throw noNumbers();
  const ratio = options.penalty === undefined
    ? stationaryPenalty(scale / count, slopeAt, options.tolerance ?? 1e-6)
    : ratioOf(options.penalty, (ratio) => at(ratio).residual / count, scale / count);
  const { precision, weight, residual } = at(ratio);
  const noise = residual / count;
  const root = Math.sqrt(noise);
  return {
    weight,
    factor: precision.inverse.map((value) => value * root),
    noise,
    penalty: ratio / noise,
    determined: dimension - ratio * precision.trace,
  };
}

/** ρ = λσ² at a given λ, where σ² itself follows from ρ: by repetition, which contracts. */
function ratioOf(penalty: number, noiseAt: (ratio: number) => number, start: number): number {
  let ratio = start;
  for (let step = 0; step < 100; step++) {
    const next = penalty * noiseAt(ratio);
    const change = Math.abs(next - ratio);
    ratio = next;
    if (change <= 1e-12 * ratio) break;
  }
  return ratio;
}

/** ΦᵀΦ as a packed lower triangle, Φᵀy and yᵀy. */
function sumsOf(dimension: number, features: Float32Array, ratings: ArrayLike<number>) {
  const count = ratings.length;
  if (count === 0 || features.length !== count * dimension) {
    throw new AssayError(
      "fitting/wrong-rows",
      `Cannot fit a Bayesian head: expected ${dimension} features for each of ${count} ratings, found ` +
        `${features.length} numbers`,
    );
  }
  const gram = new Float64Array(packedRow(dimension));
  const right = new Float64Array(dimension);
  let square = 0;
  for (let first = 0; first < count; first += rowsTogether) {
    const rows = Math.min(rowsTogether, count - first);
    const batch = Float64Array.from(
      features.subarray(first * dimension, (first + rows) * dimension),
    );
    const turned = transposed(batch, dimension);
    addGram(gram, turned, dimension, rows, rows);
    for (let row = 0; row < rows; row++) {
      const rating = ratings[first + row]!;
      square += rating * rating;
      for (let k = 0; k < dimension; k++) right[k]! += rating * batch[row * dimension + k]!;
    }
  }
  if (Number.isFinite(square) && right.every(Number.isFinite) && gram.every(Number.isFinite)) {
    return { gram, right, square };
  }
  throw new AssayError(
    "fitting/not-finite",
    "Cannot fit a Bayesian head: expected finite features and ratings, found some that are not",
  );
}

/** Rows that are multiplied at once. */
export const rowsTogether = 256;

function noNumbers(): AssayError {
  return new AssayError(
    "fitting/no-signal",
    "Cannot fit a Bayesian head: expected features and ratings that are not all 0, found nothing else",
  );
}
