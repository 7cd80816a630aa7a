/**
 * Attention whose scores have terms of content and place apart (DeBERTa, He et al. 2021, arXiv 2006.03654,
 * section 3.1), over a ragged pack:
 *
 *     softmax((q · k + q · relative key + k · relative query) · scale) · v
 *
 * the relative vectors those of the place that a key's distance from the query falls into. Every query
 * sees the whole of its conversation.
 *
 * Panels of queries and tiles of keys are those of `attention.ts`. Of a tile, the products of queries and
 * relative keys are taken by distance, eight queries side by side, those of keys and relative queries eight
 * keys side by side; a score's terms are gathered from them. Neighbours in distance that are in the same
 * place have their products taken once.
 */
import {
  addValues,
  begin,
  BLOCK,
  enter,
  finish,
  gather,
  LANES,
  rowOf,
  scoreFour,
  scoreOf,
  share64,
  stateBytes,
  TILE,
  tokens,
} from "./attention_panel";
import { DISENTANGLED_ATTENTION } from "./kinds";
import { describe, operand, scratch, setOperand, share } from "./team";

/** Distances of a block's queries from a tile's keys, and room for the last four of them. */
const DISTANCES: u32 = BLOCK + TILE;
/** Distances of a block's queries from eight keys. */
const NEAR: u32 = BLOCK + LANES;

/** Of a tile: its list of places, of whose rows products are taken, and which of them a distance is in. */
let listed: u32 = 0;
let which: u32 = 0;

// Where a tile's numbers lie, after the states of its block's panels: shares [64, 8] and scaling [8], the
// list, keys side by side [8][headDim, 8], products by distance of queries [96, 8] and of keys [8][40, 8],
// values [64, headDim].
const SHARES: u32 = 4 * LANES * TILE;
const SCALING: u32 = 4 * LANES;
const LIST: u32 = 4 * DISTANCES;
const OF_QUERIES: u32 = 4 * LANES * DISTANCES;
const OF_KEYS: u32 = 4 * LANES * NEAR;

/** Bytes of a thread's memory. */
export function disentangled_scratch(headDim: u32): u32 {
  return stateBytes(headDim) * (BLOCK / LANES) + SHARES + SCALING + 2 * LIST + 4 * TILE * headDim +
    OF_QUERIES + TILE / LANES * OF_KEYS + 4 * TILE * headDim;
}

/**
 * @param relativeKeys The row of place 0 in the relative keys, or 0 for no such term.
 * @param relativeQueries As `relativeKeys`.
 * @param placeCount Rows of either.
 * @param places [2 · reach + 1]: by distance, from −reach on, the place; f32.
 */
export function disentangled_attention(
  queries: u32,
  keys: u32,
  values: u32,
  relativeKeys: u32,
  relativeQueries: u32,
  placeCount: u32,
  places: u32,
  reach: u32,
  spans: u32,
  blocks: u32,
  blockCount: u32,
  heads: u32,
  headDim: u32,
  scale: f32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, queries);
  setOperand<u32>(1, keys);
  setOperand<u32>(2, values);
  setOperand<u32>(3, spans);
  setOperand<u32>(4, blocks);
  setOperand<u32>(5, heads);
  setOperand<u32>(6, heads);
  setOperand<u32>(7, headDim);
  setOperand<u32>(8, relativeKeys);
  setOperand<u32>(9, relativeQueries);
  setOperand<f32>(10, scale);
  setOperand<f32>(11, 0);
  setOperand<u32>(12, output);
  setOperand<u32>(13, placeCount);
  setOperand<u32>(14, places);
  setOperand<u32>(15, reach);
  share(DISENTANGLED_ATTENTION, blockCount * heads);
}

