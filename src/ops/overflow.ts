/** The largest number that a 32-bit float holds. */
const largest = 3.4028234663852886e38;

/**
 * A number as `overflow.wgsl` passes it on: NaN where a 32-bit float would be infinite. For the twins'
 * formulas that would make a plausible number of an overflow, as 1 / √∞ = 0 or exp(−∞) = 0; their own
 * sums are in 64 bits, where nothing overflows.
 */
export function nanWhereOverflown(x: number): number {
  return Math.abs(x) <= largest ? x : NaN;
}
