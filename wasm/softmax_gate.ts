/**
 * softmax_gate: ArmoRM's gate over objectives, in place: softmax(logits / temperature) · logitScale, by
 * row. Sums run in four lanes over a row's columns, then over those.
 */
import { SOFTMAX_GATE } from "./kinds";
import { rowParts, rowsTogether } from "./row_parts";
import { describe, operand, setOperand, share } from "./team";
import { all, exp, loadFirst, nanWhereOverflown, storeFirst, sumOf } from "./vector";

export function softmax_gate(
  logits: u32,
  rows: u32,
  columns: u32,
  temperature: f32,
  logitScale: f32,
): void {
  describe();
  setOperand<u32>(0, logits);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, columns);
  setOperand<f32>(3, temperature);
  setOperand<f32>(4, logitScale);
  share(SOFTMAX_GATE, rowParts(rows, columns));
}

export function softmaxGatePart(part: u32): void {
  const columns = operand<u32>(2);
  const together = rowsTogether(columns);
  const end = min<u32>((part + 1) * together, operand<u32>(1));
  for (let row = part * together; row < end; row++) {
    takeRow(operand<u32>(0) + 4 * row * columns, columns);
  }
}

function takeRow(logits: u32, columns: u32): void {
  let highest = load<f32>(logits);
  for (let j: u32 = 1; j < columns; j++) highest = max<f32>(highest, load<f32>(logits + 4 * j));
  const temperature = all(operand<f32>(3));
  let total = all(0);
  for (let j: u32 = 0; j < columns; j += 4) {
    const count = min<u32>(4, columns - j);
    const x = nanWhereOverflown(loadFirst(logits + 4 * j, count));
    const share = exp(f32x4.div(f32x4.sub(x, all(highest)), temperature));
    const counted = i32x4.lt_u(i32x4(0, 1, 2, 3), i32x4.splat(count));
    total = f32x4.add(total, v128.and(share, counted));
    storeFirst(logits + 4 * j, share, count);
  }
  const sum = all(sumOf(total));
  for (let j: u32 = 0; j < columns; j += 4) {
    const count = min<u32>(4, columns - j);
    const share = f32x4.div(loadFirst(logits + 4 * j, count), sum);
    storeFirst(logits + 4 * j, f32x4.mul(share, all(operand<f32>(4))), count);
  }
}
