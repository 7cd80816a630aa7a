/**
 * Vectors of four 32-bit floats, and the elementary functions of them that kernels use.
 *
 * `fused()` is the one place where engines differ: with relaxed SIMD a product and its sum are rounded
 * once where the processor can (FMA), without it they are rounded apart, as everywhere in JavaScript.
 */

// @ts-ignore: decorator
@inline
export function all(x: f32): v128 {
  return f32x4.splat(x);
}

/** a · b + c */
// @ts-ignore: decorator
@inline
export function fused(a: v128, b: v128, c: v128): v128 {
  return ASC_FEATURE_RELAXED_SIMD ? f32x4.relaxed_madd(a, b, c) : f32x4.add(f32x4.mul(a, b), c);
}

/** min(x, most); a NaN stays one. */
// @ts-ignore: decorator
@inline
export function atMost(x: v128, most: f32): v128 {
  return f32x4.pmin(x, all(most));
}

/**
 * Where infinity becomes NaN, for formulas that would make a plausible number of an overflow: 1 / √∞
 * and exp(−∞) are 0. ∞ · 0 is NaN, any other number's product with 0 changes nothing.
 */
// @ts-ignore: decorator
@inline
export function nanWhereOverflown(x: v128): v128 {
  return f32x4.add(x, f32x4.mul(x, all(0)));
}

/** As {@link nanWhereOverflown}, of one number. */
// @ts-ignore: decorator
@inline
export function nanWhereOverflownScalar(x: f32): f32 {
  return x + x * 0;
}

/** The sum of the four numbers, in a fixed order. */
// @ts-ignore: decorator
@inline
export function sumOf(x: v128): f32 {
  return (f32x4.extract_lane(x, 0) + f32x4.extract_lane(x, 2)) +
    (f32x4.extract_lane(x, 1) + f32x4.extract_lane(x, 3));
}

/** Powers of two, by writing the exponent; n from -126 to 127. */
// @ts-ignore: decorator
@inline
function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/**
 * e^x = 2^n · e^r, n the integer nearest to x / ln 2; e^r by Cephes' polynomial (Moshier, expf.c), within
 * 1e-7. The power is applied in two halves, which reach from the smallest subnormal number to infinity.
 */
// @ts-ignore: decorator
@inline
export function exp(x: v128): v128 {
  const bounded = f32x4.pmin(f32x4.pmax(x, all(-150.0)), all(150.0));
  const whole = fused(bounded, all(1.44269504088896341), all(ROUNDING));
  const power = i32x4.sub(whole, f32ToBits(ROUNDING));
  const half = i32x4.shr_s(power, 1);
  const p = expOfRest(bounded, f32x4.sub(whole, all(ROUNDING)));
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(power, half)));
}

/**
 * e^x of numbers up to 0, as {@link exp}, for shares of a softmax: below −80 it is 0. Such a share counts
 * for nothing beside the 1 of the highest, and its product with a small number would be subnormal, which
 * takes processors a hundred times as long.
 */
// @ts-ignore: decorator
@inline
export function expBelow(x: v128): v128 {
  const bounded = f32x4.pmax(x, all(-80.0));
  const whole = fused(bounded, all(1.44269504088896341), all(ROUNDING));
  const p = expOfRest(bounded, f32x4.sub(whole, all(ROUNDING)));
  // The power's bits are the lowest of `whole`; those above are shifted out.
  const share = f32x4.mul(p, i32x4.add(i32x4.shl(whole, 23), i32x4.splat(0x3f800000)));
  return v128.andnot(share, f32x4.lt(x, all(-80.0)));
}

/** 1.5 · 2^23: what is added to it is rounded to an integer, which is then its lowest bits. */
const ROUNDING: f32 = 12582912.0;

// @ts-ignore: decorator
@inline
function f32ToBits(x: f32): v128 {
  return i32x4.splat(reinterpret<i32>(x));
}

