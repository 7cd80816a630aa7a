// Matrix products whose rows subgroups hand round by shuffles, with weights as they are stored:
//   sum[m, n] = sum over k of input[m, k] * weight[n, k]
//
// Operands and results are those of matmul_tiled.wgsl, and so are the bits: every sum runs over k from
// first to last, one multiply-add for each k.
//
// A lane makes ROWS rows of LANE_COLUMNS columns, and keeps their sums in registers; of the rows it reads
// its subgroup's share, which shuffles with constant lanes hand round. There is no workgroup memory, and
// there are no barriers. Reads past the last row or column read the last one's, and what they add up to is
// not stored.

// @include stored_weights.wgsl
// @include products
// @include operands
// @include weight_rows.wgsl

const SUBGROUP: u32 = 8u; // lanes that hand rows round: a power of two that is no more than ROWS
const LANES: u32 = 16u;
const ROWS: u32 = 16u;
const LANE_COLUMNS: u32 = 4u;
const WORD_QUADS: u32 = 2u; // vec4s that 16 bytes of weights widen to, or a piece: 1 of f32, else 2

const HELD: u32 = ROWS / SUBGROUP; // rows that each lane reads
const LANE_PRODUCT: u32 = LANE_COLUMNS / PRODUCTS; // columns of each product that a lane makes
const SECOND: u32 = LANE_COLUMNS - LANE_PRODUCT; // from a column of the first to the last product's

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let lane = index % SUBGROUP;
  let quads = shape.x / 4u;
  let row_words = row_vectors(shape.x);
  let place = tile_place(group.y, LANES * LANE_PRODUCT, row_words);
  let product = place.x;
  let n0 = place.y + index;
  let m0 = group.x * ROWS;
  let rows = arrayLength(&input) / quads;
  let columns = weight_size(product) / row_words;

  // Where the lane's rows and columns begin.
  var row_quads: array<u32, HELD>;
  // @unroll
  for (var h = 0u; h < HELD; h += 1u) {
    row_quads[h] = min(m0 + h * SUBGROUP + lane, rows - 1u) * quads;
  }
  var column_words: array<u32, LANE_PRODUCT>;
  // @unroll
  for (var j = 0u; j < LANE_PRODUCT; j += 1u) {
    column_words[j] = min(n0 + j * LANES, columns - 1u) * row_words;
  }

  var sums: array<f32, ROWS * LANE_COLUMNS>;
  for (var word = 0u; word < quads / WORD_QUADS; word += 1u) {
    var weights: array<vec4<f32>, LANE_COLUMNS * WORD_QUADS>;
    // @unroll
    for (var p = 0u; p < PRODUCTS; p += 1u) {
      // @unroll
      for (var j = 0u; j < LANE_PRODUCT; j += 1u) {
        let words = row_words_at(product + p, column_words[j], shape.x, word);
        // @unroll
        for (var q = 0u; q < WORD_QUADS; q += 1u) {
          let weight = widened(narrowed(widen_quad(words, q)));
          weights[(p * LANE_PRODUCT + j) * WORD_QUADS + q] = weight;
        }
      }
    }
    var held: array<vec4<f32>, HELD * WORD_QUADS>;
    // @unroll
    for (var h = 0u; h < HELD; h += 1u) {
      // @unroll
      for (var q = 0u; q < WORD_QUADS; q += 1u) {
        let quad = input[row_quads[h] + word * WORD_QUADS + q];
        held[h * WORD_QUADS + q] = widened(narrowed(quad));
      }
    }
    // @unroll
    for (var i = 0u; i < ROWS; i += 1u) {
      // @unroll
      for (var q = 0u; q < WORD_QUADS; q += 1u) {
        // @unroll
        for (var e = 0u; e < 4u; e += 1u) {
          let x = subgroupShuffle(held[i / SUBGROUP * WORD_QUADS + q][e], i % SUBGROUP);
          // @unroll
          for (var j = 0u; j < LANE_COLUMNS; j += 1u) {
            let weight = weights[j * WORD_QUADS + q][e];
            sums[i * LANE_COLUMNS + j] = fma(x, weight, sums[i * LANE_COLUMNS + j]);
          }
        }
      }
    }
  }

  // @unroll
  for (var i = 0u; i < ROWS; i += 1u) {
    // @unroll
    for (var j = 0u; j < LANE_PRODUCT; j += 1u) {
      let m = m0 + i;
      let n = n0 + j * LANES;
      if (m < rows && n < columns) {
        finish(product, m, n, columns, sums[i * LANE_COLUMNS + j], sums[i * LANE_COLUMNS + j + SECOND]);
      }
    }
  }
}
