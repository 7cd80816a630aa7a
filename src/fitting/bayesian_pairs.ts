import { AssayError } from "../error.ts";
import { sigmoid } from "../numbers/sigmoid.ts";
import { preferenceLoss } from "../voting/preference_losses.ts";
import { type BayesianHead, type BayesianOptions, rowsTogether } from "./bayesian_ratings.ts";
import { factorOf, type Precision, precisionFrom, stationaryPenalty } from "./evidence.ts";
import { addGram, dot, packedRow, solveFactorized, transposed } from "./matrix_products.ts";
import { checkPairs, type PreferencePairs } from "./preference_pairs.ts";

const mostSteps = 100;
const mostHalvings = 50;

/**
 * Bayesian Bradley–Terry head on the differences of pairs' features, by Laplace's approximation (Bishop
 * 2006, 4.4 and 4.5): with δ = φ(chosen) − φ(rejected) and p = σ(wᵀδ − μ̂),
 *
 *     w minimises Σ loss(wᵀδ) + λ/2 ‖w‖²      H = Σ p (1 − p) δδᵀ + λI      variance of a margin = δᵀ H⁻¹ δ
 *
 * where the loss is −log p, with each pair's label smoothing and margin. λ is that of the highest
 * evidence, with H held fixed: λ‖w‖² = γ (MacKay 1992). By Newton's steps, in 64 bits; memory 12 ·
 * dimension² bytes.
 *
 * @param pairs The pairs; sources of a mixture count as it says.
 * @param options λ, and when to stop.
 * @throws {AssayError} `fitting/no-pairs`, `fitting/wrong-rows`, `fitting/not-finite`,
 *   `fitting/no-signal`, `fitting/unsolvable`.
 *
 * @example
 * ```ts
 * import { fitBayesianPairs } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * // One feature; the response that has more of it is preferred in three of four pairs.
 * const features = Float32Array.of(1, 0);
 * const pairs = Uint32Array.of(0, 1, 0, 1, 0, 1, 1, 0);
 * const { weight, factor } = fitBayesianPairs({ dimension: 1, features, pairs }, { penalty: 0.01 });
 * assert.ok(Math.abs(weight[0]! - Math.log(3)) < 0.02);
 * assert.ok(factor[0]! > 1); // and only four pairs say so
 * ```
 */
export function fitBayesianPairs(
  pairs: PreferencePairs,
  options: BayesianOptions = {},
): BayesianHead {
  checkPairs(pairs);
  const { dimension } = pairs;
  const objective = new PairObjective(pairs);
  let done = 0;
  let weight: Float64Array = new Float64Array(dimension);
  const fitAt = (penalty: number) => {
    const fitted = minimise(objective, weight, penalty, () => {
      options.signal?.throwIfAborted();
      options.onProgress?.({ done: ++done });
    });
    weight = fitted.weight; // the next penalty's steps begin here
    return fitted;
  };
  const slopeAt = (penalty: number) => {
    const { weight, precision } = fitAt(penalty);
    return dimension - penalty * (precision.trace + dot(weight, weight));
  };
  const start = objective.meanSquare();
  if (!(start > 0)) {
    throw new AssayError(
      "fitting/no-signal",
      "Cannot fit a Bayesian head: expected pairs whose features differ, found none",
    );
  }
  const penalty = options.penalty ??
    stationaryPenalty(start, slopeAt, options.tolerance ?? 1e-6);
  const fitted = fitAt(penalty);
  const determined = dimension - penalty * fitted.precision.trace;
  return { weight: fitted.weight, factor: fitted.precision.inverse, noise: 0, penalty, determined };
}

/** Below this a step changes the objective by less than its rounding, and Newton's steps need no halving. */
const near = 1e-9;
/** A step whose square is this small changes no digit of the weights that matters. */
const least = 1e-26;

