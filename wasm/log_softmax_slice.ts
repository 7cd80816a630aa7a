/**
 * log_softmax_slice: one slice of the vocabulary in a log-softmax over all of it, by row:
 *
 *     state = (h, Σ exp(z − h), z of the row's target, 0), h the highest z so far
 *
 * with z a logit, multiplied by `scale` and softly capped where there is a cap. The first slice starts the
 * state. A row is summed in four lanes over BLOCK columns, the blocks' sums in their order, then the lanes.
 */
import { LOG_SOFTMAX_SLICE } from "./kinds";
import { rowParts, rowsTogether } from "./row_parts";
import { softCapped } from "./soft_cap";
import { describe, operand, setOperand, share } from "./team";
import { all, exp, highestOf, loadFirst, nanWhereOverflown, sumOf } from "./vector";

/** Columns that are summed by themselves. */
const BLOCK: u32 = 512;
/** Lower than any logit, and finite, so that differences are no NaN. */
const LOWEST: f32 = -3.4028234e38;

/**
 * @param columns Tokens of the slice.
 * @param first The slice's first token.
 * @param state [rows, 4]
 */
export function log_softmax_slice(
  logits: u32,
  rows: u32,
  columns: u32,
  targets: u32,
  first: u32,
  scale: f32,
  softcap: f32,
  state: u32,
): void {
  describe();
  setOperand<u32>(0, logits);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, columns);
  setOperand<u32>(3, targets);
  setOperand<u32>(4, first);
  setOperand<f32>(5, scale);
  setOperand<f32>(6, softcap);
  setOperand<u32>(7, state);
  share(LOG_SOFTMAX_SLICE, rowParts(rows, columns));
}

export function logSoftmaxSlicePart(part: u32): void {
  const columns = operand<u32>(2);
  const together = rowsTogether(columns);
  const end = min<u32>((part + 1) * together, operand<u32>(1));
  for (let row = part * together; row < end; row++) takeRow(row, columns);
}

function takeRow(row: u32, columns: u32): void {
  const logits = operand<u32>(0) + 4 * row * columns;
  const first = operand<u32>(4);
  const state = operand<u32>(7) + 16 * row;
  const before: f32 = first == 0 ? LOWEST : load<f32>(state);
  const sumBefore: f32 = first == 0 ? 0 : load<f32>(state, 4);
  let target: f32 = first == 0 ? 0 : load<f32>(state, 8);
  const highest = max<f32>(before, highestLogit(logits, columns));
  const fade = f32x4.extract_lane(exp(all(before - highest)), 0);
  const sum = sumBefore * fade + sumOfShares(logits, columns, all(highest));
  const place = load<u32>(operand<u32>(3) + 4 * row) - first;
  if (place < columns) {
    target = f32x4.extract_lane(logit(all(load<f32>(logits + 4 * place))), 0);
  }
  store<f32>(state, highest);
  store<f32>(state, sum, 4);
  store<f32>(state, target, 8);
  store<f32>(state, 0, 12);
}

// @ts-ignore: decorator
@inline
function logit(x: v128): v128 {
  return softCapped(f32x4.mul(nanWhereOverflown(x), all(operand<f32>(5))), operand<f32>(6));
}

/** The highest logit of a row; those that are no numbers, whose shares are none either, are passed over. */
function highestLogit(logits: u32, columns: u32): f32 {
  let highest = all(LOWEST);
  const whole = columns & ~3;
  for (let j: u32 = 0; j < whole; j += 4) {
    highest = f32x4.pmax(highest, logit(v128.load(logits + 4 * j)));
  }
  for (let j = whole; j < columns; j++) {
    highest = f32x4.pmax(highest, logit(all(load<f32>(logits + 4 * j))));
  }
  return highestOf(highest);
}

/** Σ exp(z − highest) of a row. */
function sumOfShares(logits: u32, columns: u32, highest: v128): f32 {
  let total = all(0);
  for (let from: u32 = 0; from < columns; from += BLOCK) {
    const end = min(from + BLOCK, columns);
    const whole = from + ((end - from) & ~3);
    let sum = all(0);
    for (let j = from; j < whole; j += 4) {
      sum = f32x4.add(sum, exp(f32x4.sub(logit(v128.load(logits + 4 * j)), highest)));
    }
    if (whole < end) {
      const rest = loadFirst(logits + 4 * whole, end - whole);
      const counted = i32x4.lt_u(i32x4(0, 1, 2, 3), i32x4.splat(end - whole));
      sum = f32x4.add(sum, v128.and(exp(f32x4.sub(logit(rest), highest)), counted));
    }
    total = f32x4.add(total, sum);
  }
  return sumOf(total);
}
