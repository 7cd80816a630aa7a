/**
 * Grouped-query attention over a ragged pack: softmax(capped(q · kᵀ · scale)) · v.
 *
 * queries [rows, heads · headDim], keys and values [rows, keyHeads · headDim], spans and blocks as
 * `src/ops/attention_operands.ts` tells. A part of the work is a block of at most 32 queries, neighbours
 * in a conversation, with the heads that share a key head.
 *
 * Eight queries lie in the lanes of two vectors, so that both products are those of `product.ts`: a
 * number of a key or a value is broadcast, eight queries or their shares lie side by side. Keys are taken
 * in tiles of 64 positions that begin at multiples of 64, whatever the block, with a softmax that is
 * scaled anew from tile to tile (Milakov and Gimelshein 2018, arXiv 1805.02867; Dao et al. 2022, arXiv
 * 2205.14135). Positions that a query doesn't see add exact zeros: its numbers are the same beside any
 * others, and with its prefix in any place.
 */
import { ATTENTION } from "./kinds";
import { softCapped } from "./soft_cap";
import { describe, operand, scratch, setOperand, share } from "./team";
import { all, exp, fused, nanWhereOverflown } from "./vector";

/** Queries of a panel, and positions of a tile. */
const LANES: u32 = 8;
const TILE: u32 = 64;
/** Most queries of a block: `queriesPerBlock` of the backend. */
const BLOCK: u32 = 32;
/** Lower than any score, and finite, so that differences are no NaN. */
const LOWEST: f32 = -3.4028234e38;

/** Of a conversation's queries and keys. */
let prefix: u32 = 0;
let prefixLength: u32 = 0;
let own: u32 = 0;
let tokens: u32 = 0;

/** Bytes of a thread's memory: queries, sums of values for a block, and what a tile needs. */
export function attention_scratch(headDim: u32, group: u32): u32 {
  return stateBytes(headDim) * (BLOCK / LANES) * group + 4 * LANES * (TILE + headDim);
}

/** A panel's state: its queries [headDim, 8], sums of values [headDim, 8], highest scores and totals [2, 8]. */
// @ts-ignore: decorator

function stateBytes(headDim: u32): u32 {
  return 4 * LANES * (2 * headDim + 2);
}

export function attention(
  queries: u32,
  keys: u32,
  values: u32,
  spans: u32,
  blocks: u32,
  blockCount: u32,
  heads: u32,
  keyHeads: u32,
  headDim: u32,
  causal: u32,
  window: u32,
  scale: f32,
  softcap: f32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, queries);
  setOperand<u32>(1, keys);
  setOperand<u32>(2, values);
  setOperand<u32>(3, spans);
  setOperand<u32>(4, blocks);
  setOperand<u32>(5, heads);
  setOperand<u32>(6, keyHeads);
  setOperand<u32>(7, headDim);
  setOperand<u32>(8, causal);
  setOperand<u32>(9, window);
  setOperand<f32>(10, scale);
  setOperand<f32>(11, softcap);
  setOperand<u32>(12, output);
  setOperand<u32>(13, blockCount);
  share(ATTENTION, blockCount * keyHeads);
}

