import { ascendingOrder } from "../../numbers/ranks.ts";
import type { LengthBand, LengthCells } from "./audit_report.ts";

const bandCount = 10;
const columns = 36;
const rows = 24;
/** Lengths that differ by more than this factor are told apart in their logarithm only. */
const wideRange = 20;

/** Rows with a finite value in every column. */
function usable(...values: readonly ArrayLike<number>[]): Uint32Array {
  const count = values[0]!.length;
  const places: number[] = [];
  for (let row = 0; row < count; row++) {
    if (values.every((column) => Number.isFinite(column[row]))) places.push(row);
  }
  return Uint32Array.from(places);
}

/**
 * Responses by intervals of length with about equal numbers: equal lengths are never parted.
 *
 * @param lengths One per response.
 * @param scores Scores as they came.
 * @param calibrated Calibrated scores.
 */
export function lengthBands(
  lengths: ArrayLike<number>,
  scores: ArrayLike<number>,
  calibrated: ArrayLike<number>,
): LengthBand[] {
  const order = ascendingOrder(lengths, usable(lengths, scores, calibrated));
  const bands: LengthBand[] = [];
  let start = 0;
  while (start < order.length) {
    let end = Math.max(start + 1, Math.round((bands.length + 1) * order.length / bandCount));
    while (end < order.length && lengths[order[end]!] === lengths[order[end - 1]!]) end++;
    let [score, after] = [0, 0];
    for (let place = start; place < end; place++) {
      score += scores[order[place]!]!;
      after += calibrated[order[place]!]!;
    }
    bands.push({
      from: lengths[order[start]!]!,
      to: lengths[order[end - 1]!]!,
      responses: end - start,
      score: score / (end - start),
      calibrated: after / (end - start),
    });
    start = end;
  }
  return bands;
}

/**
 * Counts of responses by cells of length and score. The cells span the middle 99 % of lengths and of
 * scores; what lies beyond is counted in the outermost cells.
 *
 * @param lengths One per response.
 * @param scores One per response.
 */
export function lengthCells(lengths: ArrayLike<number>, scores: ArrayLike<number>): LengthCells {
  const places = usable(lengths, scores);
  const [shortest, longest] = middleOf(lengths, places);
  const logarithmic = shortest > 0 && longest / shortest > wideRange;
  const scale = logarithmic ? Math.log : Number;
  const back = logarithmic ? Math.exp : Number;
  const x = borders(scale(shortest), scale(longest), columns);
  const y = borders(...middleOf(scores, places), rows);
  const counts = new Map<number, number>();
  for (const place of places) {
    const column = cellOf(scale(lengths[place]!), x);
    const cell = column * rows + cellOf(scores[place]!, y);
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
  }
  return {
    logarithmic,
    lengths: x.map(back),
    scores: y,
    counts: [...counts].sort(([a], [b]) => a - b)
      .map(([cell, count]) => [Math.floor(cell / rows), cell % rows, count]),
  };
}

/** The middle 99 % of some values. */
function middleOf(values: ArrayLike<number>, places: Uint32Array): [number, number] {
  const order = ascendingOrder(values, places);
  const at = (share: number) => values[order[Math.round(share * (order.length - 1))]!]!;
  return [at(0.005), at(0.995)];
}

function borders(low: number, high: number, count: number): number[] {
  const width = (high - low) / count || 1;
  return Array.from({ length: count + 1 }, (_, index) => low + index * width);
}

function cellOf(value: number, edges: readonly number[]): number {
  const place = Math.floor((value - edges[0]!) / (edges[1]! - edges[0]!));
  return Math.min(edges.length - 2, Math.max(0, place));
}
