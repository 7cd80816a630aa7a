// Matrix products for GPUs, through workgroup memory, with weights as they are stored:
//   sum[m, n] = sum over k of input[m, k] * weight[n, k]
//
// input   [rows, k]        f32, k a multiple of 8
// weight  [columns, k]     of one product or of several, which `products` binds, with what becomes of sums
//
// A workgroup makes a tile of TILE_ROWS x TILE_COLUMNS sums, each lane LANE_ROWS x LANE_COLUMNS of
// them in registers. TILE_INNER values of k at a time pass through workgroup memory, as `operands` of the
// multiplication, weights widened on the way; while they are multiplied, the next ones are on their way
// into registers.
//
// Every sum runs over k from first to last, one fused or plain multiply-add for each k: its
// bits depend neither on the tile's size nor on what else is computed. Past the last k zeros are added,
// which change no sum.

// @include stored_weights.wgsl
// @include products
// @include operands
// @include weight_rows.wgsl
// @include tile_reads.wgsl

const TILE_ROWS: u32 = 64u;
const TILE_COLUMNS: u32 = 64u;
const TILE_INNER: u32 = 16u;
const LANE_ROWS: u32 = 8u;
const LANE_COLUMNS: u32 = 8u;
const WORD_QUADS: u32 = 2u; // vec4s that 16 bytes of weights widen to, or a piece: 1 of f32, else 2
const TURN_QUADS: u32 = 1u; // vec4s of k that one turn of the innermost loop multiplies
const BUFFERS: u32 = 1u; // with 2 a tile is written while the last one is read: one barrier a tile, not 2

const LANES_ACROSS: u32 = TILE_COLUMNS / LANE_COLUMNS;
const LANES_DOWN: u32 = TILE_ROWS / LANE_ROWS;
const LANES: u32 = LANES_ACROSS * LANES_DOWN;
const PRODUCT_COLUMNS: u32 = TILE_COLUMNS / PRODUCTS; // of each product in the tile
const LANE_PRODUCT: u32 = LANE_COLUMNS / PRODUCTS; // columns of each product that a lane makes
const SECOND: u32 = LANE_COLUMNS - LANE_PRODUCT; // from a column of the first to the last product's
const QUADS: u32 = TILE_INNER / 4u; // vec4s of k in a tile
const TURNS: u32 = QUADS / TURN_QUADS;
const WORDS: u32 = QUADS / WORD_QUADS; // 16 bytes each, of a tile's weight row
const INPUT_LOADS: u32 = TILE_ROWS * QUADS / LANES; // of each lane, for a tile
const WEIGHT_LOADS: u32 = TILE_COLUMNS * WORDS / LANES;
// What a lane multiplies lies together: one index is computed (and checked, by naga) for all of it. The
// vec4 that is added to it and not used, and those after each quad, keep lanes that read or write at the
// same time apart in the memory's banks (tests/ops/products/memory_banks_test.ts).
const INPUT_SHARE: u32 = LANE_ROWS + 1u;
const WEIGHT_SHARE: u32 = LANE_COLUMNS + 1u;
const SPARE: u32 = 8u / QUADS;

struct InputQuad {
  shares: array<array<Operand, INPUT_SHARE>, LANES_DOWN>,
  spare: array<Operand, SPARE>,
}

struct WeightQuad {
  shares: array<array<Operand, WEIGHT_SHARE>, LANES_ACROSS>,
  spare: array<Operand, SPARE>,
}

