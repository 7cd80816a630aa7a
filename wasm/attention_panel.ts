/**
 * What the kernels of attention have in common: panels of eight queries in the lanes of two vectors, and
 * what a tile of keys and values does to them. `attention.ts` tells how they work.
 *
 * Operands of both: 0 queries, 1 keys, 2 values, 3 spans, 4 blocks, 5 heads, 6 key heads, 7 headDim, 10
 * scale, 11 cap of scores, 12 output.
 */
import { softCapped } from "./soft_cap";
import { operand } from "./team";
import { all, expBelow, fused, nanWhereOverflown } from "./vector";

/** Queries of a panel, and positions of a tile. */
export const LANES: u32 = 8;
export const TILE: u32 = 64;
/** Most queries of a block: `queriesPerBlock` of the backend. */
export const BLOCK: u32 = 32;
/** Lower than any score, and finite, so that differences are no NaN. */
export const LOWEST: f32 = -3.4028234e38;

/** Of a conversation's queries and keys. */
let prefix: u32 = 0;
let prefixLength: u32 = 0;
let own: u32 = 0;
export let tokens: u32 = 0;

/**
 * Begins with a block of queries; returns the first one's position.
 *
 * @param block Its four numbers.
 */
export function enter(block: u32): u32 {
  const span = operand<u32>(3) + 16 * load<u32>(block);
  prefix = load<u32>(span, 4);
  prefixLength = load<u32>(span, 8);
  own = load<u32>(span, 12);
  tokens = load<u32>(block, 8);
  return load<u32>(span);
}

/** A panel's state: its queries [headDim, 8], sums of values [headDim, 8], highest scores and totals [2, 8]. */
// @ts-ignore: decorator
@inline
export function stateBytes(headDim: u32): u32 {
  return 4 * LANES * (2 * headDim + 2);
}

/** Queries side by side; lanes without one have the last one's numbers. */
export function begin(state: u32, row: u32, lanes: u32, head: u32): void {
  const headDim = operand<u32>(7);
  const stride = 4 * operand<u32>(5) * headDim;
  const queries = operand<u32>(0) + row * stride + 4 * head * headDim;
  for (let lane: u32 = 0; lane < LANES; lane++) {
    const query = queries + min(lane, lanes - 1) * stride;
    for (let d: u32 = 0; d < headDim; d++) {
      store<f32>(state + 4 * (LANES * d + lane), load<f32>(query + 4 * d));
    }
  }
  memory.fill(state + 4 * LANES * headDim, 0, 4 * LANES * headDim);
  const highest = state + 8 * LANES * headDim;
  v128.store(highest, all(LOWEST), 0);
  v128.store(highest, all(LOWEST), 16);
  v128.store(highest, all(0), 32);
  v128.store(highest, all(0), 48);
}

/** Sums of values over totals of shares, each query's in its row. */
export function finish(state: u32, row: u32, lanes: u32, head: u32): void {
  const headDim = operand<u32>(7);
  const stride = 4 * operand<u32>(5) * headDim;
  const output = operand<u32>(12) + row * stride + 4 * head * headDim;
  let sums = state + 4 * LANES * headDim;
  const totals = state + 8 * LANES * headDim + 4 * LANES;
  const share0 = f32x4.div(all(1), v128.load(totals, 0));
  const share1 = f32x4.div(all(1), v128.load(totals, 16));
  // The last query's row takes what lanes without a query hold, before its own numbers.
  const lane1 = rowOfLane(output, stride, 1, lanes), lane2 = rowOfLane(output, stride, 2, lanes);
  const lane3 = rowOfLane(output, stride, 3, lanes), lane4 = rowOfLane(output, stride, 4, lanes);
  const lane5 = rowOfLane(output, stride, 5, lanes), lane6 = rowOfLane(output, stride, 6, lanes);
  const lane7 = rowOfLane(output, stride, 7, lanes);
  for (let d: u32 = 0; d < 4 * headDim; d += 4) {
    const low = f32x4.mul(v128.load(sums, 0), share0);
    const high = f32x4.mul(v128.load(sums, 16), share1);
    v128.store_lane<f32>(lane7 + d, high, 3);
    v128.store_lane<f32>(lane6 + d, high, 2);
    v128.store_lane<f32>(lane5 + d, high, 1);
    v128.store_lane<f32>(lane4 + d, high, 0);
    v128.store_lane<f32>(lane3 + d, low, 3);
    v128.store_lane<f32>(lane2 + d, low, 2);
    v128.store_lane<f32>(lane1 + d, low, 1);
    v128.store_lane<f32>(output + d, low, 0);
    sums += 4 * LANES;
  }
}

