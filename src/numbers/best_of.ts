import { meanInOrder } from "./moments.ts";

/** A sample: the score that picks it, and what it is worth. */
export interface PickedSample {
  /** The score by which the best sample is picked. */
  readonly proxy: number;
  /** What is measured of the picked sample. */
  readonly value: number;
}

/**
 * Values by ascending score, samples of equal score sharing the mean of their values, as if the tie
 * were broken at random. Samples with a number that is not finite are left out.
 */
export function valuesByScore(samples: readonly PickedSample[]): number[] {
  const sorted = samples
    .filter((sample) => Number.isFinite(sample.proxy) && Number.isFinite(sample.value))
    .sort((a, b) => a.proxy - b.proxy);
  const values: number[] = [];
  while (values.length < sorted.length) {
    const start = values.length;
    let end = start + 1;
    while (end < sorted.length && sorted[end]!.proxy === sorted[start]!.proxy) end++;
    const equal = sorted.slice(start, end);
    const share = meanInOrder(equal.map(({ value }) => value));
    for (const _ of equal) values.push(share);
  }
  return values;
}

/**
 * Expected value of the best of m, Σ_{i=m..n} C(i−1, m−1) / C(n, m) · v_(i), of values by ascending
 * score; NaN where there are fewer than m.
 */
export function expectedTop(values: readonly number[], m: number): number {
  const n = values.length;
  if (n < m) return NaN;
  // C(n−1, m−1) / C(n, m) = m / n; each place below: C(i−2, m−1) / C(i−1, m−1) = (i − m) / (i − 1).
  let weight = m / n;
  let sum = 0;
  for (let i = n; i >= m; i--) {
    sum += weight * values[i - 1]!;
    weight *= (i - m) / (i - 1);
  }
  return sum;
}
