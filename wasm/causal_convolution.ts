/**
 * causal_convolution: output[t, c] = silu(Σ weights[c, j] · input[t − taps + 1 + j, c]) over the taps that
 * lie in the row's conversation, oldest first.
 *
 * A part of the work is a block of rows times a block of columns; of four columns the weights are laid
 * side by side first, in this thread's own memory.
 */
import { activated } from "./activation";
import { CAUSAL_CONVOLUTION } from "./kinds";
import { describe, operand, scratch, setOperand, share } from "./team";
import { all, fused, loadFirst, storeFirst } from "./vector";

/** Rows and columns of a part. */
const ROWS: u32 = 64;
const COLUMNS: u32 = 64;
const SILU: u32 = 0;

/** Bytes of a thread's memory: the weights of four columns. */
export function convolution_scratch(taps: u32): u32 {
  return 16 * taps;
}

/**
 * @param weights [columns, taps]
 * @param spans Four numbers for each row, of which the first is its position in its conversation.
 */
export function causal_convolution(
  input: u32,
  rows: u32,
  columns: u32,
  weights: u32,
  taps: u32,
  spans: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, columns);
  setOperand<u32>(3, weights);
  setOperand<u32>(4, taps);
  setOperand<u32>(5, spans);
  setOperand<u32>(6, output);
  share(CAUSAL_CONVOLUTION, rowBlocks(rows) * ((columns + COLUMNS - 1) / COLUMNS));
}

function rowBlocks(rows: u32): u32 {
  return (rows + ROWS - 1) / ROWS;
}

export function causalConvolutionPart(part: u32): void {
  const rows = operand<u32>(1);
  const columns = operand<u32>(2);
  const blocks = rowBlocks(rows);
  const first = part % blocks * ROWS;
  const from = part / blocks * COLUMNS;
  const end = min(from + COLUMNS, columns);
  for (let column = from; column < end; column += 4) {
    convolve(first, min(first + ROWS, rows), column, min<u32>(4, columns - column));
  }
}

/** Up to four columns of some rows. */
function convolve(first: u32, end: u32, column: u32, count: u32): void {
  const taps = operand<u32>(4);
  const stride = 4 * operand<u32>(2);
  const weights = scratch();
  for (let lane: u32 = 0; lane < count; lane++) {
    const source = operand<u32>(3) + 4 * (column + lane) * taps;
    for (let j: u32 = 0; j < taps; j++) {
      store<f32>(weights + 16 * j + 4 * lane, load<f32>(source + 4 * j));
    }
  }
  const input = operand<u32>(0) + 4 * column;
  const output = operand<u32>(6) + 4 * column;
  for (let row = first; row < end; row++) {
    const before = load<u32>(operand<u32>(5) + 16 * row);
    const seen = min(taps - 1, before) + 1;
    let from = input + (row + 1 - seen) * stride;
    let weight = weights + 16 * (taps - seen);
    let sum = all(0);
    for (let j: u32 = 0; j < seen; j++) {
      sum = fused(v128.load(weight), loadFirst(from, count), sum);
      from += stride;
      weight += 16;
    }
    storeFirst(output + row * stride, activated(SILU, sum), count);
  }
}
