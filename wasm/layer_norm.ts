/**
 * layer_norm: (x − mean) / sqrt(Σ (x − mean)² / count + epsilon) · weight [+ bias], row by row, count =
 * columns − padding; columns in multiples of 4. The last `padding` columns, zeros, don't count.
 */
import { LAYER_NORM } from "./kinds";
import { rowParts, rowsTogether } from "./row_parts";
import { describe, operand, setOperand, share } from "./team";
import { all, fused, nanWhereOverflownScalar, sumOf } from "./vector";

/** @param bias Its address, or 0. */
export function layer_norm(
  input: u32,
  rows: u32,
  columns: u32,
  weight: u32,
  bias: u32,
  epsilon: f32,
  padding: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, columns);
  setOperand<u32>(3, weight);
  setOperand<u32>(4, bias);
  setOperand<f32>(5, epsilon);
  setOperand<u32>(6, padding);
  setOperand<u32>(7, output);
  share(LAYER_NORM, rowParts(rows, columns));
}

export function layerNormPart(part: u32): void {
  const columns = operand<u32>(2);
  const together = rowsTogether(columns);
  const end = min<u32>((part + 1) * together, operand<u32>(1));
  for (let row = part * together; row < end; row++) {
    const at = 4 * row * columns;
    normRow(operand<u32>(0) + at, columns, operand<u32>(7) + at);
  }
}

function normRow(input: u32, columns: u32, output: u32): void {
  const weight = operand<u32>(3);
  const bias = operand<u32>(4);
  const padding = operand<u32>(6);
  const bytes: u32 = 4 * columns;
  const count = <f32> (columns - padding);
  let sum = all(0);
  for (let at: u32 = 0; at < bytes; at += 16) sum = f32x4.add(sum, v128.load(input + at));
  const mean = nanWhereOverflownScalar(sumOf(sum)) / count;
  const means = all(mean);
  let squares = all(0);
  const whole: u32 = 4 * ((columns - padding) & ~3);
  for (let at: u32 = 0; at < whole; at += 16) {
    const x = f32x4.sub(v128.load(input + at), means);
    squares = fused(x, x, squares);
  }
  const rest = (columns - padding) & 3;
  if (rest > 0) {
    const counted = i32x4.lt_u(i32x4(0, 1, 2, 3), i32x4.splat(rest));
    const x = v128.and(f32x4.sub(v128.load(input + whole), means), counted);
    squares = fused(x, x, squares);
  }
  const variance = nanWhereOverflownScalar(sumOf(squares)) / count;
  const scale = all(1 / sqrt<f32>(variance + operand<f32>(5)));
  for (let at: u32 = 0; at < bytes; at += 16) {
    const x = f32x4.sub(v128.load(input + at), means);
    const y = f32x4.mul(f32x4.mul(x, scale), v128.load(weight + at));
    v128.store(output + at, bias == 0 ? y : f32x4.add(y, v128.load(bias + at)));
  }
}