// @ts-ignore: decorator
@inline
function rowOfLane(output: u32, stride: u32, lane: u32, lanes: u32): u32 {
  return output + min(lane, lanes - 1) * stride;
}

/** The address of a row of keys or values. */
// @ts-ignore: decorator
@inline
export function rowOf(position: u32): u32 {
  return position < prefixLength ? prefix + position : own + position - prefixLength;
}

/**
 * Products of four rows of headDim numbers with a panel [headDim, 8].
 *
 * @param scored Whether they are scores, which are scaled and capped, or terms of such.
 */
export function scoreFour(
  queries: u32,
  headDim: u32,
  k0: u32,
  k1: u32,
  k2: u32,
  k3: u32,
  scores: u32,
  scored: bool,
): void {
  let s00 = all(0), s01 = all(0), s10 = all(0), s11 = all(0);
  let s20 = all(0), s21 = all(0), s30 = all(0), s31 = all(0);
  const end = k0 + 4 * headDim;
  do {
    let q0 = v128.load(queries, 0), q1 = v128.load(queries, 16);
    let k = v128.load_splat<f32>(k0, 0);
    s00 = fused(k, q0, s00);
    s01 = fused(k, q1, s01);
    k = v128.load_splat<f32>(k1, 0);
    s10 = fused(k, q0, s10);
    s11 = fused(k, q1, s11);
    k = v128.load_splat<f32>(k2, 0);
    s20 = fused(k, q0, s20);
    s21 = fused(k, q1, s21);
    k = v128.load_splat<f32>(k3, 0);
    s30 = fused(k, q0, s30);
    s31 = fused(k, q1, s31);
    q0 = v128.load(queries, 32);
    q1 = v128.load(queries, 48);
    k = v128.load_splat<f32>(k0, 4);
    s00 = fused(k, q0, s00);
    s01 = fused(k, q1, s01);
    k = v128.load_splat<f32>(k1, 4);
    s10 = fused(k, q0, s10);
    s11 = fused(k, q1, s11);
    k = v128.load_splat<f32>(k2, 4);
    s20 = fused(k, q0, s20);
    s21 = fused(k, q1, s21);
    k = v128.load_splat<f32>(k3, 4);
    s30 = fused(k, q0, s30);
    s31 = fused(k, q1, s31);
    k0 += 8;
    k1 += 8;
    k2 += 8;
    k3 += 8;
    queries += 64;
  } while (k0 < end);
  put(scores, s00, s01, scored);
  put(scores + 32, s10, s11, scored);
  put(scores + 64, s20, s21, scored);
  put(scores + 96, s30, s31, scored);
}

// @ts-ignore: decorator
@inline
function put(to: u32, s0: v128, s1: v128, scored: bool): void {
  v128.store(to, scored ? scoreOf(s0) : s0, 0);
  v128.store(to, scored ? scoreOf(s1) : s1, 16);
}

/** A sum of products as a score: scaled and capped, NaN of an overflow. */
// @ts-ignore: decorator
@inline
export function scoreOf(sum: v128): v128 {
  return softCapped(f32x4.mul(nanWhereOverflown(sum), all(operand<f32>(10))), operand<f32>(11));
}

/**
 * Scores to shares e^(score − highest), all of them seen. The highest score may rise, for which sums so
 * far are scaled by e^(old − new); the totals are kept up to date.
 */
export function share64(highest: u32, shares: u32, first: u32, end: u32, scaling: u32): void {
  let m0 = v128.load(highest, 0), m1 = v128.load(highest, 16);
  const old0 = m0, old1 = m1;
  for (let at = first; at < end; at++) {
    const to = shares + 4 * LANES * at;
    m0 = f32x4.pmax(m0, v128.load(to, 0));
    m1 = f32x4.pmax(m1, v128.load(to, 16));
  }
  let t0 = all(0), t1 = all(0);
  for (let at = first; at < end; at++) {
    const to = shares + 4 * LANES * at;
    const e0 = expBelow(f32x4.sub(v128.load(to, 0), m0));
    const e1 = expBelow(f32x4.sub(v128.load(to, 16), m1));
    v128.store(to, e0, 0);
    v128.store(to, e1, 16);
    t0 = f32x4.add(t0, e0);
    t1 = f32x4.add(t1, e1);
  }
  rescale(highest, old0, old1, m0, m1, t0, t1, scaling);
}