/** One part: a block of queries and a head. */
export function disentangledAttentionPart(part: u32): void {
  const heads = operand<u32>(5);
  const headDim = operand<u32>(7);
  const block = operand<u32>(4) + 16 * (part / heads);
  const head = part % heads;
  const first = load<u32>(block);
  const count = load<u32>(block, 4);
  const position = enter(block);
  const panels = (count + LANES - 1) / LANES;
  for (let panel: u32 = 0; panel < panels; panel++) {
    const row = first + panel * LANES;
    begin(state(panel), row, min(LANES, first + count - row), head);
  }
  for (let tile: u32 = 0; tile < tokens; tile += TILE) {
    const end = min(tile + TILE, tokens);
    listPlaces(<i32> position - <i32> (tile + TILE - 1), panels * LANES + TILE - 1, head);
    gather(operand<u32>(2), heads, head, headDim, tile, end, tileValues());
    if (operand<u32>(9) != 0) multiplyKeys(tile, end, head, panels);
    for (let panel: u32 = 0; panel < panels; panel++) takeTile(panel, tile, end, head, headDim);
  }
  for (let panel: u32 = 0; panel < panels; panel++) {
    const row = first + panel * LANES;
    finish(state(panel), row, min(LANES, first + count - row), head);
  }
}

// @ts-ignore: decorator
@inline
function state(panel: u32): u32 {
  return scratch() + panel * stateBytes(operand<u32>(7));
}

/** Keys side by side, after shares, scaling and list. */
// @ts-ignore: decorator
@inline
function keysAside(): u32 {
  return state(BLOCK / LANES) + SHARES + SCALING + 2 * LIST;
}

/** Products by distance, of queries and then of keys. */
// @ts-ignore: decorator
@inline
function products(): u32 {
  return keysAside() + 4 * TILE * operand<u32>(7);
}

/** A tile's values, after all else. */
// @ts-ignore: decorator
@inline
function tileValues(): u32 {
  return products() + OF_QUERIES + TILE / LANES * OF_KEYS;
}

/** The places of some distances, in order, each once for neighbours that are in it. */
function listPlaces(distance: i32, count: u32, head: u32): void {
  listed = state(BLOCK / LANES) + SHARES + SCALING;
  which = listed + LIST;
  const reach = <i32> operand<u32>(15);
  const size = 4 * operand<u32>(5) * operand<u32>(7);
  const column = 4 * head * operand<u32>(7);
  let last: u32 = -1;
  let length: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const bounded = max(-reach, min(reach, distance + <i32> i));
    const place = <u32> load<f32>(operand<u32>(14) + 4 * (bounded + reach));
    if (place != last || i == 0) {
      store<u32>(listed + 4 * length, min(place, operand<u32>(13) - 1) * size + column);
      length++;
      last = place;
    }
    store<u32>(which + 4 * i, length - 1);
  }
}

/**
 * Products of a panel [headDim, 8] with the relative vectors of some of the listed distances.
 *
 * @param relative The row of place 0.
 * @param first The first distance, counted from the list's first.
 * @param output [count, 8], with room for three more.
 */
function multiplyByDistance(
  panel: u32,
  relative: u32,
  first: u32,
  count: u32,
  output: u32,
): void {
  const headDim = operand<u32>(7);
  const from = load<u32>(which + 4 * first);
  const to = load<u32>(which + 4 * (first + count - 1));
  for (let i = from; i <= to; i += 4) {
    scoreFour(
      panel,
      headDim,
      relative + load<u32>(listed + 4 * i),
      relative + load<u32>(listed + 4 * min(i + 1, to)),
      relative + load<u32>(listed + 4 * min(i + 2, to)),
      relative + load<u32>(listed + 4 * min(i + 3, to)),
      output + 4 * LANES * (i - from),
      false,
    );
  }
  // From places to distances, the last one first: no place comes after its distance.
  for (let i: u32 = count; i-- > 0;) {
    const source = output + 4 * LANES * (load<u32>(which + 4 * (first + i)) - from);
    v128.store(output + 4 * LANES * i, v128.load(source, 0), 0);
    v128.store(output + 4 * LANES * i, v128.load(source, 16), 16);
  }
}

