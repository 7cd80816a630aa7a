/**
 * The product of two blocks of rows, in 64-bit floats: what fitting multiplies matrices with. A module of
 * its own, with a memory of its own:
 *
 *     products[i][j] += Σ_k left[i][k] · right[j][k]
 *
 * Multiplications and additions are rounded apart, as everywhere in JavaScript: all machines give the same
 * bits. Both sides and the products lie one after another from address 0 on.
 */

/** Most rows of either side. */
export const ROWS: u32 = 64;
/** Most numbers of a row: all rows of both sides take 520 KiB, a second-level cache. */
export const INNER: u32 = 512;
/** Numbers from a row to the next; not a power of two, or all rows would compete for the same cache lines. */
export const STRIDE: u32 = INNER + 8;
/** Where the left rows, the right rows and the products lie, in bytes. */
export const LEFT: u32 = 0;
export const RIGHT: u32 = 8 * ROWS * STRIDE;
export const PRODUCTS: u32 = 16 * ROWS * STRIDE;

// Bytes from a row to the next.
const ROW: u32 = 8 * STRIDE;
const PRODUCT_ROW: u32 = 8 * ROWS;

/**
 * Adds the products of the first rows of both sides.
 *
 * @param left Rows on the left, taken four at a time, and `right` on the right, two at a time.
 * @param inner Numbers of each, taken four at a time: there must be zeros up to a multiple of it.
 */
export function add(left: u32, right: u32, inner: u32): void {
  for (let i: u32 = 0; i < left; i += 4) {
    for (let j: u32 = 0; j < right; j += 2) {
      addTile(LEFT + i * ROW, RIGHT + j * ROW, 8 * inner, PRODUCTS + i * PRODUCT_ROW + 8 * j);
    }
  }
}

/** Four rows by two, each product in two lanes. */
function addTile(left: u32, right: u32, bytes: u32, products: u32): void {
  let s00 = f64x2.splat(0), s01 = f64x2.splat(0), s10 = f64x2.splat(0), s11 = f64x2.splat(0);
  let s20 = f64x2.splat(0), s21 = f64x2.splat(0), s30 = f64x2.splat(0), s31 = f64x2.splat(0);
  const end = left + bytes;
  do {
    let r0 = v128.load(right, 0), r1 = v128.load(right, ROW);
    let l = v128.load(left, 0);
    s00 = f64x2.add(s00, f64x2.mul(l, r0));
    s01 = f64x2.add(s01, f64x2.mul(l, r1));
    l = v128.load(left, ROW);
    s10 = f64x2.add(s10, f64x2.mul(l, r0));
    s11 = f64x2.add(s11, f64x2.mul(l, r1));
    l = v128.load(left, 2 * ROW);
    s20 = f64x2.add(s20, f64x2.mul(l, r0));
    s21 = f64x2.add(s21, f64x2.mul(l, r1));
    l = v128.load(left, 3 * ROW);
    s30 = f64x2.add(s30, f64x2.mul(l, r0));
    s31 = f64x2.add(s31, f64x2.mul(l, r1));
    r0 = v128.load(right, 16);
    r1 = v128.load(right, ROW + 16);
    l = v128.load(left, 16);
    s00 = f64x2.add(s00, f64x2.mul(l, r0));
    s01 = f64x2.add(s01, f64x2.mul(l, r1));
    l = v128.load(left, ROW + 16);
    s10 = f64x2.add(s10, f64x2.mul(l, r0));
    s11 = f64x2.add(s11, f64x2.mul(l, r1));
    l = v128.load(left, 2 * ROW + 16);
    s20 = f64x2.add(s20, f64x2.mul(l, r0));
    s21 = f64x2.add(s21, f64x2.mul(l, r1));
    l = v128.load(left, 3 * ROW + 16);
    s30 = f64x2.add(s30, f64x2.mul(l, r0));
    s31 = f64x2.add(s31, f64x2.mul(l, r1));
    left += 32;
    right += 32;
  } while (left < end);
  addLanes(products, s00, s01);
  addLanes(products + PRODUCT_ROW, s10, s11);
  addLanes(products + 2 * PRODUCT_ROW, s20, s21);
  addLanes(products + 3 * PRODUCT_ROW, s30, s31);
}

// @ts-ignore: decorator
@inline
function addLanes(product: u32, s0: v128, s1: v128): void {
  const sum0 = f64x2.extract_lane(s0, 0) + f64x2.extract_lane(s0, 1);
  const sum1 = f64x2.extract_lane(s1, 0) + f64x2.extract_lane(s1, 1);
  store<f64>(product, load<f64>(product) + sum0);
  store<f64>(product, load<f64>(product, 8) + sum1, 8);
}