/** One part: all tiles of keys that its queries see, then what they came to. */
export function attentionPart(part: u32): void {
  // The last blocks of a conversation see the most keys: they come first, so that no thread waits long.
  const keyHeads = operand<u32>(6);
  const block = operand<u32>(4) + 16 * (operand<u32>(13) - 1 - part / keyHeads);
  const keyHead = part % keyHeads;
  const first = load<u32>(block);
  const count = load<u32>(block, 4);
  const span = operand<u32>(3) + 16 * first;
  const position = load<u32>(span);
  prefix = load<u32>(span, 4);
  prefixLength = load<u32>(span, 8);
  own = load<u32>(span, 12);
  tokens = load<u32>(block, 8);
  const headDim = operand<u32>(7);
  const group = operand<u32>(5) / keyHeads;
  const panels = (count + LANES - 1) / LANES;
  for (let head: u32 = 0; head < group; head++) {
    for (let panel: u32 = 0; panel < panels; panel++) {
      const row = first + panel * LANES;
      begin(state(head, panel), row, min(LANES, first + count - row), keyHead * group + head);
    }
  }
  const end = highestSeen(position + count - 1) + 1;
  const start = lowestSeen(position) / TILE * TILE;
  for (let tile = start; tile < end; tile += TILE) {
    for (let head: u32 = 0; head < group; head++) {
      for (let panel: u32 = 0; panel < panels; panel++) {
        const lanes = min(LANES, count - panel * LANES);
        takeTile(state(head, panel), tile, position + panel * LANES, lanes, keyHead, headDim);
      }
    }
  }
  for (let head: u32 = 0; head < group; head++) {
    for (let panel: u32 = 0; panel < panels; panel++) {
      const row = first + panel * LANES;
      finish(state(head, panel), row, min(LANES, first + count - row), keyHead * group + head);
    }
  }
}

// @ts-ignore: decorator

function state(head: u32, panel: u32): u32 {
  return scratch() + (head * (BLOCK / LANES) + panel) * stateBytes(operand<u32>(7));
}

/** A tile's shares [64, 8] and sums of values [headDim, 8], after all states. */
// @ts-ignore: decorator

function tileMemory(): u32 {
  return state(operand<u32>(5) / operand<u32>(6), 0);
}

/** The last position that a query sees. */
// @ts-ignore: decorator

function highestSeen(position: u32): u32 {
  if (operand<u32>(8) != 0) return position;
  const window = operand<u32>(9);
  return window == 0 ? tokens - 1 : min(tokens - 1, position + window - 1);
}

/** The first position that a query sees. */
// @ts-ignore: decorator

function lowestSeen(position: u32): u32 {
  const window = operand<u32>(9);
  return window == 0 || position < window ? 0 : position + 1 - window;
}

