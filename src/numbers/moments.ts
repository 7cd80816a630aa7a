/**
 * Mean of finite numbers that does not depend on their order, and whose sign follows theirs exactly.
 *
 * Positive and negative values are summed apart, each from the smallest size to the largest, so
 * `mean(permuted) === mean(values)` and `mean(negated) === -mean(values)` hold bit for bit: a vote
 * must not change because the voters' files were named in another order.
 *
 * @param values Finite numbers.
 * @returns The mean; NaN for an empty list.
 */
export function mean(values: readonly number[]): number {
  const first = values[0];
  if (first === undefined) return NaN;
  // k·x / k is not always x in floating point, and a spread of exactly 0 matters to callers.
  if (values.every((value) => value === first)) return first;
  let positive = 0;
  let negative = 0;
  for (const size of values.filter((value) => value > 0).sort(ascending)) positive += size;
  for (const size of values.filter((value) => value < 0).sort(descending)) negative -= size;
  return (positive - negative) / values.length;
}

/**
 * Mean of numbers summed in their order and divided once. Its last bits
 * depend on the order, unlike those of {@linkcode mean}: for figures of reports and fits, whose rows
 * have an order, and for means that a published implementation takes so.
 *
 * @param values Numbers.
 * @returns The mean; NaN for an empty list.
 */
export function meanInOrder(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * Population variance, (1/k) Σ (x − mean)², as A.2 and D.1 of the ensemble papers use it (divisor k,
 * NumPy's `ddof=0`). It does not depend on the order of the values.
 *
 * @param values Finite numbers.
 * @param centre The mean of `values`, where the caller has it already.
 * @returns The variance; NaN for an empty list.
 */
export function populationVariance(
  values: readonly number[],
  centre: number = mean(values),
): number {
  let sum = 0;
  const squares = values.map((value) => (value - centre) ** 2).sort(ascending);
  for (const square of squares) sum += square;
  return squares.length === 0 ? NaN : sum / squares.length;
}

/**
 * Population standard deviation: the square root of {@linkcode populationVariance}.
 *
 * @param values Finite numbers.
 * @param centre The mean of `values`, where the caller has it already.
 * @returns The standard deviation; NaN for an empty list.
 */
export function populationStd(values: readonly number[], centre: number = mean(values)): number {
  return Math.sqrt(populationVariance(values, centre));
}

/**
 * The finite entries of a list: a voter that has no score for a row takes no part in its vote.
 *
 * @param values Scores or margins, NaN or infinite where a voter has none.
 * @returns The finite ones, in their order.
 */
export function finiteOnly(values: ArrayLike<number>): number[] {
  return Array.from(values).filter(Number.isFinite);
}

function ascending(a: number, b: number): number {
  return a - b;
}

function descending(a: number, b: number): number {
  return b - a;
}
