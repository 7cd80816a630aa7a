/**
 * mean_rows: output[i] = Σ input[rows[j]] / their number, over j from starts[i] to starts[i + 1], in their
 * order; columns in multiples of 4, no group is empty. A part of the work is a group and some columns.
 */
import { MEAN_ROWS } from "./kinds";
import { describe, operand, setOperand, share } from "./team";
import { all } from "./vector";

/** Columns of a part. */
const COLUMNS: u32 = 64;

export function mean_rows(
  input: u32,
  columns: u32,
  rows: u32,
  starts: u32,
  groups: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, columns);
  setOperand<u32>(2, rows);
  setOperand<u32>(3, starts);
  setOperand<u32>(4, output);
  share(MEAN_ROWS, groups * columnBlocks(columns));
}

function columnBlocks(columns: u32): u32 {
  return (columns + COLUMNS - 1) / COLUMNS;
}

export function meanRowsPart(part: u32): void {
  const columns = operand<u32>(1);
  const blocks = columnBlocks(columns);
  const group = part / blocks;
  const first = part % blocks * COLUMNS;
  const end = min(first + COLUMNS, columns);
  const start = operand<u32>(3) + 4 * group;
  const from = operand<u32>(2) + 4 * load<u32>(start);
  const to = operand<u32>(2) + 4 * load<u32>(start, 4);
  const count = all(<f32> ((to - from) / 4));
  for (let column = first; column < end; column += 4) {
    const input = operand<u32>(0) + 4 * column;
    let sum = all(0);
    for (let row = from; row < to; row += 4) {
      sum = f32x4.add(sum, v128.load(input + 4 * load<u32>(row) * columns));
    }
    v128.store(operand<u32>(4) + 4 * (group * columns + column), f32x4.div(sum, count));
  }
}
