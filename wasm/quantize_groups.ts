/**
 * Quantizes rows of weights, as `src/ops/quantization/group_quantization.ts` tells and does without
 * vectors, to the same bits. A module of its own, with a memory of its own.
 */

/** Weights from here on; scales and whole numbers lie where the caller says. */
export const VALUES: u32 = 8192;
/** Bytes of the memory. */
export const BYTES: u32 = 65536 * 40;

/** A short group's weights, with zeros after them, and its whole numbers. */
const NUMBERS: u32 = 1024;
const QUANTS: u32 = 2048;
/** Scales that are tried for a group: up to twelve. */
const TRIED: u32 = 4096;

const MOST_GROUP: u32 = 128;

// @ts-ignore: decorator
@inline
const ROUNDER: f32 = 12582912; // 1.5 · 2^23

/**
 * Quantizes rows.
 *
 * @param rows [rows, columns] at VALUES.
 * @param scales [rows, groups] f32.
 * @param chosen Whether the scales are there, and only the whole numbers are wanted.
 * @param quants [rows, bytes of a row].
 * @returns 0, or 1 + the number of the first group that can't be quantized.
 */
export function quantize(
  rows: u32,
  columns: u32,
  bits: u32,
  group: u32,
  scales: u32,
  chosen: u32,
  quants: u32,
): u32 {
  const rowBytes = (columns * bits + 7) / 8;
  const groups = (columns + group - 1) / group;
  for (let row: u32 = 0; row < rows; row++) {
    for (let g: u32 = 0; g < groups; g++) {
      const count = min<u32>(group, columns - g * group);
      let numbers = VALUES + 4 * (row * columns + g * group);
      if (count < group) {
        memory.fill(NUMBERS, 0, 4 * MOST_GROUP);
        memory.copy(NUMBERS, numbers, 4 * count);
        numbers = NUMBERS;
      }
      const at = scales + 4 * (row * groups + g);
      if (!chosen && !choose(numbers, group, bits, at)) return 1 + row * groups + g;
      const to = quants + row * rowBytes + g * group * bits / 8;
      if (count == group) write(numbers, group, bits, load<f32>(at), to);
      else {
        write(numbers, group, bits, load<f32>(at), QUANTS);
        memory.copy(to, QUANTS, (count * bits + 7) / 8);
      }
    }
  }
  return 0;
}

/** Chooses a group's scale. */
function choose(numbers: u32, group: u32, bits: u32, at: u32): bool {
  let high = f32x4.splat(0), low = f32x4.splat(0);
  for (let i: u32 = 0; i < 4 * group; i += 16) {
    const x = v128.load(numbers + i);
    high = f32x4.max(high, x);
    low = f32x4.min(low, x);
  }
  const most = max<f32>(
    max<f32>(f32x4.extract_lane(high, 0), f32x4.extract_lane(high, 1)),
    max<f32>(f32x4.extract_lane(high, 2), f32x4.extract_lane(high, 3)),
  );
  const least = min<f32>(
    min<f32>(f32x4.extract_lane(low, 0), f32x4.extract_lane(low, 1)),
    min<f32>(f32x4.extract_lane(low, 2), f32x4.extract_lane(low, 3)),
  );
  const peak = -least > most ? least : most;
  if (!(abs<f32>(most) < f32.MAX_VALUE) || !(abs<f32>(least) < f32.MAX_VALUE)) return false;
  store<f32>(at, 0);
  if (peak == 0) return true;
  let tried: u32 = 4;
  if (bits == 8) putScales(0, peak, f32x4(127, 129, 131, 131));
  else {
    tried = 12;
    putScales(0, peak, f32x4(-8, -8.5, -9, -9.5));
    putScales(16, peak, f32x4(-10, 7, 7.5, 8));
    putScales(32, peak, f32x4(8.5, 9, 9, 9));
  }
  let smallest: f32 = Infinity;
  for (let i: u32 = 0; i < tried; i++) {
    const scale = load<f32>(TRIED + 4 * i);
    if (!(abs<f32>(scale) <= 65504)) continue;
    const error = squaredError(numbers, group, bits, scale);
    if (error >= smallest) continue;
    smallest = error;
    store<f32>(at, scale);
  }
  return load<f32>(at) != 0;
}

