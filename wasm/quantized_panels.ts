/**
 * Quantized weights as products read them. A weight [outputs, inner] lies in panels of 8 outputs: its whole
 * numbers, [inner, 8] in int8 or [inner / 2, 8] in pairs of int4, the first of a pair in a byte's lower
 * half; then its scales, [groups, 8] in f16. The last panel's missing outputs are zeros.
 */
import { PACK_QUANTIZED } from "./kinds";
import { widenHalf } from "./pack_panels";
import { describe, operand, setOperand, share } from "./team";

/** Panels of a part. */
const TOGETHER: u32 = 16;

/** The first type that is quantized: int8 in groups of 32; then of 128, int4 of 32, of 128. */
export const FIRST_QUANTIZED: u32 = 3;

// @ts-ignore: decorator
@inline
function isInt8(type: u32): bool {
  return type < FIRST_QUANTIZED + 2;
}

// @ts-ignore: decorator
@inline
function groupOf(type: u32): u32 {
  return (type - FIRST_QUANTIZED) % 2 == 0 ? 32 : 128;
}

/** Bytes of a panel's whole numbers for so many values of k. */
// @ts-ignore: decorator
@inline
function quantBytes(type: u32, inner: u32): u32 {
  return (isInt8(type) ? 8 : 4) * inner;
}

/** Bytes of a panel. */
export function quantizedPanelBytes(type: u32, inner: u32): u32 {
  const group = groupOf(type);
  return quantBytes(type, inner) + 16 * ((inner + group - 1) / group);
}

/**
 * Lays out some outputs of a weight.
 *
 * @param source Rows of the weight, one after another: whole numbers, scales from `scales` bytes on.
 * @param outputs How many; a multiple of 8 but for those at the weight's end.
 * @param type 3 to 6: see above.
 * @param rowBytes From a row to the next.
 * @param target The panel of the first of them.
 */
export function pack_quantized(
  source: u32,
  outputs: u32,
  inner: u32,
  type: u32,
  rowBytes: u32,
  scales: u32,
  target: u32,
): void {
  describe();
  setOperand<u32>(0, source);
  setOperand<u32>(1, outputs);
  setOperand<u32>(2, inner);
  setOperand<u32>(3, type);
  setOperand<u32>(4, target);
  setOperand<u32>(5, rowBytes);
  setOperand<u32>(6, scales);
  const panels = (outputs + 7) / 8;
  share(PACK_QUANTIZED, (panels + TOGETHER - 1) / TOGETHER);
}

export function packQuantizedPart(part: u32): void {
  const outputs = operand<u32>(1);
  const inner = operand<u32>(2);
  const type = operand<u32>(3);
  const rowBytes = operand<u32>(5);
  const bytes = quantBytes(type, inner);
  const panelBytes = quantizedPanelBytes(type, inner);
  const end = min<u32>((part + 1) * TOGETHER * 8, outputs);
  for (let output = part * TOGETHER * 8; output < end; output += 8) {
    const source = operand<u32>(0) + output * rowBytes;
    const target = operand<u32>(4) + output / 8 * panelBytes;
    const count = min<u32>(8, end - output);
    if (count < 8) memory.fill(target, 0, panelBytes);
    packBytes(source, rowBytes, count, bytes / 8, target);
    const scales = source + operand<u32>(6);
    for (let row: u32 = 0; row < count; row++) {
      for (let at: u32 = 0; at < panelBytes - bytes; at += 16) {
        const scale = load<u16>(scales + row * rowBytes + at / 8);
        store<u16>(target + bytes + at + 2 * row, scale);
      }
    }
  }
}

/** Eight bytes at a time of eight rows: a transposition of 8 × 8, in three rounds. */
function packBytes(source: u32, stride: u32, count: u32, bytes: u32, target: u32): void {
  const whole = count == 8 ? bytes & ~7 : 0;
  for (let at: u32 = 0; at < whole; at += 8) {
    let from = source + at;
    const a = v128.load64_zero(from), b = v128.load64_zero(from += stride);
    const c = v128.load64_zero(from += stride), d = v128.load64_zero(from += stride);
    const e = v128.load64_zero(from += stride), f = v128.load64_zero(from += stride);
    const g = v128.load64_zero(from += stride), h = v128.load64_zero(from += stride);
    const ab = pairs(a, b), cd = pairs(c, d), ef = pairs(e, f), gh = pairs(g, h);
    const to = target + 8 * at;
    put(to, v128.shuffle<i16>(ab, cd, 0, 8, 1, 9, 2, 10, 3, 11), v128.shuffle<i16>(ef, gh, 0, 8, 1, 9, 2, 10, 3, 11));
    put(to + 32, v128.shuffle<i16>(ab, cd, 4, 12, 5, 13, 6, 14, 7, 15), v128.shuffle<i16>(ef, gh, 4, 12, 5, 13, 6, 14, 7, 15));
  }
  for (let row: u32 = 0; row < count; row++) {
    for (let at = whole; at < bytes; at++) {
      store<u8>(target + 8 * at + row, load<u8>(source + row * stride + at));
    }
  }
}

// @ts-ignore: decorator
@inline
function pairs(a: v128, b: v128): v128 {
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline
function put(to: u32, left: v128, right: v128): void {
  v128.store(to, v128.shuffle<i32>(left, right, 0, 4, 1, 5), 0);
  v128.store(to, v128.shuffle<i32>(left, right, 2, 6, 3, 7), 16);
}

/**
 * Widens a panel's weights to f32, [count, 8], which is exact.
 *
 * @param panel The panel.
 * @param inner Values of k that it has.
 * @param from The first that is widened, at a group's beginning.
 * @param count How many, an even number.
 */
export function widenQuantized(
  type: u32,
  panel: u32,
  inner: u32,
  from: u32,
  count: u32,
  target: u32,
): void {
  const group = groupOf(type);
  let scales = panel + quantBytes(type, inner) + from / group * 16;
  let source = panel + quantBytes(type, from);
  for (let k: u32 = 0; k < count; k += group, scales += 16) {
    const s0 = widenHalf(v128.load_ext<u16>(scales, 0));
    const s1 = widenHalf(v128.load_ext<u16>(scales, 8));
    const end = target + 32 * min<u32>(group, count - k);
    if (isInt8(type)) {
      for (; target < end; target += 32, source += 8) {
        putScaled(target, v128.load_ext<i8>(source), s0, s1);
      }
    } else {
      for (; target < end; target += 64, source += 8) {
        const both = v128.load64_zero(source);
        const first = i8x16.shr_s(i8x16.shl(both, 4), 4);
        const second = i8x16.shr_s(both, 4);
        putScaled(target, i16x8.extend_low_i8x16_s(first), s0, s1);
        putScaled(target + 32, i16x8.extend_low_i8x16_s(second), s0, s1);
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function putScaled(target: u32, quants: v128, s0: v128, s1: v128): void {
  const q0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(quants));
  const q1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(quants));
  v128.store(target, f32x4.mul(q0, s0), 0);
  v128.store(target, f32x4.mul(q1, s1), 16);
}
