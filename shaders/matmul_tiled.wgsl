// Matrix product for GPUs, with weights as they are stored:
//   output[m, n] = activation(sum over k of input[m, k] * weight[n, k] + bias[n])  (+ output[m, n])
//
// input   [rows, k]        f32, k a multiple of 8
// weight  [columns, k]     f32, or pairs of f16 or bf16 packed in words; a part of a larger matrix
// bias    [total columns]  f32, read where HAS_BIAS
// output  [rows, total columns]  f32
// shape   (k, first column of this part in output, total columns, unused)
//
// A workgroup makes a tile of TILE_ROWS x TILE_COLUMNS outputs, each lane LANE_ROWS x LANE_COLUMNS of
// them in registers. TILE_INNER values of k at a time pass through workgroup memory, weights widened on
// the way; while they are multiplied, the next ones are on their way into registers.
//
// Every output is one sum over k from first to last, one fused or plain multiply-add for each k: its
// bits depend neither on the tile's size nor on what else is computed. Past the last k zeros are added,
// which change no sum.

// @include stored_weights.wgsl
// @include overflow.wgsl

const HAS_BIAS: bool = false;
const RELU: bool = false;
const ACCUMULATE: bool = false;
const TILE_ROWS: u32 = 64u;
const TILE_COLUMNS: u32 = 64u;
const TILE_INNER: u32 = 16u;
const LANE_ROWS: u32 = 8u;
const LANE_COLUMNS: u32 = 8u;
const WORD_QUADS: u32 = 2u; // vec4s that 16 bytes of weights widen to: 1 of f32, else 2

const LANES_ACROSS: u32 = TILE_COLUMNS / LANE_COLUMNS;
const LANES_DOWN: u32 = TILE_ROWS / LANE_ROWS;
const LANES: u32 = LANES_ACROSS * LANES_DOWN;
const QUADS: u32 = TILE_INNER / 4u; // vec4s of k in a tile
const WORDS: u32 = QUADS / WORD_QUADS; // 16 bytes each, of a tile's weight row
const INPUT_LOADS: u32 = TILE_ROWS * QUADS / LANES; // of each lane, for a tile
const WEIGHT_LOADS: u32 = TILE_COLUMNS * WORDS / LANES;
// What a lane multiplies lies together: one index is computed (and checked, by naga) for all of it.
// The vec4 that is added and not used keeps neighbouring lanes apart in the memory's banks.
const INPUT_SHARE: u32 = LANE_ROWS + 1u;
const WEIGHT_SHARE: u32 = LANE_COLUMNS + 1u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<uniform> shape: vec4<u32>;

var<workgroup> input_tile: array<array<vec4<f32>, INPUT_SHARE>, QUADS * LANES_DOWN>;
var<workgroup> weight_tile: array<array<vec4<f32>, WEIGHT_SHARE>, QUADS * LANES_ACROSS>;

fn input_quad(m: u32, quad: u32, rows: u32) -> vec4<f32> {
  let quads = shape.x / 4u;
  if (m < rows && quad < quads) {
    return input[m * quads + quad];
  }
  return vec4<f32>(0.0);
}

fn weight_words(n: u32, word: u32, columns: u32) -> vec4<u32> {
  let words = shape.x / (4u * WORD_QUADS);
  if (n < columns && word < words) {
    return weight[n * words + word];
  }
  return vec4<u32>(0u);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let rows = arrayLength(&input) / (shape.x / 4u);
  let columns = arrayLength(&weight) / (shape.x / (4u * WORD_QUADS));
  let first_column = shape.y;
  let total_columns = shape.z;
  // Tiles of rows come first in the grid: those that use the same weights run side by side.
  let m0 = group.x * TILE_ROWS;
  let n0 = group.y * TILE_COLUMNS;
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
    next_weight[i] = weight_words(n0 + at / WORDS, at % WORDS, columns);
  }

  var sums: array<f32, LANE_ROWS * LANE_COLUMNS>;
  for (var tile = 0u; tile < tiles; tile += 1u) {
    // @unroll
    for (var i = 0u; i < INPUT_LOADS; i += 1u) {
      let at = lane + i * LANES;
      let row = at / QUADS;
      input_tile[at % QUADS * LANES_DOWN + row % LANES_DOWN][row / LANES_DOWN] = next_input[i];
    }
    // @unroll
    for (var i = 0u; i < WEIGHT_LOADS; i += 1u) {
      let at = lane + i * LANES;
      let column = at / WORDS;
      // @unroll
      for (var q = 0u; q < WORD_QUADS; q += 1u) {
        let quad = at % WORDS * WORD_QUADS + q;
        weight_tile[quad * LANES_ACROSS + column % LANES_ACROSS][column / LANES_ACROSS] =
          widen_quad(next_weight[i], q);
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
      next_weight[i] = weight_words(n0 + at / WORDS, (tile + 1u) * WORDS + at % WORDS, columns);
    }

    for (var quad = 0u; quad < QUADS; quad += 1u) {
      var weights: array<vec4<f32>, LANE_COLUMNS>;
      // @unroll
      for (var j = 0u; j < LANE_COLUMNS; j += 1u) {
        weights[j] = weight_tile[quad * LANES_ACROSS + across][j];
      }
      // @unroll
      for (var i = 0u; i < LANE_ROWS; i += 1u) {
        let x = input_tile[quad * LANES_DOWN + down][i];
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
    workgroupBarrier();
  }

  // @unroll
  for (var i = 0u; i < LANE_ROWS; i += 1u) {
    // @unroll
    for (var j = 0u; j < LANE_COLUMNS; j += 1u) {
      let m = m0 + down + i * LANES_DOWN;
      let n = n0 + across + j * LANES_ACROSS;
      if (m < rows && n < columns) {
        let at = m * total_columns + first_column + n;
        var value = sums[i * LANE_COLUMNS + j];
        if (HAS_BIAS) {
          value += bias[first_column + n];
        }
        if (RELU) {
          value = relu(value);
        }
        if (ACCUMULATE) {
          value += output[at];
        }
        output[at] = value;
      }
    }
  }
}
