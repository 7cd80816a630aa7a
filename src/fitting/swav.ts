import { multiplyTransposed, transposed } from "./matrix_products.ts";
import type { ContrastiveLoss } from "./simcse.ts";
import { type UnitRows, unitRows, unitRowsGradient } from "./unit_rows.ts";

/** Settings of {@link swav}. */
export interface SwavOptions {
  /** τ of the predicted assignments; 0.1 by default. */
  readonly temperature?: number | undefined;
  /** ε of Sinkhorn–Knopp; 0.05 by default. */
  readonly epsilon?: number | undefined;
  /** Rounds of Sinkhorn–Knopp; 3 by default. */
  readonly iterations?: number | undefined;
}

/** The loss with its gradient by the prototypes too. */
export interface SwavLoss extends ContrastiveLoss {
  /** [prototypes, width] */
  readonly prototypes: Float64Array;
}

/**
 * Sinkhorn–Knopp: soft assignments of items to prototypes that use all prototypes alike,
 * exp(scores / ε) scaled by turns so that prototypes and items have equal shares.
 *
 * @param scores [items, prototypes]
 * @param prototypes How many prototypes.
 * @param epsilon ε; the smaller, the harder the assignments.
 * @param iterations Rounds of scaling.
 * @returns [items, prototypes]; each row sums to 1.
 */
export function sinkhorn(
  scores: Float64Array,
  prototypes: number,
  epsilon: number,
  iterations: number,
): Float64Array {
  const most = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const shares = scores.map((score) => Math.exp((score - most) / epsilon));
  for (let round = 0; round < iterations; round++) {
    const used = new Float64Array(prototypes);
    shares.forEach((share, at) => used[at % prototypes]! += share);
    // A prototype so far away that its shares underflow keeps none, instead of 0 / 0.
    shares.forEach((share, at) => {
      const total = used[at % prototypes]!;
      shares[at] = total > 0 ? share / total : 0;
    });
    for (let row = 0; row < shares.length; row += prototypes) {
      const of = shares.subarray(row, row + prototypes);
      const total = of.reduce((a, b) => a + b, 0);
      of.forEach((share, k) => of[k] = total > 0 ? share / total : 1 / prototypes);
    }
  }
  return shares;
}

/**
 * SwAV (arXiv 2006.09882, as in arXiv 2401.06080, section 3.1): each view is to foretell the assignment
 * of the other to prototypes,
 *
 *     ℓ_i = −Σ_k q_s^k log p_t^k − Σ_k q_t^k log p_s^k,  p^k = softmax_k(h · c_k / τ)
 *
 * averaged over the items; h and c have length 1, q comes of {@link sinkhorn} and has no gradient.
 *
 * @param s First view, [items, width].
 * @param t Second view, [items, width].
 * @param prototypes [prototypes, width]
 * @param width Numbers in a row.
 * @param options τ, ε and the rounds of {@link sinkhorn}.
 */
export function swav(
  s: Float64Array,
  t: Float64Array,
  prototypes: Float64Array,
  width: number,
  options: SwavOptions = {},
): SwavLoss {
  const { temperature = 0.1, epsilon = 0.05, iterations = 3 } = options;
  const count = prototypes.length / width;
  const views = [unitRows(s, width), unitRows(t, width)] as const;
  const centres = unitRows(prototypes, width);
  const scores = views.map(({ unit }) => multiplyTransposed(unit, centres.unit, width));
  const codes = scores.map((of) => sinkhorn(of, count, epsilon, iterations));
  const byCentres = new Float64Array(prototypes.length);
  let loss = 0;
  const gradients = views.map((view, v): Float64Array => {
    const { value, slopes } = crossEntropy(scores[v]!, codes[1 - v]!, count, temperature);
    loss += value;
    addCentreSlopes(byCentres, slopes, view, count);
    const byUnit = multiplyTransposed(slopes, transposed(centres.unit, width), count);
    return unitRowsGradient(view, byUnit);
  });
  return {
    loss,
    first: gradients[0]!,
    second: gradients[1]!,
    prototypes: unitRowsGradient(centres, byCentres),
  };
}

/** Mean of −Σ_k q^k log softmax_k(score / τ), with its slopes by the scores. */
function crossEntropy(
  scores: Float64Array,
  codes: Float64Array,
  count: number,
  temperature: number,
): { value: number; slopes: Float64Array } {
  const items = scores.length / count;
  const slopes = new Float64Array(scores.length);
  let value = 0;
  for (let row = 0; row < scores.length; row += count) {
    const logits = scores.subarray(row, row + count).map((score) => score / temperature);
    const most = logits.reduce((a, b) => Math.max(a, b), -Infinity);
    const logSum = most + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0));
    for (let k = 0; k < count; k++) {
      const code = codes[row + k]!;
      value -= code * (logits[k]! - logSum) / items;
      slopes[row + k] = (Math.exp(logits[k]! - logSum) - code) / (items * temperature);
    }
  }
  return { value, slopes };
}

function addCentreSlopes(
  byCentres: Float64Array,
  slopes: Float64Array,
  { unit, lengths }: UnitRows,
  count: number,
): void {
  const width = unit.length / lengths.length;
  multiplyTransposed(transposed(slopes, count), transposed(unit, width), lengths.length, byCentres);
}
