// Matrix product on a GPU's matrix units, with weights as they are stored:
//   sum[m, n] = sum over k of input[m, k] * weight[n, k]
//
// input   [rows, k]        f32, k a multiple of 8
// weight  [columns, k]     of the product that `products` binds, with what becomes of sums
//
// Dawn alone has these operations (chromium_experimental_subgroup_matrix). A subgroup multiplies two
// matrices of MATRIX_M x MATRIX_K and MATRIX_K x MATRIX_N in f16, and adds the f32 results to a third.
//
// A workgroup of four subgroups makes a tile of 64 x 64 sums, each subgroup a quarter of it. 32 values
// of k at a time pass through workgroup memory, rounded to f16; past the edges they are zeros, which
// change no sum. Sums go back through workgroup memory, a matrix of each subgroup at a time.
//
// Every sum adds the same groups of MATRIX_K products in the order of k, whatever the shape. How the
// matrix unit adds within a group is its own, so bits are others than the tiles' in f16.

diagnostic(off, chromium.subgroup_matrix_uniformity);

// @include stored_weights.wgsl
// @include products
// @include operands
// @include weight_rows.wgsl
// @include tile_reads.wgsl

const MATRIX_M: u32 = 16u;
const MATRIX_N: u32 = 16u;
const MATRIX_K: u32 = 16u;
const SUBGROUP: u32 = 32u;
const WORD_QUADS: u32 = 2u; // vec4s that 16 bytes of weights widen to, or a piece: 1 of f32, else 2

const LANES: u32 = 4u * SUBGROUP;
const TILE: u32 = 64u; // rows and columns of a tile
const QUARTER: u32 = 32u; // those of a subgroup
const TILE_INNER: u32 = 32u;
const QUADS: u32 = TILE_INNER / 4u; // vec4s of k in a tile
const WORDS: u32 = QUADS / WORD_QUADS;
const INPUT_LOADS: u32 = TILE * QUADS / LANES; // of each lane, for a tile
const WEIGHT_LOADS: u32 = TILE * WORDS / LANES;
// From a row to the next in workgroup memory; what is not used keeps rows apart in the memory's banks.
const STRIDE: u32 = TILE_INNER + 8u;
const DOWN: u32 = QUARTER / MATRIX_M; // matrices of a subgroup
const ACROSS: u32 = QUARTER / MATRIX_N;
const STEPS: u32 = TILE_INNER / MATRIX_K;
const MATRIX: u32 = MATRIX_M * MATRIX_N;

var<workgroup> input_tile: array<f16, TILE * STRIDE>;
var<workgroup> weight_tile: array<f16, TILE * STRIDE>;
var<workgroup> sum_tile: array<f32, 4u * MATRIX>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
  @builtin(subgroup_id) subgroup: u32,
) {
  let row_words = row_vectors(shape.x);
  let place = tile_place(group.y, TILE, row_words);
  let product = place.x;
  let n0 = place.y;
  let m0 = group.x * TILE;
  let rows = arrayLength(&input) / (shape.x / 4u);
  let columns = weight_size(product) / row_words;
  let tiles = (shape.x + TILE_INNER - 1u) / TILE_INNER;
  let down = subgroup / 2u * QUARTER; // where the subgroup's quarter begins
  let across = subgroup % 2u * QUARTER;

  var sums: array<subgroup_matrix_result<f32, MATRIX_N, MATRIX_M>, DOWN * ACROSS>;
  for (var tile = 0u; tile < tiles; tile += 1u) {
    // @unroll
    for (var i = 0u; i < INPUT_LOADS; i += 1u) {
      let load = lane + i * LANES;
      let quad = narrowed(input_quad(m0 + load / QUADS, tile * QUADS + load % QUADS, rows));
      let at = load / QUADS * STRIDE + load % QUADS * 4u;
      // @unroll
      for (var e = 0u; e < 4u; e += 1u) {
        input_tile[at + e] = quad[e];
      }
    }
    // @unroll
    for (var i = 0u; i < WEIGHT_LOADS; i += 1u) {
      let load = lane + i * LANES;
      let words = weight_words(product, n0 + load / WORDS, tile * WORDS + load % WORDS, columns);
      let at = load / WORDS * STRIDE + load % WORDS * WORD_QUADS * 4u;
      // @unroll
      for (var q = 0u; q < WORD_QUADS; q += 1u) {
        let quad = narrowed(widen_quad(words, q));
        // @unroll
        for (var e = 0u; e < 4u; e += 1u) {
          weight_tile[at + q * 4u + e] = quad[e];
        }
      }
    }
    workgroupBarrier();
    // @unroll
    for (var step = 0u; step < STEPS; step += 1u) {
      // @unroll
      for (var i = 0u; i < DOWN; i += 1u) {
        let left = subgroupMatrixLoad<subgroup_matrix_left<f16, MATRIX_K, MATRIX_M>, row_major>(
          &input_tile, (down + i * MATRIX_M) * STRIDE + step * MATRIX_K, STRIDE);
        // @unroll
        for (var j = 0u; j < ACROSS; j += 1u) {
          let right = subgroupMatrixLoad<subgroup_matrix_right<f16, MATRIX_N, MATRIX_K>, col_major>(
            &weight_tile, (across + j * MATRIX_N) * STRIDE + step * MATRIX_K, STRIDE);
          sums[i * ACROSS + j] = subgroupMatrixMultiplyAccumulate(left, right, sums[i * ACROSS + j]);
        }
      }
    }
    workgroupBarrier();
  }

  let first = lane % SUBGROUP; // of the matrix's numbers that the lane finishes
  // @unroll
  for (var i = 0u; i < DOWN; i += 1u) {
    // @unroll
    for (var j = 0u; j < ACROSS; j += 1u) {
      subgroupMatrixStore<row_major>(&sum_tile, subgroup * MATRIX, sums[i * ACROSS + j], MATRIX_N);
      workgroupBarrier();
      for (var at = first; at < MATRIX; at += SUBGROUP) {
        let m = m0 + down + i * MATRIX_M + at / MATRIX_N;
        let n = n0 + across + j * MATRIX_N + at % MATRIX_N;
        if (m < rows && n < columns) {
          finish(product, m, n, columns, sum_tile[subgroup * MATRIX + at], 0.0);
        }
      }
      workgroupBarrier();
    }
  }
}