/** Queries side by side; lanes without one have the last one's numbers. */
function begin(state: u32, row: u32, lanes: u32, head: u32): void {
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
function finish(state: u32, row: u32, lanes: u32, head: u32): void {
  const headDim = operand<u32>(7);
  const stride = 4 * operand<u32>(5) * headDim;
  const output = operand<u32>(12) + row * stride + 4 * head * headDim;
  const sums = state + 4 * LANES * headDim;
  const totals = state + 8 * LANES * headDim + 4 * LANES;
  for (let lane: u32 = 0; lane < lanes; lane++) {
    const total = load<f32>(totals + 4 * lane);
    for (let d: u32 = 0; d < headDim; d++) {
      const sum = load<f32>(sums + 4 * (LANES * d + lane));
      store<f32>(output + lane * stride + 4 * d, sum / total);
    }
  }
}

/** The address of a row of keys or values. */
// @ts-ignore: decorator

function rowOf(position: u32): u32 {
  return position < prefixLength ? prefix + position : own + position - prefixLength;
}

/** One panel's scores, shares and sums over a tile of keys. */
function takeTile(
  state: u32,
  tile: u32,
  position: u32,
  lanes: u32,
  keyHead: u32,
  headDim: u32,
): void {
  const last = position + lanes - 1;
  const from = max(tile, lowestSeen(position));
  const end = min(tile + TILE, highestSeen(last) + 1);
  if (from >= end) return;
  const stride = 4 * operand<u32>(6) * headDim;
  const column = 4 * keyHead * headDim;
  const shares = tileMemory();
  const first = tile + ((from - tile) & ~3);
  for (let p = first; p < end; p += 4) {
    const keys = operand<u32>(1) + column;
    scoreFour(
      state,
      headDim,
      keys + rowOf(p) * stride,
      keys + rowOf(min(p + 1, end - 1)) * stride,
      keys + rowOf(min(p + 2, end - 1)) * stride,
      keys + rowOf(min(p + 3, end - 1)) * stride,
      shares + 4 * LANES * (p - tile),
    );
  }
  const seenByAll = lowestSeen(last) <= first && highestSeen(position) + 1 >= end;
  const scaling = shares + 4 * LANES * TILE;
  if (seenByAll) share64(state + 8 * LANES * headDim, shares, first - tile, end - tile, scaling);
  else {shareMasked(
      state + 8 * LANES * headDim,
      shares,
      first - tile,
      end - tile,
      scaling,
      tile,
      position,
    );}
  addValues(
    state + 4 * LANES * headDim,
    headDim,
    column,
    stride,
    first,
    end,
    shares - 4 * LANES * tile,
    scaling,
  );
}

/** Products of four keys with eight queries, scaled and capped. */
function scoreFour(
  queries: u32,
  headDim: u32,
  k0: u32,
  k1: u32,
  k2: u32,
  k3: u32,
  scores: u32,
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
  putScores(scores, s00, s01);
  putScores(scores + 32, s10, s11);
  putScores(scores + 64, s20, s21);
  putScores(scores + 96, s30, s31);
}

// @ts-ignore: decorator

function putScores(scores: u32, s0: v128, s1: v128): void {
  const scale = all(operand<f32>(10));
  const softcap = operand<f32>(11);
  v128.store(scores, softCapped(f32x4.mul(nanWhereOverflown(s0), scale), softcap), 0);
  v128.store(scores, softCapped(f32x4.mul(nanWhereOverflown(s1), scale), softcap), 16);
}

/**
 * Scores to shares e^(score − highest), all of them seen. The highest score may rise, for which sums so
 * far are scaled by e^(old − new); the totals are kept up to date.
 */
function share64(highest: u32, shares: u32, first: u32, end: u32, scaling: u32): void {
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
    const e0 = exp(f32x4.sub(v128.load(to, 0), m0));
    const e1 = exp(f32x4.sub(v128.load(to, 16), m1));
    v128.store(to, e0, 0);
    v128.store(to, e1, 16);
    t0 = f32x4.add(t0, e0);
    t1 = f32x4.add(t1, e1);
  }
  rescale(highest, old0, old1, m0, m1, t0, t1, scaling);
}

/** As {@link share64}, where some queries don't see some positions. */
function shareMasked(
  highest: u32,
  shares: u32,
  first: u32,
  end: u32,
  scaling: u32,
  tile: u32,
  position: u32,
): void {
  let m0 = v128.load(highest, 0), m1 = v128.load(highest, 16);
  const old0 = m0, old1 = m1;
  const low0 = lowestOf(position), low1 = lowestOf(position + 4);
  const high0 = highestOf(position), high1 = highestOf(position + 4);
  for (let at = first; at < end; at++) {
    const to = shares + 4 * LANES * at;
    const p = i32x4.splat(tile + at);
    const s0 = v128.bitselect(v128.load(to, 0), all(LOWEST), seen(p, low0, high0));
    const s1 = v128.bitselect(v128.load(to, 16), all(LOWEST), seen(p, low1, high1));
    m0 = f32x4.pmax(m0, s0);
    m1 = f32x4.pmax(m1, s1);
  }
  let t0 = all(0), t1 = all(0);
  for (let at = first; at < end; at++) {
    const to = shares + 4 * LANES * at;
    const p = i32x4.splat(tile + at);
    const e0 = v128.and(exp(f32x4.sub(v128.load(to, 0), m0)), seen(p, low0, high0));
    const e1 = v128.and(exp(f32x4.sub(v128.load(to, 16), m1)), seen(p, low1, high1));
    v128.store(to, e0, 0);
    v128.store(to, e1, 16);
    t0 = f32x4.add(t0, e0);
    t1 = f32x4.add(t1, e1);
  }
  rescale(highest, old0, old1, m0, m1, t0, t1, scaling);
}

// @ts-ignore: decorator

function seen(position: v128, lowest: v128, highest: v128): v128 {
  return v128.and(i32x4.ge_s(position, lowest), i32x4.le_s(position, highest));
}

