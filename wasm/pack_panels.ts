/**
 * Weights as products read them. A weight [outputs, inner] lies in panels of 8 outputs, each [inner, 8]
 * in the type it was stored in, so that a tile reads the weights of a value of k side by side. The last
 * panel's missing outputs are zeros.
 */
import { PACK } from "./kinds";
import { describe, operand, setOperand, share } from "./team";
import { all } from "./vector";

/** Panels of a part. */
const TOGETHER: u32 = 16;

/**
 * Lays out some outputs of a weight.
 *
 * @param source Rows of the weight as stored, one after another.
 * @param outputs How many; a multiple of 8 but for those at the weight's end.
 * @param bytes Of one number: 4 or 2.
 * @param target The panel of the first of them.
 */
export function pack_panels(
  source: u32,
  outputs: u32,
  inner: u32,
  bytes: u32,
  target: u32,
): void {
  describe();
  setOperand<u32>(0, source);
  setOperand<u32>(1, outputs);
  setOperand<u32>(2, inner);
  setOperand<u32>(3, bytes);
  setOperand<u32>(4, target);
  const panels = (outputs + 7) / 8;
  share(PACK, (panels + TOGETHER - 1) / TOGETHER);
}

export function packPart(part: u32): void {
  const outputs = operand<u32>(1);
  const inner = operand<u32>(2);
  const bytes = operand<u32>(3);
  const rowBytes = bytes * inner;
  const end = min<u32>((part + 1) * TOGETHER * 8, outputs);
  for (let output = part * TOGETHER * 8; output < end; output += 8) {
    const source = operand<u32>(0) + output * rowBytes;
    const target = operand<u32>(4) + output * rowBytes;
    const count = min<u32>(8, end - output);
    if (count < 8) memory.fill(target, 0, 8 * rowBytes);
    if (bytes == 4) packWords(source, count, inner, target);
    else packHalves(source, count, inner, target);
  }
}

/** Four values of k at a time of four rows: a transposition of 4 × 4. */
function packWords(source: u32, count: u32, inner: u32, target: u32): void {
  const stride = 4 * inner;
  if (count < 8) {
    for (let row: u32 = 0; row < count; row++) {
      for (let k: u32 = 0; k < inner; k++) {
        store<u32>(target + 4 * (8 * k + row), load<u32>(source + row * stride + 4 * k));
      }
    }
    return;
  }
  for (let half: u32 = 0; half < 2; half++) {
    const r0 = source + 4 * half * stride;
    const r1 = r0 + stride, r2 = r1 + stride, r3 = r2 + stride;
    for (let k: u32 = 0; k < inner; k += 4) {
      const a = v128.load(r0 + 4 * k), b = v128.load(r1 + 4 * k);
      const c = v128.load(r2 + 4 * k), d = v128.load(r3 + 4 * k);
      const ab = v128.shuffle<i32>(a, b, 0, 4, 1, 5), cd = v128.shuffle<i32>(c, d, 0, 4, 1, 5);
      const ef = v128.shuffle<i32>(a, b, 2, 6, 3, 7), gh = v128.shuffle<i32>(c, d, 2, 6, 3, 7);
      const to = target + 32 * k + 16 * half;
      v128.store(to, v128.shuffle<i64>(ab, cd, 0, 2), 0);
      v128.store(to, v128.shuffle<i64>(ab, cd, 1, 3), 32);
      v128.store(to, v128.shuffle<i64>(ef, gh, 0, 2), 64);
      v128.store(to, v128.shuffle<i64>(ef, gh, 1, 3), 96);
    }
  }
}

/** Eight values of k at a time of eight rows: a transposition of 8 × 8, in three rounds. */
function packHalves(source: u32, count: u32, inner: u32, target: u32): void {
  const stride = 2 * inner;
  if (count < 8) {
    for (let row: u32 = 0; row < count; row++) {
      for (let k: u32 = 0; k < inner; k++) {
        store<u16>(target + 2 * (8 * k + row), load<u16>(source + row * stride + 2 * k));
      }
    }
    return;
  }
  for (let k: u32 = 0; k < inner; k += 8) {
    let at = source + 2 * k;
    const a = v128.load(at), b = v128.load(at += stride), c = v128.load(at += stride);
    const d = v128.load(at += stride), e = v128.load(at += stride);
    const f = v128.load(at += stride), g = v128.load(at += stride);
    const h = v128.load(at += stride);
    const to = target + 16 * k;
    putHalves(to, low(a, b), low(c, d), low(e, f), low(g, h));
    putHalves(to + 64, high(a, b), high(c, d), high(e, f), high(g, h));
  }
}

// @ts-ignore: decorator
@inline
function low(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline
function high(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** The last two rounds for four values of k: pairs of rows become rows of 8. */
// @ts-ignore: decorator
@inline
function putHalves(to: u32, ab: v128, cd: v128, ef: v128, gh: v128): void {
  const lowLeft = v128.shuffle<i32>(ab, cd, 0, 4, 1, 5);
  const lowRight = v128.shuffle<i32>(ef, gh, 0, 4, 1, 5);
  const highLeft = v128.shuffle<i32>(ab, cd, 2, 6, 3, 7);
  const highRight = v128.shuffle<i32>(ef, gh, 2, 6, 3, 7);
  v128.store(to, v128.shuffle<i64>(lowLeft, lowRight, 0, 2), 0);
  v128.store(to, v128.shuffle<i64>(lowLeft, lowRight, 1, 3), 16);
  v128.store(to, v128.shuffle<i64>(highLeft, highRight, 0, 2), 32);
  v128.store(to, v128.shuffle<i64>(highLeft, highRight, 1, 3), 48);
}

/** Widens 16-bit numbers to f32, which is exact; `count` is a multiple of 8. */
export function widen(type: u32, source: u32, target: u32, count: u32): void {
  const end = source + 2 * count;
  if (type == 2) {
    const zero = all(0);
    while (source < end) {
      const x = v128.load(source);
      v128.store(target, low(zero, x), 0);
      v128.store(target, high(zero, x), 16);
      source += 16;
      target += 32;
    }
  } else {
    while (source < end) {
      v128.store(target, widenHalf(v128.load_ext<u16>(source, 0)), 0);
      v128.store(target, widenHalf(v128.load_ext<u16>(source, 8)), 16);
      source += 16;
      target += 32;
    }
  }
}

/**
 * f16 in the lower halves: the exponent moves to its place in f32, and 2^112 corrects its bias, which
 * makes subnormal numbers right too. An exponent of all ones stands for infinity and NaN.
 */
// @ts-ignore: decorator
@inline
export function widenHalf(bits: v128): v128 {
  const magnitude = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  const special = i32x4.ge_u(magnitude, i32x4.splat(0x0f800000));
  const value = f32x4.mul(magnitude, all(5192296858534827628530496329220096.0));
  const infinite = v128.or(
    v128.and(special, i32x4.splat(0x7f800000)),
    v128.and(value, i32x4.splat(0x7fffffff)),
  );
  return v128.or(v128.bitselect(infinite, value, special), sign);
}
