/**
 * scatter_rows: output[rows[i]] += weights[i] · input[i]; columns in multiples of 4, no row of the output
 * twice, so that parts of the rows don't meet.
 */
import { SCATTER_ROWS } from "./kinds";
import { rowParts, rowsTogether } from "./row_parts";
import { describe, operand, setOperand, share } from "./team";
import { all, fused } from "./vector";

export function scatter_rows(
  input: u32,
  count: u32,
  columns: u32,
  rows: u32,
  weights: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, count);
  setOperand<u32>(2, columns);
  setOperand<u32>(3, rows);
  setOperand<u32>(4, weights);
  setOperand<u32>(5, output);
  share(SCATTER_ROWS, rowParts(count, columns));
}

export function scatterRowsPart(part: u32): void {
  const columns = operand<u32>(2);
  const bytes: u32 = 4 * columns;
  const together = rowsTogether(columns);
  const end = min<u32>((part + 1) * together, operand<u32>(1));
  for (let i = part * together; i < end; i++) {
    const input = operand<u32>(0) + i * bytes;
    const output = operand<u32>(5) + load<u32>(operand<u32>(3) + 4 * i) * bytes;
    const weight = all(load<f32>(operand<u32>(4) + 4 * i));
    for (let at: u32 = 0; at < bytes; at += 16) {
      v128.store(output + at, fused(weight, v128.load(input + at), v128.load(output + at)));
    }
  }
}
