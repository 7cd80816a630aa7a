/**
 * Logistic function σ(z) = 1 / (1 + e^(−z)), without overflow at either end.
 *
 * @param z Any number, for example a margin of scores.
 * @returns A probability in [0, 1].
 */
export function sigmoid(z: number): number {
  if (z >= 0) return 1 / (1 + Math.exp(-z));
  const e = Math.exp(z);
  return e / (1 + e);
}

/**
 * log σ(z) = min(z, 0) − log1p(e^(−|z|)): finite where log(sigmoid(z)) would be −∞.
 *
 * @param z Any number.
 * @returns A number ≤ 0.
 */
export function logSigmoid(z: number): number {
  return Math.min(z, 0) - Math.log1p(Math.exp(-Math.abs(z)));
}
