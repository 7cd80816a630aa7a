/**
 * rms_norm: output = [output +] x / sqrt(Σ x² / (columns − padding) + epsilon) · weight, row by row;
 * columns in multiples of 4. The squares are summed in four lanes, then those.
 */
import { RMS_NORM } from "./kinds";
import { rowParts, rowsTogether } from "./row_parts";
import { describe, operand, setOperand, share } from "./team";
import { all, fused, nanWhereOverflownScalar, sumOf } from "./vector";

export function rms_norm(
  input: u32,
  rows: u32,
  columns: u32,
  weight: u32,
  epsilon: f32,
  padding: u32,
  accumulate: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, columns);
  setOperand<u32>(3, weight);
  setOperand<f32>(4, epsilon);
  setOperand<u32>(5, padding);
  setOperand<u32>(6, accumulate);
  setOperand<u32>(7, output);
  share(RMS_NORM, rowParts(rows, columns));
}

export function rmsNormPart(part: u32): void {
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
  const accumulate = operand<u32>(6) != 0;
  const bytes: u32 = 4 * columns;
  let squares = all(0);
  for (let at: u32 = 0; at < bytes; at += 16) {
    const x = v128.load(input + at);
    squares = fused(x, x, squares);
  }
  const count = <f32> (columns - operand<u32>(5));
  const mean = nanWhereOverflownScalar(sumOf(squares)) / count;
  const scale = all(1 / sqrt<f32>(mean + operand<f32>(4)));
  for (let at: u32 = 0; at < bytes; at += 16) {
    let y = f32x4.mul(f32x4.mul(v128.load(input + at), scale), v128.load(weight + at));
    if (accumulate) y = f32x4.add(v128.load(output + at), y);
    v128.store(output + at, y);
  }
}
