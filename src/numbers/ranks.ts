/**
 * Stable ascending order of rows by value.
 *
 * @param values One value per row, none NaN among the rows asked for.
 * @param rows The rows to order; all of them by default. Sorted in place and returned.
 * @returns Row indices, ascending by value, equal values in their input order.
 */
export function ascendingOrder(values: ArrayLike<number>, rows?: Uint32Array): Uint32Array {
  const order = rows ?? Uint32Array.from({ length: values.length }, (_, row) => row);
  return order.sort((a, b) => values[a]! - values[b]! || a - b);
}

/**
 * Ranks from 1 (smallest) to n (largest); equal values share the average of their ranks, as SciPy's
 * `rankdata` does by default.
 *
 * @param values Values, none NaN.
 * @returns One rank per value, in the order of the values.
 *
 * @example
 * ```ts
 * import { averageRanks } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([...averageRanks([10, 30, 10, 20])], [1.5, 4, 1.5, 3]);
 * ```
 */
export function averageRanks(values: ArrayLike<number>): Float64Array {
  const order = ascendingOrder(values);
  const ranks = new Float64Array(values.length);
  for (let start = 0; start < order.length;) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let i = start; i < end; i++) ranks[order[i]!] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
}

/**
 * The median: the middle value, or the mean of the two middle ones.
 *
 * @param values Numbers, none NaN.
 * @returns The median; NaN for an empty list.
 */
export function median(values: ArrayLike<number>): number {
  const sorted = Float64Array.from(values).sort();
  const middle = sorted.length >> 1;
  if (sorted.length % 2 === 1) return sorted[middle]!;
  return sorted.length === 0 ? NaN : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/**
 * Position of each value in its data set, q = (rank − 0.5) / n with average ranks: in (0, 1), the same
 * for equal values, whatever their order. Non-finite values take no part.
 *
 * @param values Numbers; NaN or infinite where there is none.
 * @returns One position per value; NaN for a non-finite value.
 *
 * @example
 * ```ts
 * import { rankPositions } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(rankPositions([-1, NaN, 5]), [0.25, NaN, 0.75]);
 * ```
 */
export function rankPositions(values: ArrayLike<number>): number[] {
  const finite: number[] = [];
  for (let index = 0; index < values.length; index++) {
    if (Number.isFinite(values[index])) finite.push(index);
  }
  const ranks = averageRanks(finite.map((index) => values[index]!));
  const positions = new Array<number>(values.length).fill(NaN);
  finite.forEach((index, place) => positions[index] = (ranks[place]! - 0.5) / finite.length);
  return positions;
}

/**
 * Spearman's rank correlation: Pearson's correlation of average ranks. Rows where either value is
 * NaN or infinite are left out.
 *
 * @example
 * ```ts
 * import { spearman } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * assert.equal(spearman([1, 2, 3], [10, 100, 1000]), 1);
 * assert.equal(spearman([1, 2, 3], [5, 5, 5]), null);
 * ```
 *
 * @param a First column.
 * @param b Second column, of the same length.
 * @returns A number from −1 to 1, or `null` where a column is constant or has fewer than two
 *   finite rows, because the correlation is then undefined.
 */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number | null {
  const left: number[] = [];
  const right: number[] = [];
  for (let row = 0; row < Math.min(a.length, b.length); row++) {
    if (!Number.isFinite(a[row]) || !Number.isFinite(b[row])) continue;
    left.push(a[row]!);
    right.push(b[row]!);
  }
  return pearson(averageRanks(left), averageRanks(right));
}

function pearson(a: Float64Array, b: Float64Array): number | null {
  const count = a.length;
  let meanA = 0;
  let meanB = 0;
  for (let i = 0; i < count; i++) {
    meanA += a[i]! / count;
    meanB += b[i]! / count;
  }
  let products = 0;
  let squaresA = 0;
  let squaresB = 0;
  for (let i = 0; i < count; i++) {
    const offsetA = a[i]! - meanA;
    const offsetB = b[i]! - meanB;
    products += offsetA * offsetB;
    squaresA += offsetA * offsetA;
    squaresB += offsetB * offsetB;
  }
  // Ranks are at least a half apart, so a sum of squares this small is rounding of a constant.
  if (squaresA < 0.1 || squaresB < 0.1) return null;
  return Math.min(1, Math.max(-1, products / Math.sqrt(squaresA * squaresB)));
}

/**
 * Share of all pairs of rows that two columns put in opposite order: the discordant share of
 * Kendall's τ, in n log n.
 *
 * @param before One score per row.
 * @param after Another score of the same rows.
 * @returns Share from 0 to 1; pairs tied in either column count as unchanged. `null` with fewer
 *   than two rows.
 */
export function discordantShare(
  before: ArrayLike<number>,
  after: ArrayLike<number>,
): number | null {
  const count = before.length;
  if (count < 2) return null;
  const rows = Uint32Array.from({ length: count }, (_, row) => row);
  // Rows tied before are put in the order of after, so that no inversion is counted among them.
  rows.sort((a, b) => before[a]! - before[b]! || after[a]! - after[b]!);
  const sequence = Float64Array.from(rows, (row) => after[row]!);
  return countInversions(sequence) / (count * (count - 1) / 2);
}

/** Pairs i < j with values[i] > values[j], by merge sort; `values` is sorted in place. */
function countInversions(values: Float64Array): number {
  let source = values;
  let target = new Float64Array(values.length);
  let inversions = 0;
  for (let width = 1; width < source.length; width *= 2) {
    for (let start = 0; start < source.length; start += 2 * width) {
      const middle = Math.min(start + width, source.length);
      const end = Math.min(start + 2 * width, source.length);
      let left = start;
      let right = middle;
      for (let out = start; out < end; out++) {
        if (right >= end || (left < middle && source[left]! <= source[right]!)) {
          target[out] = source[left++]!;
        } else {
          inversions += middle - left;
          target[out] = source[right++]!;
        }
      }
    }
    [source, target] = [target, source as Float64Array<ArrayBuffer>];
  }
  return inversions;
}