/** Four scales, rounded to f16, ties to even; none is 0. */
function putScales(to: u32, peak: f32, levels: v128): void {
  const exact = f32x4.div(f32x4.splat(peak), levels);
  const magnitude = f32x4.abs(exact);
  const odd = v128.and(i32x4.shr_u(magnitude, 13), i32x4.splat(1));
  const raised = i32x4.add(magnitude, i32x4.add(odd, i32x4.splat(0xfff)));
  const normal = v128.and(raised, i32x4.splat(~0x1fff));
  // Subnormal numbers of f16 are multiples of 2^-24, as those of f32 are from 1/2 on.
  const half = f32x4.splat(0.5);
  const small = f32x4.sub(f32x4.add(magnitude, half), half);
  const isSmall = f32x4.lt(magnitude, f32x4.splat(0.00006103515625));
  const rounded = v128.bitselect(f32x4.max(small, f32x4.splat(5.960464477539063e-8)), normal, isSmall);
  const sign = v128.and(exact, i32x4.splat(i32.MIN_VALUE));
  v128.store(TRIED + to, v128.or(rounded, sign));
}

// @ts-ignore: decorator
@inline
function nearest(numbers: u32, inverse: v128, least: v128, most: v128): v128 {
  const rounder = f32x4.splat(ROUNDER);
  const exact = f32x4.mul(v128.load(numbers), inverse);
  const quant = f32x4.sub(f32x4.add(exact, rounder), rounder);
  return f32x4.min(f32x4.max(quant, least), most);
}

function squaredError(numbers: u32, group: u32, bits: u32, scale: f32): f32 {
  const inverse = f32x4.splat(1 / scale), factor = f32x4.splat(scale);
  const least = f32x4.splat(bits == 8 ? -127 : -8), most = f32x4.splat(bits == 8 ? 127 : 7);
  let sums = f32x4.splat(0);
  for (let i: u32 = 0; i < 4 * group; i += 16) {
    const quant = nearest(numbers + i, inverse, least, most);
    const error = f32x4.sub(v128.load(numbers + i), f32x4.mul(quant, factor));
    sums = f32x4.add(sums, f32x4.mul(error, error));
  }
  return (f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1)) +
    (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3));
}

/** Writes a group's whole numbers. */
function write(numbers: u32, group: u32, bits: u32, scale: f32, to: u32): void {
  if (scale == 0) {
    memory.fill(to, 0, group * bits / 8);
    return;
  }
  const inverse = f32x4.splat(1 / scale);
  const least = f32x4.splat(bits == 8 ? -127 : -8), most = f32x4.splat(bits == 8 ? 127 : 7);
  for (let i: u32 = 0; i < group; i += 16) {
    const at = numbers + 4 * i;
    const a = i32x4.trunc_sat_f32x4_s(nearest(at, inverse, least, most));
    const b = i32x4.trunc_sat_f32x4_s(nearest(at + 16, inverse, least, most));
    const c = i32x4.trunc_sat_f32x4_s(nearest(at + 32, inverse, least, most));
    const d = i32x4.trunc_sat_f32x4_s(nearest(at + 48, inverse, least, most));
    const bytes = i8x16.narrow_i16x8_s(i16x8.narrow_i32x4_s(a, b), i16x8.narrow_i32x4_s(c, d));
    if (bits == 8) v128.store(to + i, bytes);
    else {
      // Two bytes to one: the second one's lower half above the first one's.
      const lower = v128.and(bytes, i16x8.splat(0x0f));
      const upper = v128.and(i16x8.shr_u(bytes, 4), i16x8.splat(0xf0));
      const pairs = v128.or(lower, upper);
      v128.store64_lane(to + i / 2, i8x16.narrow_i16x8_u(pairs, pairs), 0);
    }
  }
}
