/**
 * Linear attention by the gated delta rule (Yang et al. 2024, arXiv 2412.06464). Each head of a
 * conversation has a state S [keyDim, valueDim], zeros at first, that goes from row to row:
 *
 *     S ← S · exp(rate · softplus(decay + offset))
 *     S ← S + k ⊗ ((v − k · S) · sigmoid(strength))
 *     output = q · S
 *
 * A part of the work is a conversation, a head and 16 columns of its values: columns don't meet. Their
 * state lies in this thread's own memory. k · S is taken before the decay and multiplied by it, so that
 * the state is read twice for a row and written once. Sums run over the keys' numbers, even and odd ones
 * apart, so that no row depends on other conversations.
 */
import { sigmoid } from "./activation";
import { GATED_DELTA_RULE } from "./kinds";
import { describe, operand, scratch, setOperand, share } from "./team";
import { all, exp, fused, nanWhereOverflown } from "./vector";

/** Columns of a part. */
const COLUMNS: u32 = 16;
/** Bytes of as many numbers. */
const BYTES: u32 = 4 * COLUMNS;

/** Bytes of a thread's memory: the state of a part, a row of values and of results. */
export function delta_rule_scratch(keyDim: u32): u32 {
  return BYTES * (keyDim + 2);
}

/**
 * @param parameters [2, heads]: rates, then offsets.
 * @param starts Where each conversation begins, and where the last one ends.
 */
export function gated_delta_rule(
  queries: u32,
  keys: u32,
  values: u32,
  decays: u32,
  strengths: u32,
  parameters: u32,
  starts: u32,
  conversations: u32,
  heads: u32,
  keyHeads: u32,
  keyDim: u32,
  valueDim: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, queries);
  setOperand<u32>(1, keys);
  setOperand<u32>(2, values);
  setOperand<u32>(3, decays);
  setOperand<u32>(4, strengths);
  setOperand<u32>(5, parameters);
  setOperand<u32>(6, starts);
  setOperand<u32>(7, heads);
  setOperand<u32>(8, keyHeads);
  setOperand<u32>(9, keyDim);
  setOperand<u32>(10, valueDim);
  setOperand<u32>(11, output);
  share(GATED_DELTA_RULE, conversations * heads * columnBlocks(valueDim));
}

function columnBlocks(valueDim: u32): u32 {
  return (valueDim + COLUMNS - 1) / COLUMNS;
}

export function gatedDeltaRulePart(part: u32): void {
  const heads = operand<u32>(7);
  const keyHeads = operand<u32>(8);
  const keyDim = operand<u32>(9);
  const valueDim = operand<u32>(10);
  const blocks = columnBlocks(valueDim);
  const column = part % blocks * COLUMNS;
  const head = part / blocks % heads;
  const start = operand<u32>(6) + 4 * (part / blocks / heads);
  const end = load<u32>(start, 4);
  const count = min(COLUMNS, valueDim - column);
  const state = scratch();
  memory.fill(state, 0, delta_rule_scratch(keyDim));
  const keyHead = head / (heads / keyHeads);
  for (let row = load<u32>(start); row < end; row++) {
    const at = 4 * (row * heads + head);
    const value = operand<u32>(2) + at * valueDim + 4 * column;
    const output = operand<u32>(11) + at * valueDim + 4 * column;
    const ofKey = 4 * (row * keyHeads + keyHead) * keyDim;
    takeRow(state, at, head, ofKey, value, output, count);
  }
}

/** A row: missing columns, of a head's last block, have zeros for values. */
function takeRow(
  state: u32,
  at: u32,
  head: u32,
  ofKey: u32,
  value: u32,
  output: u32,
  count: u32,
): void {
  const keyDim = operand<u32>(9);
  const rate = operand<u32>(5) + 4 * head;
  const offset = load<f32>(rate + 4 * operand<u32>(7));
  const decay = exp(f32x4.mul(
    all(load<f32>(rate)),
    softplus(all(load<f32>(operand<u32>(3) + at) + offset)),
  ));
  const strength = sigmoid(nanWhereOverflown(all(load<f32>(operand<u32>(4) + at))));
  const values = state + BYTES * keyDim;
  const results = values + BYTES;
  const isWhole = count == COLUMNS;
  if (!isWhole) memory.copy(values, value, 4 * count);
  change(
    state,
    keyDim,
    operand<u32>(1) + ofKey,
    operand<u32>(0) + ofKey,
    isWhole ? value : values,
    decay,
    strength,
    isWhole ? output : results,
  );
  if (!isWhole) memory.copy(output, results, 4 * count);
}

