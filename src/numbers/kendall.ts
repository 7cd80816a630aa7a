/**
 * Kendall's τ-b of two lists (Kendall 1945), for short ones: every two places are compared.
 *
 *   (concordant − discordant) / √((pairs − ties in x) · (pairs − ties in y))
 *
 * @param x Numbers.
 * @param y As many.
 * @returns From −1 to 1; NaN where either list has one value only.
 */
export function kendallTau(x: readonly number[], y: readonly number[]): number {
  let sum = 0;
  let untiedX = 0;
  let untiedY = 0;
  for (let one = 0; one < x.length; one++) {
    for (let other = one + 1; other < x.length; other++) {
      const signX = Math.sign(x[one]! - x[other]!);
      const signY = Math.sign(y[one]! - y[other]!);
      sum += signX * signY;
      untiedX += Math.abs(signX);
      untiedY += Math.abs(signY);
    }
  }
  return sum / Math.sqrt(untiedX * untiedY);
}
