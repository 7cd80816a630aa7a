/**
 * Distribution function of the standard normal, Φ(z), to about 15 digits, also far out in the lower
 * tail: by the series of the error function near 0 and its continued fraction beyond.
 *
 * @param z Any number.
 * @returns A probability from 0 to 1; NaN for NaN.
 */
export function normalCdf(z: number): number {
  if (Number.isNaN(z)) return NaN;
  const tail = upperTail(Math.abs(z));
  return z < 0 ? tail : 1 - tail;
}

/** 1 − Φ(z) for z ≥ 0. */
function upperTail(z: number): number {
  if (z > 39) return 0; // below the least double
  const density = Math.exp(-z * z / 2) / Math.sqrt(2 * Math.PI);
  if (z < 2) {
    // Φ(z) − ½ = φ(z) Σ z^(2k+1) / (2k + 1)!!: terms of one sign (Abramowitz and Stegun 26.2.11).
    let term = z;
    let sum = 0;
    for (let k = 1; term > sum * 1e-17; k++) {
      sum += term;
      term *= z * z / (2 * k + 1);
    }
    return 0.5 - density * sum;
  }
  // φ(z) / (z + 1/(z + 2/(z + …))), from its far end (Abramowitz and Stegun 26.2.14).
  let fraction = z;
  for (let k = 200; k > 0; k--) fraction = z + k / fraction;
  return density / fraction;
}

/**
 * Quantile of the standard normal: the z with Φ(z) = p. By Wichura's algorithm AS 241 (PPND16), whose
 * error is about 1e-16 of the value.
 *
 * @param p A probability.
 * @returns z; −∞ at 0, ∞ at 1, NaN outside.
 */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) return p === 0 ? -Infinity : p === 1 ? Infinity : NaN;
  const q = p - 0.5;
  if (Math.abs(q) <= 0.425) return q * ratio(centre, 0.180625 - q * q);
  const r = Math.sqrt(-Math.log(q < 0 ? p : 1 - p));
  const z = r <= 5 ? ratio(middle, r - 1.6) : ratio(far, r - 5);
  return q < 0 ? -z : z;
}

type Rational = readonly [above: readonly number[], below: readonly number[]];

/** Coefficients of AS 241, from the highest power down. */
const centre: Rational = [[
  2.5090809287301226727e+3,
  3.3430575583588128105e+4,
  6.7265770927008700853e+4,
  4.5921953931549871457e+4,
  1.3731693765509461125e+4,
  1.9715909503065514427e+3,
  1.3314166789178437745e+2,
  3.3871328727963666080e0,
], [
  5.2264952788528545610e+3,
  2.8729085735721942674e+4,
  3.9307895800092710610e+4,
  2.1213794301586595867e+4,
  5.3941960214247511077e+3,
  6.8718700749205790830e+2,
  4.2313330701600911252e+1,
  1,
]];
const middle: Rational = [[
  7.74545014278341407640e-4,
  2.27238449892691845833e-2,
  2.41780725177450611770e-1,
  1.27045825245236838258e0,
  3.64784832476320460504e0,
  5.76949722146069140550e0,
  4.63033784615654529590e0,
  1.42343711074968357734e0,
], [
  1.05075007164441684324e-9,
  5.47593808499534494600e-4,
  1.51986665636164571966e-2,
  1.48103976427480074590e-1,
  6.89767334985100004550e-1,
  1.67638483018380384940e0,
  2.05319162663775882187e0,
  1,
]];
const far: Rational = [[
  2.01033439929228813265e-7,
  2.71155556874348757815e-5,
  1.24266094738807843860e-3,
  2.65321895265761230930e-2,
  2.96560571828504891230e-1,
  1.78482653991729133580e0,
  5.46378491116411436990e0,
  6.65790464350110377720e0,
], [
  2.04426310338993978564e-15,
  1.42151175831644588870e-7,
  1.84631831751005468180e-5,
  7.86869131145613259100e-4,
  1.48753612908506148525e-2,
  1.36929880922735805310e-1,
  5.99832206555887937690e-1,
  1,
]];

function ratio([above, below]: Rational, x: number): number {
  const horner = (sum: number, coefficient: number) => sum * x + coefficient;
  return above.reduce(horner, 0) / below.reduce(horner, 0);
}