/** The change of a state by a row, and what its query finds in it then. */
function change(
  state: u32,
  keyDim: u32,
  key: u32,
  query: u32,
  values: u32,
  decay: v128,
  strength: v128,
  results: u32,
): void {
  let s0 = all(0), s1 = all(0), s2 = all(0), s3 = all(0);
  let t0 = all(0), t1 = all(0), t2 = all(0), t3 = all(0);
  const end = key + 4 * keyDim;
  let from = state;
  for (let number = key; number < end; number += 8) {
    let k = v128.load_splat<f32>(number, 0);
    s0 = fused(k, v128.load(from, 0), s0);
    s1 = fused(k, v128.load(from, 16), s1);
    s2 = fused(k, v128.load(from, 32), s2);
    s3 = fused(k, v128.load(from, 48), s3);
    k = v128.load_splat<f32>(number, 4);
    t0 = fused(k, v128.load(from, 64), t0);
    t1 = fused(k, v128.load(from, 80), t1);
    t2 = fused(k, v128.load(from, 96), t2);
    t3 = fused(k, v128.load(from, 112), t3);
    from += 2 * BYTES;
  }
  const c0 = changeOf(v128.load(values, 0), f32x4.add(s0, t0), decay, strength);
  const c1 = changeOf(v128.load(values, 16), f32x4.add(s1, t1), decay, strength);
  const c2 = changeOf(v128.load(values, 32), f32x4.add(s2, t2), decay, strength);
  const c3 = changeOf(v128.load(values, 48), f32x4.add(s3, t3), decay, strength);
  s0 = all(0), s1 = all(0), s2 = all(0), s3 = all(0);
  from = state;
  for (let number = key; number < end; number += 4) {
    const k = v128.load_splat<f32>(number), q = v128.load_splat<f32>(query);
    t0 = fused(k, c0, f32x4.mul(v128.load(from, 0), decay));
    t1 = fused(k, c1, f32x4.mul(v128.load(from, 16), decay));
    t2 = fused(k, c2, f32x4.mul(v128.load(from, 32), decay));
    t3 = fused(k, c3, f32x4.mul(v128.load(from, 48), decay));
    v128.store(from, t0, 0);
    v128.store(from, t1, 16);
    v128.store(from, t2, 32);
    v128.store(from, t3, 48);
    s0 = fused(q, t0, s0);
    s1 = fused(q, t1, s1);
    s2 = fused(q, t2, s2);
    s3 = fused(q, t3, s3);
    query += 4;
    from += BYTES;
  }
  v128.store(results, s0, 0);
  v128.store(results, s1, 16);
  v128.store(results, s2, 32);
  v128.store(results, s3, 48);
}

/** (value − known · decay) · strength */
// @ts-ignore: decorator
@inline
function changeOf(value: v128, known: v128, decay: v128, strength: v128): v128 {
  return f32x4.mul(f32x4.sub(value, f32x4.mul(known, decay)), strength);
}

/**
 * log(1 + e^x) = max(x, 0) + 2 atanh(u / (2 + u)) with u = e^−|x|: a series, since the error of 1 + u
 * would be added up over many rows. NaN of an overflow, which exp would hide.
 */
function softplus(x: v128): v128 {
  const u = exp(f32x4.neg(f32x4.abs(nanWhereOverflown(x))));
  const s = f32x4.div(u, f32x4.add(all(2), u));
  const t = f32x4.mul(s, s);
  let sum = fused(all(1.0 / 15.0), t, all(1.0 / 13.0));
  sum = fused(sum, t, all(1.0 / 11.0));
  sum = fused(sum, t, all(1.0 / 9.0));
  sum = fused(sum, t, all(1.0 / 7.0));
  sum = fused(sum, t, all(0.2));
  sum = fused(sum, t, all(1.0 / 3.0));
  sum = fused(sum, t, all(1));
  const above = v128.andnot(x, f32x4.lt(x, all(0)));
  return f32x4.add(above, f32x4.mul(f32x4.mul(all(2), s), sum));
}
