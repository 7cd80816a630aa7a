/**
 * Rows of an L1-penalised logistic regression with soft labels: a row counts as a 1 with weight
 * `weights · targets` and as a 0 with weight `weights · (1 − targets)`.
 */
export interface LogisticRows {
  /** Feature values, one array per column, all of one length. */
  readonly columns: readonly Float64Array[];
  /** Probability of the label 1 in each row. */
  readonly targets: Float64Array;
  /** Weight of each row. */
  readonly weights: Float64Array;
}

const mostSteps = 200;
const mostHalvings = 60;
/** A Newton step below this leaves an error of its square, which doubles can't hold. */
const leastStep = 1e-9;
const mostSweeps = 1000;
/** Keeps the second-order model convex where a column is all zero, as liblinear does. */
const leastCurvature = 1e-12;

/**
 * Minimises ‖w‖₁ + C·Σ s_i [p_i log(1 + e^−η_i) + (1 − p_i) log(1 + e^η_i)], η = X w, the objective
 * of liblinear's L1-regularised logistic regression without an intercept, to machine precision, by
 * proximal Newton steps (a quadratic model with the exact L1 term, solved by coordinate descent).
 *
 * Made for a handful of columns: each step costs columns² times rows.
 *
 * @param rows The rows.
 * @param c Inverse strength of the penalty, above 0.
 * @returns One coefficient per column.
 */
export function fitLogisticL1(rows: LogisticRows, c: number): Float64Array {
  const size = rows.columns.length;
  let weights = new Float64Array(size);
  let value = objective(rows, c, weights);
  for (let step = 0; step < mostSteps; step++) {
    const { gradient, hessian } = secondOrder(rows, c, weights);
    const direction = proximalDirection(gradient, hessian, weights);
    let scale = 1;
    let improved = false;
    for (let halving = 0; halving < mostHalvings && !improved; halving++, scale /= 2) {
      const candidate = weights.map((weight, j) => weight + scale * direction[j]!);
      const candidateValue = objective(rows, c, candidate);
      if (candidateValue < value) {
        weights = candidate;
        value = candidateValue;
        improved = true;
      }
    }
    // No step makes it smaller: the minimum, as far as doubles tell.
    if (!improved || direction.every((change) => Math.abs(change) < leastStep)) break;
  }
  return weights;
}

function linear(rows: LogisticRows, weights: Float64Array): Float64Array {
  const eta = new Float64Array(rows.targets.length);
  rows.columns.forEach((column, j) => {
    for (let row = 0; row < eta.length; row++) eta[row]! += weights[j]! * column[row]!;
  });
  return eta;
}

/**
 * Cross entropy p·log(1 + e^−η) + (1 − p)·log(1 + e^η), without overflow; with a label of 1 it is
 * −log σ(η), but rounded otherwise than `logSigmoid`.
 *
 * @param eta Log odds.
 * @param target Probability of the label 1.
 */
export function crossEntropy(eta: number, target: number): number {
  const rest = Math.log1p(Math.exp(-Math.abs(eta)));
  return rest + (eta >= 0 ? (1 - target) * eta : -target * eta);
}

function objective(rows: LogisticRows, c: number, weights: Float64Array): number {
  const eta = linear(rows, weights);
  let loss = 0;
  for (let row = 0; row < eta.length; row++) {
    loss += rows.weights[row]! * crossEntropy(eta[row]!, rows.targets[row]!);
  }
  return weights.reduce((sum, weight) => sum + Math.abs(weight), 0) + c * loss;
}

function secondOrder(
  rows: LogisticRows,
  c: number,
  weights: Float64Array,
): { gradient: Float64Array; hessian: Float64Array[] } {
  const size = weights.length;
  const gradient = new Float64Array(size);
  const hessian = Array.from({ length: size }, () => new Float64Array(size));
  const eta = linear(rows, weights);
  for (let row = 0; row < eta.length; row++) {
    // Not sigmoid(), whose last bits differ below 0 and with them those of every fit.
    const probability = 1 / (1 + Math.exp(-eta[row]!));
    const slope = c * rows.weights[row]! * (probability - rows.targets[row]!);
    const curvature = c * rows.weights[row]! * probability * (1 - probability);
    for (let j = 0; j < size; j++) {
      const value = rows.columns[j]![row]!;
      gradient[j]! += slope * value;
      for (let k = 0; k <= j; k++) hessian[j]![k]! += curvature * value * rows.columns[k]![row]!;
    }
  }
  for (let j = 0; j < size; j++) {
    hessian[j]![j]! += leastCurvature;
    for (let k = 0; k < j; k++) hessian[k]![j] = hessian[j]![k]!;
  }
  return { gradient, hessian };
}

/** Minimises g·d + ½ dᵀHd + ‖w + d‖₁ by coordinate descent. */
function proximalDirection(
  gradient: Float64Array,
  hessian: readonly Float64Array[],
  weights: Float64Array,
): Float64Array {
  const size = weights.length;
  const direction = new Float64Array(size);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    let change = 0;
    for (let j = 0; j < size; j++) {
      let slope = gradient[j]!;
      for (let k = 0; k < size; k++) slope += hessian[j]![k]! * direction[k]!;
      const curvature = hessian[j]![j]!;
      const target = weights[j]! + direction[j]! - slope / curvature;
      const shrunk = Math.sign(target) * Math.max(0, Math.abs(target) - 1 / curvature);
      const next = shrunk - weights[j]!;
      change = Math.max(change, Math.abs(next - direction[j]!));
      direction[j] = next;
    }
    if (change < 1e-15) break;
  }
  return direction;
}
