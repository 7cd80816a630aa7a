/** The middle of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A median with the least and the largest of what it stands for. */
export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

/** Sums measurements up. */
export function spread(numbers: readonly number[]): Spread {
  return { median: median(numbers), least: Math.min(...numbers), most: Math.max(...numbers) };
}

/** `12.3 (11.9–12.8)`, in three significant digits. */
export function formatSpread({ median, least, most }: Spread): string {
  if (!Number.isFinite(median)) return "–";
  return `${formatNumber(median)} (${formatNumber(least)}–${formatNumber(most)})`;
}

/** Three significant digits, without an exponent. */
export function formatNumber(number: number): string {
  if (!Number.isFinite(number)) return "–";
  if (number === 0) return "0";
  const decimals = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(number))));
  return number.toFixed(Math.min(decimals, 10));
}