var<workgroup> input_tile: array<array<InputQuad, QUADS>, BUFFERS>;
var<workgroup> weight_tile: array<array<WeightQuad, QUADS>, BUFFERS>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row_words = row_vectors(shape.x);
  // Tiles of rows come first in the grid: those that use the same weights run side by side.
  let place = tile_place(group.y, PRODUCT_COLUMNS, row_words);
  let product = place.x;
  let n0 = place.y;
  let m0 = group.x * TILE_ROWS;
  let rows = arrayLength(&input) / (shape.x / 4u);
  let columns = weight_size(product) / row_words;
  let across = lane % LANES_ACROSS;
  let down = lane / LANES_ACROSS;
  let tiles = (shape.x + TILE_INNER - 1u) / TILE_INNER;

  var next_input: array<vec4<f32>, INPUT_LOADS>;
  var next_weight: array<vec4<u32>, WEIGHT_LOADS>;
  // @unroll
  for (var i = 0u; i < INPUT_LOADS; i += 1u) {
    let at = lane + i * LANES;
    next_input[i] = input_quad(m0 + at / QUADS, at % QUADS, rows);
  }
  // @unroll
  for (var i = 0u; i < WEIGHT_LOADS; i += 1u) {
    let at = lane + i * LANES;
    let column = at / WORDS;
    let which = product + column / PRODUCT_COLUMNS;
    next_weight[i] = weight_words(which, n0 + column % PRODUCT_COLUMNS, at % WORDS, columns);
  }

  var sums: array<f32, LANE_ROWS * LANE_COLUMNS>;
  for (var tile = 0u; tile < tiles; tile += 1u) {
    let buffer = tile % BUFFERS;
    // @unroll
    for (var i = 0u; i < INPUT_LOADS; i += 1u) {
      let at = lane + i * LANES;
      let row = at / QUADS;
      input_tile[buffer][at % QUADS].shares[row % LANES_DOWN][row / LANES_DOWN] =
        narrowed(next_input[i]);
    }
    // @unroll
    for (var i = 0u; i < WEIGHT_LOADS; i += 1u) {
      let at = lane + i * LANES;
      let column = at / WORDS;
      // @unroll
      for (var q = 0u; q < WORD_QUADS; q += 1u) {
        let quad = at % WORDS * WORD_QUADS + q;
        weight_tile[buffer][quad].shares[column % LANES_ACROSS][column / LANES_ACROSS] =
          narrowed(widen_quad(next_weight[i], q));
      }
    }
    workgroupBarrier();

    // The next tile; past the last one these are zeros, and nothing is read.
    // @unroll
    for (var i = 0u; i < INPUT_LOADS; i += 1u) {
      let at = lane + i * LANES;
      next_input[i] = input_quad(m0 + at / QUADS, (tile + 1u) * QUADS + at % QUADS, rows);
    }
    // @unroll
    for (var i = 0u; i < WEIGHT_LOADS; i += 1u) {
      let at = lane + i * LANES;
      let column = at / WORDS;
      let which = product + column / PRODUCT_COLUMNS;
      let word = (tile + 1u) * WORDS + at % WORDS;
      next_weight[i] = weight_words(which, n0 + column % PRODUCT_COLUMNS, word, columns);
    }

    for (var turn = 0u; turn < TURNS; turn += 1u) {
      // @unroll
      for (var q = 0u; q < TURN_QUADS; q += 1u) {
        let quad = turn * TURN_QUADS + q;
        var weights: array<vec4<f32>, LANE_COLUMNS>;
        // @unroll
        for (var j = 0u; j < LANE_COLUMNS; j += 1u) {
          weights[j] = widened(weight_tile[buffer][quad].shares[across][j]);
        }
        // @unroll
        for (var i = 0u; i < LANE_ROWS; i += 1u) {
          let x = widened(input_tile[buffer][quad].shares[down][i]);
          // @unroll
          for (var j = 0u; j < LANE_COLUMNS; j += 1u) {
            var sum = sums[i * LANE_COLUMNS + j];
            sum = fma(x.x, weights[j].x, sum);
            sum = fma(x.y, weights[j].y, sum);
            sum = fma(x.z, weights[j].z, sum);
            sum = fma(x.w, weights[j].w, sum);
            sums[i * LANE_COLUMNS + j] = sum;
          }
        }
      }
    }
    if (BUFFERS == 1u) {
      workgroupBarrier();
    }
  }

  // @unroll
  for (var i = 0u; i < LANE_ROWS; i += 1u) {
    // @unroll
    for (var j = 0u; j < LANE_PRODUCT; j += 1u) {
      let m = m0 + down + i * LANES_DOWN;
      let n = n0 + across + j * LANES_ACROSS;
      if (m < rows && n < columns) {
        finish(product, m, n, columns, sums[i * LANE_COLUMNS + j], sums[i * LANE_COLUMNS + j + SECOND]);
      }
    }
  }
}