/** Newton's steps, each halved until the objective falls. */
function minimise(
  objective: PairObjective,
  start: Float64Array,
  penalty: number,
  onStep: () => void,
): { weight: Float64Array; precision: Precision } {
  let weight = start;
  let value = objective.value(weight, penalty);
  let before = Infinity;
  for (let step = 0;; step++) {
    onStep();
    const { gradient, hessian } = objective.secondOrder(weight, penalty);
    const factor = factorOf(hessian, objective.dimension, penalty);
    const direction = solveFactorized(factor, gradient);
    const decrement = dot(gradient, direction); // squared length of the step, as H measures it
    const isNear = decrement < near * Math.max(1, value);
    const isEnd = decrement <= least || (isNear && decrement > before / 4);
    if (isEnd || step === mostSteps) {
      return { weight, precision: precisionFrom(factor, objective.dimension) };
    }
    before = isNear ? decrement : Infinity;
    let scale = 1;
    const moved = () => weight.map((old, k) => old - scale * direction[k]!);
    let next = moved();
    let nextValue = objective.value(next, penalty);
    for (let halving = 0; !isNear && halving < mostHalvings && !(nextValue < value); halving++) {
      scale /= 2;
      next = moved();
      nextValue = objective.value(next, penalty);
    }
    weight = next;
    value = nextValue;
  }
}

/** The penalised loss of pairs and its derivatives. */
class PairObjective {
  readonly dimension: number;
  readonly #pairs: PreferencePairs;
  readonly #count: number;

  constructor(pairs: PreferencePairs) {
    this.dimension = pairs.dimension;
    this.#pairs = pairs;
    this.#count = pairs.pairs.length / 2;
  }

  /** Mean of δ² over pairs and features. */
  meanSquare(): number {
    let sum = 0;
    this.#eachBatch((batch) => {
      for (const value of batch) sum += value * value;
    });
    return sum / (this.#count * this.dimension);
  }

  value(weight: Float64Array, penalty: number): number {
    let loss = penalty / 2 * dot(weight, weight);
    this.#eachBatch((batch, first) => {
      this.#eachMargin(batch, first, weight, (delta, pair) => {
        loss += this.#weightOf(pair) * preferenceLoss(delta, this.#terms(pair));
      });
    });
    return loss;
  }

  secondOrder(
    weight: Float64Array,
    penalty: number,
  ): { gradient: Float64Array; hessian: Float64Array } {
    const { dimension } = this;
    const gradient = weight.map((value) => penalty * value);
    const hessian = new Float64Array(packedRow(dimension));
    this.#eachBatch((batch, first) => {
      this.#eachMargin(batch, first, weight, (delta, pair, row) => {
        const { margin, labelSmoothing } = this.#terms(pair);
        const often = this.#weightOf(pair);
        const p = sigmoid(delta - margin);
        const slope = often * (p - (1 - labelSmoothing));
        const root = Math.sqrt(often * p * sigmoid(margin - delta));
        for (let k = 0, at = row * dimension; k < dimension; k++, at++) {
          gradient[k]! += slope * batch[at]!;
          batch[at]! *= root;
        }
      });
      const rows = batch.length / dimension;
      addGram(hessian, transposed(batch, dimension), dimension, rows, rows);
    });
    return { gradient, hessian };
  }

  #terms(pair: number): { margin: number; labelSmoothing: number } {
    const { margin, labelSmoothing } = this.#pairs;
    return { margin: margin?.[pair] ?? 0, labelSmoothing: labelSmoothing?.[pair] ?? 0 };
  }

  /** How often a pair counts: once, or as its source's share says. */
  #weightOf(pair: number): number {
    const { mixture } = this.#pairs;
    return mixture === undefined ? 1 : mixture.weights[pair]! * this.#count;
  }

  #eachBatch(use: (deltas: Float64Array, first: number) => void): void {
    const { features, pairs } = this.#pairs;
    const { dimension } = this;
    for (let first = 0; first < this.#count; first += rowsTogether) {
      const rows = Math.min(rowsTogether, this.#count - first);
      const batch = new Float64Array(rows * dimension);
      for (let row = 0; row < rows; row++) {
        const chosen = pairs[2 * (first + row)]! * dimension;
        const rejected = pairs[2 * (first + row) + 1]! * dimension;
        for (let k = 0; k < dimension; k++) {
          batch[row * dimension + k] = features[chosen + k]! - features[rejected + k]!;
        }
      }
      use(batch, first);
    }
  }

  #eachMargin(
    batch: Float64Array,
    first: number,
    weight: Float64Array,
    use: (delta: number, pair: number, row: number) => void,
  ): void {
    const { dimension } = this;
    for (let row = 0; row < batch.length / dimension; row++) {
      let delta = 0;
      for (let k = 0; k < dimension; k++) delta += weight[k]! * batch[row * dimension + k]!;
      use(delta, first + row, row);
    }
  }
}
