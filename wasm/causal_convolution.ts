/**
 * causal_convolution: output[t, c] = silu(Σ weights[c, j] · input[t − taps + 1 + j, c]) over the taps that
 * lie in the row's conversation, oldest first.
 *
 * A part of the work is a block of rows times a block of columns, whose weights are laid out tap by tap
 * first, in this thread's own memory. It goes row by row: a column's rows often lie a power of two apart,
 * and compete for the same cache lines.
 */
import { activated } from "./activation";
import { CAUSAL_CONVOLUTION } from "./kinds";
import { describe, operand, scratch, setOperand, share } from "./team";
import { all, fused, loadFirst, storeFirst } from "./vector";

/** Rows and columns of a part. */
const ROWS: u32 = 64;
const COLUMNS: u32 = 64;
const SILU: u32 = 0;

/** Bytes of a thread's memory: the weights of a part, [taps, COLUMNS]. */
export function convolution_scratch(taps: u32): u32 {
  return 4 * COLUMNS * taps;
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
  const taps = operand<u32>(4);
  const stride = 4 * columns;
  const blocks = rowBlocks(rows);
  const first = part % blocks * ROWS;
  const end = min(first + ROWS, rows);
  const column = part / blocks * COLUMNS;
  const count = min(COLUMNS, columns - column);
  layOut(operand<u32>(3) + 4 * column * taps, taps, count);
  for (let row = first; row < end; row++) {
    const position = load<u32>(operand<u32>(5) + 16 * row);
    const seen = min(taps - 1, position) + 1;
    const input = operand<u32>(0) + (row + 1 - seen) * stride + 4 * column;
    const output = operand<u32>(6) + row * stride + 4 * column;
    convolve(input, stride, scratch() + 4 * COLUMNS * (taps - seen), seen, count, output);
  }
}

/** Weights [count, taps] as [taps, COLUMNS]. */
function layOut(weights: u32, taps: u32, count: u32): void {
  for (let column: u32 = 0; column < count; column++) {
    for (let j: u32 = 0; j < taps; j++) {
      const to = scratch() + 4 * (COLUMNS * j + column);
      store<f32>(to, load<f32>(weights + 4 * (column * taps + j)));
    }
  }
}

/** A row, from the oldest that its taps see. */
function convolve(
  input: u32,
  stride: u32,
  weights: u32,
  seen: u32,
  count: u32,
  output: u32,
): void {
  const whole = count & ~3;
  for (let column: u32 = 0; column < whole; column += 4) {
    let from = input + 4 * column;
    let weight = weights + 4 * column;
    let sum = all(0);
    for (let j: u32 = 0; j < seen; j++) {
      sum = fused(v128.load(weight), v128.load(from), sum);
      from += stride;
      weight += 4 * COLUMNS;
    }
    v128.store(output + 4 * column, activated(SILU, sum));
  }
  if (whole == count) return;
  let from = input + 4 * whole;
  let weight = weights + 4 * whole;
  let sum = all(0);
  for (let j: u32 = 0; j < seen; j++) {
    sum = fused(v128.load(weight), loadFirst(from, count - whole), sum);
    from += stride;
    weight += 4 * COLUMNS;
  }
  storeFirst(output + 4 * whole, activated(SILU, sum), count - whole);
}
