/**
 * Matrix products with a stored weight:
 *
 *     output = [output +] input · weightᵀ [+ bias], then ReLU where asked
 *     gated:  output = activation(input · gateᵀ [+ gate bias]) · (input · upᵀ [+ up bias])
 *
 * input [rows, inner] f32; weights as `pack_panels.ts` or `quantized_panels.ts` lays them out: panels of 8
 * outputs, [inner, 8] each.
 *
 * A part of the work is a block of rows times COLUMNS outputs. Its weights are widened to f32 once for
 * BLOCK values of k, into this thread's own memory; then tiles of 6 rows × 8 outputs are summed in
 * registers. The sum of an output is the same for any division: over each BLOCK of k one multiplication
 * and addition after another, and the blocks' sums in their order.
 */
import { activated } from "./activation";
import { widen } from "./pack_panels";
import { FIRST_QUANTIZED, quantizedPanelBytes, widenQuantized } from "./quantized_panels";
import { PRODUCT } from "./kinds";
import { edge, tile, TILE_COLUMNS, TILE_ROWS } from "./product_tile";
import { describe, operand, scratch, setOperand, share } from "./team";

/** Values of k whose products are summed in registers. */
const BLOCK: u32 = 256;
/** Outputs of a part. */
const COLUMNS: u32 = 64;
/** Most rows of a part. */
const ROWS: u32 = 252;
/** Numbers of a part's results in this thread's memory, and where they and the widened weights lie. */
const RESULTS: u32 = 4 * ROWS * COLUMNS;
const WIDENED: u32 = 4 * BLOCK * COLUMNS;
/** Bytes of a thread's memory that products use: results of gate and up, widened weights, a tile. */
export function product_scratch(): u32 {
  return 2 * RESULTS + WIDENED + 4 * TILE_ROWS * TILE_COLUMNS;
}

const RELU: u32 = 1;

/**
 * A product.
 *
 * @param type 0 f32, 1 f16, 2 bf16; 3 to 6 quantized, see `quantized_panels.ts`.
 * @param bias Its address, or 0.
 * @param mode 1 for ReLU, else 0.
 */
export function matmul(
  input: u32,
  rows: u32,
  inner: u32,
  weight: u32,
  type: u32,
  outputs: u32,
  bias: u32,
  mode: u32,
  accumulate: u32,
  output: u32,
): void {
  begin(input, rows, inner, weight, type, outputs, bias, output);
  setOperand<u32>(8, mode);
  setOperand<u32>(9, accumulate);
  setOperand<u32>(10, 0);
  finish(rows, outputs);
}

/** Two products, joined by an activation; each weight has a type of its own. */
export function gated_matmul(
  input: u32,
  rows: u32,
  inner: u32,
  gate: u32,
  gateType: u32,
  outputs: u32,
  gateBias: u32,
  up: u32,
  upType: u32,
  upBias: u32,
  activation: u32,
  output: u32,
): void {
  begin(input, rows, inner, gate, gateType, outputs, gateBias, output);
  setOperand<u32>(8, activation);
  setOperand<u32>(10, up);
  setOperand<u32>(11, upType);
  setOperand<u32>(12, upBias);
  finish(rows, outputs);
}

function begin(
  input: u32,
  rows: u32,
  inner: u32,
  weight: u32,
  type: u32,
  outputs: u32,
  bias: u32,
  output: u32,
): void {
  describe();
  setOperand<u32>(0, input);
  setOperand<u32>(1, rows);
  setOperand<u32>(2, inner);
  setOperand<u32>(3, weight);
  setOperand<u32>(4, type);
  setOperand<u32>(5, outputs);
  setOperand<u32>(6, bias);
  setOperand<u32>(7, output);
}

function finish(rows: u32, outputs: u32): void {
  setOperand<u32>(13, rowsOfPart(rows));
  share(PRODUCT, rowBlocks(rows) * ((outputs + COLUMNS - 1) / COLUMNS));
}

function rowBlocks(rows: u32): u32 {
  return (rows + ROWS - 1) / ROWS;
}

/** Rows of each block: as even as tiles allow. */
function rowsOfPart(rows: u32): u32 {
  const blocks = rowBlocks(rows);
  const even = (rows + blocks - 1) / blocks;
  return (even + TILE_ROWS - 1) / TILE_ROWS * TILE_ROWS;
}

