/**
 * Activations of four numbers, by the numbers that `src/ops/activation.ts` gives them; the formulas are
 * those of `shaders/activation.wgsl`. What exp is given is bounded there; here exp reaches infinity by
 * itself, and what would make a plausible number of an overflow is given NaN instead.
 */
import { all, atMost, exp, fused } from "./vector";

/** The error function, within 1e-6: a polynomial up to 0.9277, beyond it 1 − exp of another. */
function errorFunction(x: v128): v128 {
  const t = atMost(f32x4.abs(x), 4.0); // erf(4) is 1 in f32
  const s = f32x4.mul(t, t);
  let near = fused(all(-5.96761703e-4), s, all(4.99119423e-3));
  near = fused(near, s, all(-2.67681349e-2));
  near = fused(near, s, all(1.12819925e-1));
  near = fused(near, s, all(-3.76125336e-1));
  near = fused(near, s, all(1.28379166e-1));
  near = fused(near, t, t);
  const upper = fused(all(-1.72853470e-5), t, all(3.83197126e-4));
  let far = fused(upper, s, fused(all(-3.88396438e-3), t, all(2.42546219e-2)));
  far = fused(far, t, all(-1.06777877e-1));
  far = fused(far, t, all(-6.34846687e-1));
  far = fused(far, t, all(-1.28717512e-1));
  far = f32x4.sub(all(1), exp(f32x4.sub(f32x4.mul(far, t), t)));
  const positive = v128.bitselect(far, near, f32x4.gt(t, all(0.927734375)));
  return v128.or(positive, v128.and(x, i32x4.splat(0x80000000)));
}

/** tanh: near 0 a polynomial (Moshier, Cephes, tanhf.c), from there on by one exp; 1 from 10 on. */
export function tanh(x: v128): v128 {
  const a = atMost(f32x4.abs(x), 10.0);
  const z = f32x4.mul(a, a);
  let near = fused(all(-5.70498872745e-3), z, all(2.06390887954e-2));
  near = fused(near, z, all(-5.37397155531e-2));
  near = fused(near, z, all(1.33314422036e-1));
  near = fused(near, z, all(-3.33332819422e-1));
  near = fused(f32x4.mul(near, z), a, a);
  const twice = exp(f32x4.add(a, a));
  const far = f32x4.sub(all(1), f32x4.div(all(2), f32x4.add(twice, all(1))));
  const positive = v128.bitselect(near, far, f32x4.lt(a, all(0.625)));
  return v128.or(positive, v128.and(x, i32x4.splat(0x80000000)));
}

// @ts-ignore: decorator
@inline
export function sigmoid(x: v128): v128 {
  return f32x4.div(all(1), f32x4.add(all(1), exp(f32x4.neg(x))));
}

/** Two times the inner function of GELU's approximation by tanh. */
// @ts-ignore: decorator
@inline
function twiceInner(x: v128): v128 {
  const cube = f32x4.mul(f32x4.mul(x, x), x);
  return f32x4.mul(all(1.5957691216057308), fused(all(0.044715), cube, x));
}

/** x after the activation of a number. */
export function activated(activation: u32, x: v128): v128 {
  if (activation == 1) {
    // exp bounded, since a large negative x would be divided by infinity and its cube overflow.
    const power = exp(atMost(f32x4.neg(twiceInner(x)), 88.0));
    return f32x4.div(x, f32x4.add(all(1), power));
  }
  if (activation == 2) {
    const half = f32x4.mul(all(0.5), x);
    return f32x4.mul(half, f32x4.add(all(1), errorFunction(f32x4.mul(x, all(0.7071067811865476)))));
  }
  if (activation == 3) return v128.bitselect(all(0), x, f32x4.lt(x, all(0)));
  if (activation == 4) return tanh(x);
  if (activation == 5) {
    const below = f32x4.mul(all(1.6732632423543772), f32x4.sub(exp(atMost(x, 0)), all(1)));
    const value = v128.bitselect(x, below, f32x4.gt(x, all(0)));
    return f32x4.mul(all(1.0507009873554805), value);
  }
  if (activation == 6) return sigmoid(x);
  if (activation == 7) return v128.bitselect(f32x4.mul(all(0.01), x), x, f32x4.lt(x, all(0)));
  return f32x4.div(x, f32x4.add(all(1), exp(f32x4.neg(x))));
}
