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
import {
  addValues,
  begin,
  BLOCK,
  enter,
  finish,
  gather,
  LANES,
  LOWEST,
  rescale,
  scoreFour,
  share64,
  stateBytes,
  TILE,
  tokens,
} from "./attention_panel";
import { ATTENTION } from "./kinds";
import { describe, operand, scratch, setOperand, share } from "./team";
import { all, expBelow } from "./vector";

// Where a tile's numbers lie, after the states of all panels: shares [64, 8], scaling [8], and the keys and
// values of its positions [64, headDim] each.
const SHARES: u32 = 4 * LANES * TILE;
const SCALING: u32 = 4 * LANES;

/** Bytes of a thread's memory: queries, sums of values for a block, and what a tile needs. */
export function attention_scratch(headDim: u32, group: u32): u32 {
  return stateBytes(headDim) * (BLOCK / LANES) * group + SHARES + SCALING + 8 * TILE * headDim;
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
  const position = enter(block);
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
    const tileEnd = min(tile + TILE, end);
    gather(operand<u32>(1), keyHeads, keyHead, headDim, tile, tileEnd, tileKeys());
    gather(operand<u32>(2), keyHeads, keyHead, headDim, tile, tileEnd, tileValues(headDim));
    for (let head: u32 = 0; head < group; head++) {
      for (let panel: u32 = 0; panel < panels; panel++) {
        const lanes = min(LANES, count - panel * LANES);
        takeTile(state(head, panel), tile, position + panel * LANES, lanes, headDim);
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
@inline
function state(head: u32, panel: u32): u32 {
  return scratch() + (head * (BLOCK / LANES) + panel) * stateBytes(operand<u32>(7));
}

// @ts-ignore: decorator
@inline
function tileShares(): u32 {
  return state(operand<u32>(5) / operand<u32>(6), 0);
}

// @ts-ignore: decorator
@inline
function tileKeys(): u32 {
  return tileShares() + SHARES + SCALING;
}

// @ts-ignore: decorator
@inline
function tileValues(headDim: u32): u32 {
  return tileKeys() + 4 * TILE * headDim;
}

/** The last position that a query sees. */
// @ts-ignore: decorator
@inline
function highestSeen(position: u32): u32 {
  if (operand<u32>(8) != 0) return position;
  const window = operand<u32>(9);
  return window == 0 ? tokens - 1 : min(tokens - 1, position + window - 1);
}

/** The first position that a query sees. */
// @ts-ignore: decorator
@inline
function lowestSeen(position: u32): u32 {
  const window = operand<u32>(9);
  return window == 0 || position < window ? 0 : position + 1 - window;
}

/** One panel's scores, shares and sums over a tile of keys. */
function takeTile(
  state: u32,
  tile: u32,
  position: u32,
  lanes: u32,
  headDim: u32,
): void {
  const last = position + lanes - 1;
  const from = max(tile, lowestSeen(position));
  const end = min(tile + TILE, highestSeen(last) + 1);
  if (from >= end) return;
  // Counted within the tile; four keys at a time, the last one again where there are fewer.
  const first = (from - tile) & ~3;
  const until = end - tile;
  const shares = tileShares();
  const keys = tileKeys();
  const bytes: u32 = 4 * headDim;
  for (let key = first; key < until; key += 4) {
    const k0 = keys + key * bytes;
    const k1 = keys + min(key + 1, until - 1) * bytes;
    const k2 = keys + min(key + 2, until - 1) * bytes;
    const k3 = keys + min(key + 3, until - 1) * bytes;
    scoreFour(state, headDim, k0, k1, k2, k3, shares + 4 * LANES * key, true);
  }
  const scaling = shares + SHARES;
  const highest = state + 8 * LANES * headDim;
  const seenByAll = lowestSeen(last) <= tile + first && highestSeen(position) + 1 >= end;
  if (seenByAll) share64(highest, shares, first, until, scaling);
  else shareMasked(highest, shares, first, until, scaling, tile, position);
  const sums = state + 4 * LANES * headDim;
  const values = tileValues(headDim) + first * bytes;
  addValues(sums, headDim, values, until - first, shares + 4 * LANES * first, scaling);
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
    const e0 = v128.and(expBelow(f32x4.sub(v128.load(to, 0), m0)), seen(p, low0, high0));
    const e1 = v128.and(expBelow(f32x4.sub(v128.load(to, 16), m1)), seen(p, low1, high1));
    v128.store(to, e0, 0);
    v128.store(to, e1, 16);
    t0 = f32x4.add(t0, e0);
    t1 = f32x4.add(t1, e1);
  }
  rescale(highest, old0, old1, m0, m1, t0, t1, scaling);
}

// @ts-ignore: decorator
@inline
function seen(position: v128, lowest: v128, highest: v128): v128 {
  return v128.and(i32x4.ge_s(position, lowest), i32x4.le_s(position, highest));
}

// @ts-ignore: decorator
@inline
function lowestOf(position: u32): v128 {
  return i32x4(
    lowestSeen(position),
    lowestSeen(position + 1),
    lowestSeen(position + 2),
    lowestSeen(position + 3),
  );
}

// @ts-ignore: decorator
@inline
function highestOf(position: u32): v128 {
  return i32x4(
    highestSeen(position),
    highestSeen(position + 1),
    highestSeen(position + 2),
    highestSeen(position + 3),
  );
}