/** One part: see above. */
export function productPart(part: u32): void {
  const rows = operand<u32>(1);
  const outputs = operand<u32>(5);
  const most = operand<u32>(13);
  const blocks = rowBlocks(rows);
  const column = part / blocks * COLUMNS;
  const row = part % blocks * most;
  if (row >= rows) return;
  const height = min(most, rows - row);
  const width = min(COLUMNS, outputs - column);
  const inner = operand<u32>(2);
  const input = operand<u32>(0) + 4 * row * inner;
  const output = operand<u32>(7) + 4 * (row * outputs + column);
  const bias = operand<u32>(6);
  const here = bias == 0 ? 0 : bias + 4 * column;
  const up = operand<u32>(10);
  const weight = operand<u32>(3);
  const type = operand<u32>(4);
  if (up == 0) {
    const rectified = operand<u32>(8) == RELU;
    const accumulate = operand<u32>(9) != 0;
    const apart = rectified && accumulate;
    const results = apart ? scratch() + WIDENED : output;
    const stride: u32 = 4 * (apart ? COLUMNS : outputs);
    const added = accumulate && !apart;
    multiply(input, height, inner, weight, type, column, width, results, stride, here, added, rectified);
    if (apart) addResults(results, height, width, output, 4 * outputs);
    return;
  }
  const gated = scratch() + WIDENED;
  const linear = gated + RESULTS;
  const upBias = operand<u32>(12);
  const there = upBias == 0 ? 0 : upBias + 4 * column;
  multiply(
    input,
    height,
    inner,
    weight,
    type,
    column,
    width,
    gated,
    4 * COLUMNS,
    here,
    false,
    false,
  );
  multiply(
    input,
    height,
    inner,
    up,
    operand<u32>(11),
    column,
    width,
    linear,
    4 * COLUMNS,
    there,
    false,
    false,
  );
  join(gated, linear, height, width, operand<u32>(8), output, 4 * outputs);
}

/** output + results: what went through ReLU is added after it. */
function addResults(results: u32, height: u32, width: u32, output: u32, stride: u32): void {
  for (let row: u32 = 0; row < height; row++) {
    for (let column: u32 = 0; column < width; column++) {
      const to = output + row * stride + 4 * column;
      store<f32>(to, load<f32>(to) + load<f32>(results + 4 * (row * COLUMNS + column)));
    }
  }
}

/** activation(gated) · linear; outputs come in multiples of 4. */
function join(
  gated: u32,
  linear: u32,
  height: u32,
  width: u32,
  activation: u32,
  output: u32,
  stride: u32,
): void {
  for (let row: u32 = 0; row < height; row++) {
    for (let column: u32 = 0; column < width; column += 4) {
      const at = 4 * (row * COLUMNS + column);
      const value = activated(activation, v128.load(gated + at));
      v128.store(output + row * stride + 4 * column, f32x4.mul(value, v128.load(linear + at)));
    }
  }
}

/** A block of rows times outputs `column` to `column + width`. */
function multiply(
  input: u32,
  height: u32,
  inner: u32,
  weight: u32,
  type: u32,
  column: u32,
  width: u32,
  output: u32,
  outputStride: u32,
  bias: u32,
  accumulate: bool,
  rectified: bool,
): void {
  const bytes: u32 = type == 0 ? 4 : 2;
  const inputStride = 4 * inner;
  for (let from: u32 = 0; from < inner; from += BLOCK) {
    const count = min(BLOCK, inner - from);
    const first = from == 0;
    const last = from + count == inner;
    // The panels of a weight in f32 are used where they lie.
    let panels = weight + bytes * (column * inner + from * TILE_COLUMNS);
    let panelBytes = 4 * TILE_COLUMNS * inner;
    if (type >= FIRST_QUANTIZED) {
      const widened = scratch();
      const each = quantizedPanelBytes(type, inner);
      for (let at: u32 = 0; at < width; at += TILE_COLUMNS) {
        const panel = weight + (column + at) / TILE_COLUMNS * each;
        widenQuantized(type, panel, inner, from, count, widened + 4 * at * count);
      }
      panels = widened;
      panelBytes = 4 * TILE_COLUMNS * count;
    } else if (type != 0) {
      const widened = scratch();
      for (let at: u32 = 0; at < width; at += TILE_COLUMNS) {
        widen(type, panels + bytes * at * inner, widened + 4 * at * count, count * TILE_COLUMNS);
      }
      panels = widened;
      panelBytes = 4 * TILE_COLUMNS * count;
    }
    for (let row: u32 = 0; row < height; row += TILE_ROWS) {
      const tileRows = min(TILE_ROWS, height - row);
      for (let at: u32 = 0; at < width; at += TILE_COLUMNS) {
        const panel = panels + (at / TILE_COLUMNS) * panelBytes;
        const to = output + row * outputStride + 4 * at;
        const biased = bias == 0 || !first ? 0 : bias + 4 * at;
        const columns = min(TILE_COLUMNS, width - at);
        const added = !first || accumulate;
        const rows = input + row * inputStride + 4 * from;
        if (tileRows == TILE_ROWS && columns == TILE_COLUMNS) {
          tile(
            rows,
            inputStride,
            TILE_ROWS,
            panel,
            count,
            to,
            outputStride,
            biased,
            added,
            rectified && last,
          );
        } else {
          edge(
            rows,
            inputStride,
            tileRows,
            panel,
            count,
            to,
            outputStride,
            columns,
            biased,
            added,
            rectified && last,
            scratch() + WIDENED + 2 * RESULTS,
          );
        }
      }
    }
  }
}
