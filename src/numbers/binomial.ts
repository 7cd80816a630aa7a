/**
 * Distribution function of the binomial: the chance of at most `successes` among `trials`, each with
 * probability `p`, to about 14 digits of its size, also with millions of trials. By the continued
 * fraction of the incomplete beta function, whose leading factor is taken in Loader's saddle-point
 * form (C. Loader, Fast and accurate computation of binomial probabilities, 2000).
 *
 * @param successes A whole number; below 0 the chance is 0, from `trials` on it is 1.
 * @param trials A whole number of at least 0.
 * @param p A probability.
 * @returns A probability from 0 to 1.
 */
export function binomialCdf(successes: number, trials: number, p: number): number {
  if (successes < 0) return 0;
  if (successes >= trials || p <= 0) return 1;
  if (p >= 1) return 0;
  // P(X ≤ k) = I_{1−p}(n − k, k + 1); the fraction converges fast below the mean of the beta.
  const above = trials - successes;
  const below = successes + 1;
  if (1 - p < (above + 1) / (trials + 3)) return tailFraction(above, below, 1 - p, p);
  return 1 - tailFraction(below, above, p, 1 - p);
}

/**
 * Chance of exactly `successes` among `trials`.
 *
 * @param successes A whole number from 0 to `trials`.
 * @param trials A whole number of at least 0.
 * @param p A probability.
 */
export function binomialPmf(successes: number, trials: number, p: number): number {
  return pointMass(successes, trials - successes, p, 1 - p);
}

/**
 * Exact (Clopper–Pearson) upper bound of a probability at confidence 1 − δ: the p whose chance of so
 * few successes is δ, the (1 − δ)-quantile of Beta(k + 1, n − k).
 *
 * @param successes How often it happened: a whole number from 0 to `trials`.
 * @param trials How often it could have: a whole number of at least 0.
 * @param delta Chance that the bound is too low, between 0 and 1.
 * @returns A probability; 1 where it always happened, or was never tried.
 */
export function clopperPearsonUpper(successes: number, trials: number, delta: number): number {
  if (successes >= trials) return 1;
  let low = successes / trials;
  let high = 1;
  // Halving a range of doubles ends where no number lies between its ends.
  while (true) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) return high;
    if (binomialCdf(successes, trials, middle) > delta) low = middle;
    else high = middle;
  }
}

/**
 * Exact (Clopper–Pearson) lower bound of a probability at confidence 1 − δ, the δ-quantile of
 * Beta(k, n − k + 1).
 *
 * @param successes How often it happened: a whole number from 0 to `trials`.
 * @param trials How often it could have: a whole number of at least 0.
 * @param delta Chance that the bound is too high, between 0 and 1.
 * @returns A probability; 0 where it never happened.
 */
export function clopperPearsonLower(successes: number, trials: number, delta: number): number {
  return 1 - clopperPearsonUpper(trials - successes, trials, delta);
}

/** I_x(a, b) for whole a and b ≥ 1, x below its mean, and y = 1 − x; by Lentz's method. */
function tailFraction(a: number, b: number, x: number, y: number): number {
  // x^a y^b / (a B(a, b)) = y · C(a + b − 1, a) x^a y^(b − 1)
  const front = y * pointMass(a, b - 1, x, y);
  if (front === 0) return 0;
  let c = 1;
  let d = 1 / notZero(1 - (a + b) * x / (a + 1));
  let fraction = d;
  for (let m = 1; m <= mostTerms; m++) {
    const even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / notZero(1 + even * d);
    c = notZero(1 + even / c);
    fraction *= d * c;
    const odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / notZero(1 + odd * d);
    c = notZero(1 + odd / c);
    const change = d * c;
    fraction *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return front * fraction;
}

/** The fraction needs about √max(a, b) terms: enough for 10¹⁰ trials. */
const mostTerms = 100_000;

function notZero(value: number): number {
  return Math.abs(value) < 1e-300 ? 1e-300 : value;
}

/** C(k + m, k) p^k q^m. */
function pointMass(k: number, m: number, p: number, q: number): number {
  const n = k + m;
  if (k === 0) return Math.exp(n * Math.log1p(-p));
  if (m === 0) return Math.exp(n * Math.log1p(-q));
  const exponent = stirlingError(n) - stirlingError(k) - stirlingError(m) - deviance(k, n * p) -
    deviance(m, n * q);
  return Math.sqrt(n / (2 * Math.PI * k * m)) * Math.exp(exponent);
}

/** log n! − log(√(2πn) (n/e)^n), for whole n ≥ 1. */
function stirlingError(n: number): number {
  if (n < 16) {
    let factorial = 1;
    for (let i = 2; i <= n; i++) factorial *= i;
    return Math.log(factorial) - 0.5 * Math.log(2 * Math.PI * n) - n * Math.log(n) + n;
  }
  const s = 1 / (n * n);
  return (1 / 12 - s * (1 / 360 - s * (1 / 1260 - s * (1 / 1680 - s / 1188)))) / n;
}

/** x log(x/m) + m − x, without the cancellation where x is near m. */
function deviance(x: number, m: number): number {
  if (Math.abs(x - m) >= 0.1 * (x + m)) return x * Math.log(x / m) + m - x;
  const v = (x - m) / (x + m);
  let sum = (x - m) * v;
  let term = 2 * x * v;
  for (let j = 1; j < 1000; j++) {
    term *= v * v;
    const next = sum + term / (2 * j + 1);
    if (next === sum) break;
    sum = next;
  }
  return sum;
}
