/**
 * Ranks from 1 (smallest) to n (largest); equal values share the average of their ranks, as SciPy's
 * `rankdata` does by default.
 *
 * @param values Finite numbers.
 * @returns One rank per value, in the order of the values.
 *
 * @example
 * ```ts
 * import { averageRanks } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(averageRanks([10, 30, 10, 20]), [1.5, 4, 1.5, 3]);
 * ```
 */
export function averageRanks(values: ArrayLike<number>): number[] {
  const order = Array.from(values, (_, index) => index)
    .sort((a, b) => values[a]! - values[b]!);
  const ranks = new Array<number>(values.length);
  let start = 0;
  while (start < order.length) {
    let end = start + 1;
    while (end < order.length && values[order[end]!] === values[order[start]!]) end++;
    for (let place = start; place < end; place++) ranks[order[place]!] = (start + 1 + end) / 2;
    start = end;
  }
  return ranks;
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
