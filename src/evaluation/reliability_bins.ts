import { ascendingOrder } from "../numbers/ranks.ts";

/** How pairs are cut into bins by their confidence. */
export interface Binning {
  /** The bin of each pair. */
  readonly of: Uint8Array;
  /** Least and greatest confidence of each bin. */
  readonly ends: readonly (readonly [low: number, high: number])[];
}

/** Bins of equal width on [0.5, 1]: each holds its lower end, the last one both. */
export function equalWidthBins(confidences: Float64Array, bins: number): Binning {
  const of = Uint8Array.from(
    confidences,
    (confidence) => Math.min(bins - 1, Math.floor((confidence - 0.5) * 2 * bins)),
  );
  const end = (bin: number) => 0.5 + bin / (2 * bins);
  return { of, ends: Array.from({ length: bins }, (_, bin) => [end(bin), end(bin + 1)]) };
}

/**
 * Bins of as equal counts as can be: pairs in the order of their confidence, equal ones together, so
 * that the order of the rows decides nothing. Where many are equal, a bin may stay empty.
 */
export function equalMassBins(confidences: Float64Array, bins: number): Binning {
  const order = ascendingOrder(confidences);
  const of = new Uint8Array(confidences.length);
  const ends = Array.from({ length: bins }, (): [number, number] => [NaN, NaN]);
  for (let start = 0; start < order.length;) {
    const confidence = confidences[order[start]!]!;
    const bin = Math.floor(start * bins / order.length);
    if (Number.isNaN(ends[bin]![0])) ends[bin]![0] = confidence;
    ends[bin]![1] = confidence;
    let next = start;
    while (next < order.length && confidences[order[next]!] === confidence) {
      of[order[next++]!] = bin;
    }
    start = next;
  }
  return { of, ends };
}