// @ts-ignore: decorator
@inline
export function rescale(
  highest: u32,
  old0: v128,
  old1: v128,
  m0: v128,
  m1: v128,
  t0: v128,
  t1: v128,
  scaling: u32,
): void {
  const r0 = expBelow(f32x4.sub(old0, m0)), r1 = expBelow(f32x4.sub(old1, m1));
  v128.store(highest, m0, 0);
  v128.store(highest, m1, 16);
  v128.store(highest, fused(v128.load(highest, 32), r0, t0), 32);
  v128.store(highest, fused(v128.load(highest, 48), r1, t1), 48);
  v128.store(scaling, r0, 0);
  v128.store(scaling, r1, 16);
}

/**
 * Copies a head's rows of some positions, one after another: as they lie in a pack, a few cache sets would
 * have to hold them all.
 *
 * @param rows Keys or values [rows, heads · headDim].
 */
export function gather(
  rows: u32,
  heads: u32,
  head: u32,
  headDim: u32,
  first: u32,
  end: u32,
  target: u32,
): void {
  const bytes: u32 = 4 * headDim;
  const from = rows + head * bytes;
  for (let position = first; position < end; position++) {
    const row = from + rowOf(position) * heads * bytes;
    for (let at: u32 = 0; at < bytes; at += 16) v128.store(target + at, v128.load(row + at));
    target += bytes;
  }
}

/**
 * sums = sums · scaling + Σ share · value.
 *
 * @param values Rows [count, headDim], as `gather()` left them.
 * @param shares [count, 8]
 */
export function addValues(
  sums: u32,
  headDim: u32,
  values: u32,
  count: u32,
  shares: u32,
  scaling: u32,
): void {
  for (let d: u32 = 0; d < headDim; d += 4) {
    addFour(values + 4 * d, count, 4 * headDim, shares, sums + 4 * LANES * d, scaling);
  }
}

/** The sums of four columns of values, for eight queries. */
function addFour(
  value: u32,
  count: u32,
  stride: u32,
  shares: u32,
  sums: u32,
  scaling: u32,
): void {
  let s00 = all(0), s01 = all(0), s10 = all(0), s11 = all(0);
  let s20 = all(0), s21 = all(0), s30 = all(0), s31 = all(0);
  for (let i: u32 = 1; i < count; i += 2) {
    let p0 = v128.load(shares, 0), p1 = v128.load(shares, 16);
    let v = v128.load_splat<f32>(value, 0);
    s00 = fused(v, p0, s00);
    s01 = fused(v, p1, s01);
    v = v128.load_splat<f32>(value, 4);
    s10 = fused(v, p0, s10);
    s11 = fused(v, p1, s11);
    v = v128.load_splat<f32>(value, 8);
    s20 = fused(v, p0, s20);
    s21 = fused(v, p1, s21);
    v = v128.load_splat<f32>(value, 12);
    s30 = fused(v, p0, s30);
    s31 = fused(v, p1, s31);
    value += stride;
    p0 = v128.load(shares, 32);
    p1 = v128.load(shares, 48);
    v = v128.load_splat<f32>(value, 0);
    s00 = fused(v, p0, s00);
    s01 = fused(v, p1, s01);
    v = v128.load_splat<f32>(value, 4);
    s10 = fused(v, p0, s10);
    s11 = fused(v, p1, s11);
    v = v128.load_splat<f32>(value, 8);
    s20 = fused(v, p0, s20);
    s21 = fused(v, p1, s21);
    v = v128.load_splat<f32>(value, 12);
    s30 = fused(v, p0, s30);
    s31 = fused(v, p1, s31);
    value += stride;
    shares += 8 * LANES;
  }
  if ((count & 1) != 0) {
    const p0 = v128.load(shares, 0), p1 = v128.load(shares, 16);
    let v = v128.load_splat<f32>(value, 0);
    s00 = fused(v, p0, s00);
    s01 = fused(v, p1, s01);
    v = v128.load_splat<f32>(value, 4);
    s10 = fused(v, p0, s10);
    s11 = fused(v, p1, s11);
    v = v128.load_splat<f32>(value, 8);
    s20 = fused(v, p0, s20);
    s21 = fused(v, p1, s21);
    v = v128.load_splat<f32>(value, 12);
    s30 = fused(v, p0, s30);
    s31 = fused(v, p1, s31);
  }
  const r0 = v128.load(scaling, 0), r1 = v128.load(scaling, 16);
  addTo(sums, r0, r1, s00, s01);
  addTo(sums + 32, r0, r1, s10, s11);
  addTo(sums + 64, r0, r1, s20, s21);
  addTo(sums + 96, r0, r1, s30, s31);
}

// @ts-ignore: decorator
@inline
function addTo(sums: u32, r0: v128, r1: v128, s0: v128, s1: v128): void {
  v128.store(sums, fused(v128.load(sums, 0), r0, s0), 0);
  v128.store(sums, fused(v128.load(sums, 16), r1, s1), 16);
}
