/**
 * A tile of a product: 6 rows × 8 outputs, whose sums over some values of k stay in registers (12 vectors
 * of sums, two of weights, one of input). `product.ts` tells what it is a part of.
 */
import { all, fused, relu } from "./vector";

/** Rows and outputs of a tile. */
export const TILE_ROWS: u32 = 6;
export const TILE_COLUMNS: u32 = 8;

/** A tile that has fewer rows or outputs: through a whole one, for which there is room at `whole`. */
export function edge(
  input: u32,
  inputStride: u32,
  rows: u32,
  panel: u32,
  count: u32,
  output: u32,
  outputStride: u32,
  columns: u32,
  bias: u32,
  added: bool,
  rectified: bool,
  whole: u32,
): void {
  const stride: u32 = 4 * TILE_COLUMNS;
  tile(input, inputStride, rows, panel, count, whole, stride, 0, false, false);
  for (let row: u32 = 0; row < rows; row++) {
    for (let column: u32 = 0; column < columns; column++) {
      const to = output + row * outputStride + 4 * column;
      let start: f32 = added ? load<f32>(to) : 0;
      if (bias != 0) start += load<f32>(bias + 4 * column);
      let value = all(start + load<f32>(whole + row * stride + 4 * column));
      if (rectified) value = relu(value);
      store<f32>(to, f32x4.extract_lane(value, 0));
    }
  }
}

/**
 * The sums of 6 rows × 8 outputs over `count` values of k, an even number, each added to what is there
 * (or to 0) and to the bias. Rows past `rows` are computed as the last one, and not stored.
 */
export function tile(
  input: u32,
  inputStride: u32,
  rows: u32,
  panel: u32,
  count: u32,
  output: u32,
  outputStride: u32,
  bias: u32,
  added: bool,
  rectified: bool,
): void {
  let a0 = input;
  let a1 = input + inputStride * min<u32>(1, rows - 1);
  let a2 = input + inputStride * min<u32>(2, rows - 1);
  let a3 = input + inputStride * min<u32>(3, rows - 1);
  let a4 = input + inputStride * min<u32>(4, rows - 1);
  let a5 = input + inputStride * min<u32>(5, rows - 1);
  let s00 = all(0), s01 = all(0), s10 = all(0), s11 = all(0), s20 = all(0), s21 = all(0);
  let s30 = all(0), s31 = all(0), s40 = all(0), s41 = all(0), s50 = all(0), s51 = all(0);
  const end = a0 + 4 * count;
  do {
    let w0 = v128.load(panel, 0);
    let w1 = v128.load(panel, 16);
    let a = v128.load_splat<f32>(a0, 0);
    s00 = fused(a, w0, s00);
    s01 = fused(a, w1, s01);
    a = v128.load_splat<f32>(a1, 0);
    s10 = fused(a, w0, s10);
    s11 = fused(a, w1, s11);
    a = v128.load_splat<f32>(a2, 0);
    s20 = fused(a, w0, s20);
    s21 = fused(a, w1, s21);
    a = v128.load_splat<f32>(a3, 0);
    s30 = fused(a, w0, s30);
    s31 = fused(a, w1, s31);
    a = v128.load_splat<f32>(a4, 0);
    s40 = fused(a, w0, s40);
    s41 = fused(a, w1, s41);
    a = v128.load_splat<f32>(a5, 0);
    s50 = fused(a, w0, s50);
    s51 = fused(a, w1, s51);
    w0 = v128.load(panel, 32);
    w1 = v128.load(panel, 48);
    a = v128.load_splat<f32>(a0, 4);
    s00 = fused(a, w0, s00);
    s01 = fused(a, w1, s01);
    a = v128.load_splat<f32>(a1, 4);
    s10 = fused(a, w0, s10);
    s11 = fused(a, w1, s11);
    a = v128.load_splat<f32>(a2, 4);
    s20 = fused(a, w0, s20);
    s21 = fused(a, w1, s21);
    a = v128.load_splat<f32>(a3, 4);
    s30 = fused(a, w0, s30);
    s31 = fused(a, w1, s31);
    a = v128.load_splat<f32>(a4, 4);
    s40 = fused(a, w0, s40);
    s41 = fused(a, w1, s41);
    a = v128.load_splat<f32>(a5, 4);
    s50 = fused(a, w0, s50);
    s51 = fused(a, w1, s51);
    a0 += 8;
    a1 += 8;
    a2 += 8;
    a3 += 8;
    a4 += 8;
    a5 += 8;
    panel += 64;
  } while (a0 < end);
  const b0 = bias == 0 ? all(0) : v128.load(bias, 0);
  const b1 = bias == 0 ? all(0) : v128.load(bias, 16);
  put(output, s00, s01, b0, b1, added, rectified);
  if (rows > 1) put(output + outputStride, s10, s11, b0, b1, added, rectified);
  if (rows > 2) put(output + 2 * outputStride, s20, s21, b0, b1, added, rectified);
  if (rows > 3) put(output + 3 * outputStride, s30, s31, b0, b1, added, rectified);
  if (rows > 4) put(output + 4 * outputStride, s40, s41, b0, b1, added, rectified);
  if (rows > 5) put(output + 5 * outputStride, s50, s51, b0, b1, added, rectified);
}

// @ts-ignore: decorator
@inline
function put(
  output: u32,
  s0: v128,
  s1: v128,
  b0: v128,
  b1: v128,
  added: bool,
  rectified: bool,
): void {
  let y0 = f32x4.add(added ? f32x4.add(v128.load(output, 0), b0) : b0, s0);
  let y1 = f32x4.add(added ? f32x4.add(v128.load(output, 16), b1) : b1, s1);
  if (rectified) {
    y0 = relu(y0);
    y1 = relu(y1);
  }
  v128.store(output, y0, 0);
  v128.store(output, y1, 16);
}