// @ts-ignore: decorator

function lowestOf(position: u32): v128 {
  return i32x4(
    lowestSeen(position),
    lowestSeen(position + 1),
    lowestSeen(position + 2),
    lowestSeen(position + 3),
  );
}

// @ts-ignore: decorator

function highestOf(position: u32): v128 {
  return i32x4(
    highestSeen(position),
    highestSeen(position + 1),
    highestSeen(position + 2),
    highestSeen(position + 3),
  );
}

// @ts-ignore: decorator

function rescale(
  highest: u32,
  old0: v128,
  old1: v128,
  m0: v128,
  m1: v128,
  t0: v128,
  t1: v128,
  scaling: u32,
): void {
  const r0 = exp(f32x4.sub(old0, m0)), r1 = exp(f32x4.sub(old1, m1));
  v128.store(highest, m0, 0);
  v128.store(highest, m1, 16);
  v128.store(highest, fused(v128.load(highest, 32), r0, t0), 32);
  v128.store(highest, fused(v128.load(highest, 48), r1, t1), 48);
  v128.store(scaling, r0, 0);
  v128.store(scaling, r1, 16);
}

/**
 * sums = sums · scaling + Σ share · value over positions `first` to `end`, which lie in one run of rows
 * or, where the shared prefix ends among them, in two.
 *
 * @param shares Where the share of position 0 would lie.
 */
function addValues(
  sums: u32,
  headDim: u32,
  column: u32,
  stride: u32,
  first: u32,
  end: u32,
  shares: u32,
  scaling: u32,
): void {
  const values = operand<u32>(2) + column;
  const middle = first < prefixLength ? min(prefixLength, end) : end;
  const run = values + rowOf(first) * stride;
  const next = middle < end ? values + rowOf(middle) * stride : 0;
  for (let d: u32 = 0; d < headDim; d += 4) {
    const at = shares + 4 * LANES * first;
    const to = sums + 4 * LANES * d;
    addFour(run + 4 * d, middle - first, next + 4 * d, end - middle, stride, at, to, scaling);
  }
}

/** The sums of four columns of values, for eight queries. */
function addFour(
  run: u32,
  count: u32,
  next: u32,
  nextCount: u32,
  stride: u32,
  shares: u32,
  sums: u32,
  scaling: u32,
): void {
  let s00 = all(0), s01 = all(0), s10 = all(0), s11 = all(0);
  let s20 = all(0), s21 = all(0), s30 = all(0), s31 = all(0);
  while (true) {
    for (let i: u32 = 0; i < count; i++) {
      const p0 = v128.load(shares, 0), p1 = v128.load(shares, 16);
      let v = v128.load_splat<f32>(run, 0);
      s00 = fused(v, p0, s00);
      s01 = fused(v, p1, s01);
      v = v128.load_splat<f32>(run, 4);
      s10 = fused(v, p0, s10);
      s11 = fused(v, p1, s11);
      v = v128.load_splat<f32>(run, 8);
      s20 = fused(v, p0, s20);
      s21 = fused(v, p1, s21);
      v = v128.load_splat<f32>(run, 12);
      s30 = fused(v, p0, s30);
      s31 = fused(v, p1, s31);
      run += stride;
      shares += 4 * LANES;
    }
    if (nextCount == 0) break;
    run = next;
    count = nextCount;
    nextCount = 0;
  }
  const r0 = v128.load(scaling, 0), r1 = v128.load(scaling, 16);
  addTo(sums, r0, r1, s00, s01);
  addTo(sums + 32, r0, r1, s10, s11);
  addTo(sums + 64, r0, r1, s20, s21);
  addTo(sums + 96, r0, r1, s30, s31);
}

// @ts-ignore: decorator

function addTo(sums: u32, r0: v128, r1: v128, s0: v128, s1: v128): void {
  v128.store(sums, fused(v128.load(sums, 0), r0, s0), 0);
  v128.store(sums, fused(v128.load(sums, 16), r1, s1), 16);
}