/** e^(x − n · ln 2). */
// @ts-ignore: decorator
@inline
function expOfRest(x: v128, n: v128): v128 {
  let r = fused(n, all(-0.693359375), x);
  r = fused(n, all(2.12194440e-4), r);
  let p = fused(r, all(1.9875691500e-4), all(1.3981999507e-3));
  p = fused(p, r, all(8.3334519073e-3));
  p = fused(p, r, all(4.1665795894e-2));
  p = fused(p, r, all(1.6666665459e-1));
  p = fused(p, r, all(5.0000001201e-1));
  return f32x4.add(fused(p, f32x4.mul(r, r), r), all(1));
}

/**
 * The natural logarithm of positive numbers: x = 2^n · m with m in [√½, √2), Cephes' polynomial of m − 1
 * (Moshier, logf.c), within 1e-7 of itself. Of 0 it is −∞; negative numbers are not asked for.
 */
// @ts-ignore: decorator
@inline
export function log(x: v128): v128 {
  // Subnormal numbers are raised to normal ones first.
  const small = f32x4.lt(x, all(1.17549435e-38));
  const raised = v128.bitselect(f32x4.mul(x, all(16777216)), x, small);
  let n = f32x4.sub(
    f32x4.convert_i32x4_s(i32x4.sub(i32x4.shr_s(raised, 23), i32x4.splat(126))),
    v128.and(small, all(24)),
  );
  let m = v128.or(v128.and(raised, i32x4.splat(0x007fffff)), all(0.5));
  const low = f32x4.lt(m, all(0.707106781186547524));
  n = f32x4.sub(n, v128.and(low, all(1)));
  m = f32x4.sub(f32x4.add(m, v128.and(low, m)), all(1));
  let p = fused(m, all(7.0376836292e-2), all(-1.1514610310e-1));
  p = fused(p, m, all(1.1676998740e-1));
  p = fused(p, m, all(-1.2420140846e-1));
  p = fused(p, m, all(1.4249322787e-1));
  p = fused(p, m, all(-1.6668057665e-1));
  p = fused(p, m, all(2.0000714765e-1));
  p = fused(p, m, all(-2.4999993993e-1));
  p = fused(p, m, all(3.3333331174e-1));
  const square = f32x4.mul(m, m);
  let y = f32x4.mul(f32x4.mul(m, square), p);
  y = fused(n, all(-2.12194440e-4), y);
  y = fused(square, all(-0.5), y);
  y = fused(n, all(0.693359375), f32x4.add(m, y));
  y = v128.bitselect(all(-Infinity), y, f32x4.eq(x, all(0)));
  return v128.bitselect(x, y, v128.or(f32x4.eq(x, all(Infinity)), f32x4.ne(x, x)));
}

/** max(x, 0), which NaN and −∞ do not make 0: of an overflow comes NaN. */
// @ts-ignore: decorator
@inline
export function relu(x: v128): v128 {
  const known = nanWhereOverflown(x);
  return v128.andnot(known, f32x4.lt(known, all(0)));
}

/** The first `count` of four numbers, 1 to 4, nothing beyond them read; zeros in the other lanes. */
// @ts-ignore: decorator
@inline
export function loadFirst(address: u32, count: u32): v128 {
  if (count >= 4) return v128.load(address);
  let x = v128.load_zero<u32>(address);
  if (count > 1) x = v128.load_lane<u32>(address, x, 1, 4);
  if (count > 2) x = v128.load_lane<u32>(address, x, 2, 8);
  return x;
}

/** As {@link loadFirst}: nothing beyond them is written. */
// @ts-ignore: decorator
@inline
export function storeFirst(address: u32, x: v128, count: u32): void {
  if (count >= 4) {
    v128.store(address, x);
    return;
  }
  v128.store_lane<u32>(address, x, 0, 0);
  if (count > 1) v128.store_lane<u32>(address, x, 1, 4);
  if (count > 2) v128.store_lane<u32>(address, x, 2, 8);
}

/** The highest of the four numbers. */
// @ts-ignore: decorator
@inline
export function highestOf(x: v128): f32 {
  const first = max<f32>(f32x4.extract_lane(x, 0), f32x4.extract_lane(x, 1));
  return max<f32>(first, max<f32>(f32x4.extract_lane(x, 2), f32x4.extract_lane(x, 3)));
}