/** Products of a tile's keys, eight side by side, with the relative queries of their distances. */
function multiplyKeys(tile: u32, end: u32, head: u32, panels: u32): void {
  const headDim = operand<u32>(7);
  const stride = 4 * operand<u32>(5) * headDim;
  const keys = operand<u32>(1) + 4 * head * headDim;
  for (let first = tile; first < end; first += LANES) {
    const panel = keysAside() + 4 * (first - tile) * headDim;
    for (let lane: u32 = 0; lane < LANES; lane++) {
      const key = keys + rowOf(min(first + lane, end - 1)) * stride;
      for (let d: u32 = 0; d < headDim; d++) {
        store<f32>(panel + 4 * (LANES * d + lane), load<f32>(key + 4 * d));
      }
    }
    // The nearest of eight keys to the first query is the last one.
    const nearest = TILE - LANES - (first - tile);
    const output = products() + OF_QUERIES + (first - tile) / LANES * OF_KEYS;
    multiplyByDistance(panel, operand<u32>(9), nearest, panels * LANES + LANES - 1, output);
  }
}

/** One panel's scores, shares and sums over a tile of keys. */
function takeTile(panel: u32, tile: u32, end: u32, head: u32, headDim: u32): void {
  const queries = state(panel);
  const stride = 4 * operand<u32>(5) * headDim;
  const keys = operand<u32>(1) + 4 * head * headDim;
  const shares = state(BLOCK / LANES);
  const ofQueries = products();
  const relativeKeys = operand<u32>(8);
  if (relativeKeys != 0) {
    multiplyByDistance(queries, relativeKeys, panel * LANES, TILE + LANES - 1, ofQueries);
  }
  for (let p = tile; p < end; p += 4) {
    scoreFour(
      queries,
      headDim,
      keys + rowOf(p) * stride,
      keys + rowOf(min(p + 1, end - 1)) * stride,
      keys + rowOf(min(p + 2, end - 1)) * stride,
      keys + rowOf(min(p + 3, end - 1)) * stride,
      shares + 4 * LANES * (p - tile),
      false,
    );
  }
  for (let p = tile; p < end; p++) addTerms(shares, panel, p - tile, ofQueries);
  const scaling = shares + SHARES;
  share64(queries + 8 * LANES * headDim, shares, 0, end - tile, scaling);
  const sums = queries + 4 * LANES * headDim;
  addValues(sums, headDim, tileValues(), end - tile, shares, scaling);
}

/** Adds the terms of place to the products of eight queries with a key, which become scores. */
function addTerms(shares: u32, panel: u32, key: u32, ofQueries: u32): void {
  const to = shares + 4 * LANES * key;
  let s0 = v128.load(to, 0), s1 = v128.load(to, 16);
  if (operand<u32>(8) != 0) {
    // The distance of each query is one more than that of the query before it: so is its row.
    const at = ofQueries + 4 * LANES * (TILE - 1 - key);
    let x0 = v128.load_zero<u32>(at), x1 = v128.load_zero<u32>(at, 144);
    x0 = v128.load_lane<u32>(at, x0, 1, 36);
    x0 = v128.load_lane<u32>(at, x0, 2, 72);
    x0 = v128.load_lane<u32>(at, x0, 3, 108);
    x1 = v128.load_lane<u32>(at, x1, 1, 180);
    x1 = v128.load_lane<u32>(at, x1, 2, 216);
    x1 = v128.load_lane<u32>(at, x1, 3, 252);
    s0 = f32x4.add(s0, x0);
    s1 = f32x4.add(s1, x1);
  }
  if (operand<u32>(9) != 0) {
    const lane = key % LANES;
    const row = panel * LANES + LANES - 1 - lane;
    const at = ofQueries + OF_QUERIES + key / LANES * OF_KEYS + 4 * (LANES * row + lane);
    let x0 = v128.load_zero<u32>(at), x1 = v128.load_zero<u32>(at, 128);
    x0 = v128.load_lane<u32>(at, x0, 1, 32);
    x0 = v128.load_lane<u32>(at, x0, 2, 64);
    x0 = v128.load_lane<u32>(at, x0, 3, 96);
    x1 = v128.load_lane<u32>(at, x1, 1, 160);
    x1 = v128.load_lane<u32>(at, x1, 2, 192);
    x1 = v128.load_lane<u32>(at, x1, 3, 224);
    s0 = f32x4.add(s0, x0);
    s1 = f32x4.add(s1, x1);
  }
  v128.store(to, scoreOf(s0), 0);
  v128.store(to, scoreOf(s1), 16);
}
