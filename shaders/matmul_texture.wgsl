// Matrix product for adapters with subgroups of 8 or 16 lanes and fast texture reads (lavapipe):
//   output[m, n] = activation(sum over k of input[m, k] * weight[n, k] + bias[n])  (+ output[m, n])
//
// input   k / 4 texels wide, a row each; made by rows_to_texture.wgsl
// weight  made by writeTexels() from rows of f32, f16 or bf16, or by pack_quantized_weights.wgsl
// bias    [columns]        f32, read where HAS_BIAS
// output  [rows, columns]  f32, columns a multiple of 4
// shape   (k, columns, steps in one segment of the packed weights, first row of scales below them)
//
// Each lane makes ROWS rows of 4 columns, or of 8 in two places, and keeps their sums in registers; of
// the rows it holds its subgroup's share, which shuffles with constant lanes hand round. There are no
// barriers. Every output is one sum over k from first to last, whatever the number of rows or lanes.

// @include stored_weights.wgsl
// @include overflow.wgsl

const STEP: u32 = 8u; // values of k in a weight texel: 8, or 4 of f32
const TEXELS: u32 = 4u; // of a step's weights of four columns: 4, of int8 2, of int4 1
const HAS_BIAS: bool = false;
const RELU: bool = false;
const ACCUMULATE: bool = false;
const SUBGROUP: u32 = 8u; // lanes of a subgroup: 8 or 16
const LANES: u32 = 16u;
const ROWS: u32 = 16u; // 16 or 32
const PLACES: u32 = 1u; // of a lane's columns, four in each
const QUADS: u32 = STEP / 4u;
const HELD: u32 = ROWS / SUBGROUP; // rows that each lane holds

@group(0) @binding(0) var input: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var weight: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(4) var<uniform> shape: vec4<u32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let lane = index % SUBGROUP;
  // Four columns; those of a lane's second place are the subgroup's next ones.
  let n = (group.y * LANES + index - lane) * PLACES + lane;
  let m0 = group.x * ROWS;
  let steps = shape.x / STEP;
  let columns = shape.y / 4u;
  let segment_width = shape.z * 8u;
  let segment_height = (shape.y + 31u) / 32u * TEXELS;

  var sums: array<vec4<f32>, PLACES * ROWS>;
  // x and y walk through the packed weight: along a segment, then to the next one below it.
  var x = n % 8u;
  var y = n / 8u * TEXELS;
  var scales_at: array<vec2<u32>, PLACES>;
  if (QUANTIZED) {
    // @unroll
    for (var p = 0u; p < PLACES; p += 1u) {
      scales_at[p] = quad_scales_place(shape, n + p * SUBGROUP);
    }
  }
  for (var step = 0u; step < steps; step += 1u) {
    if (x >= segment_width) {
      x = n % 8u;
      y += segment_height;
    }
    var weights: array<vec4<f32>, PLACES * STEP>;
    // @unroll
    for (var p = 0u; p < PLACES; p += 1u) {
      let top = y + p * (SUBGROUP / 8u * TEXELS);
      var words: array<vec4<u32>, 4>; // of each column
      // @unroll
      for (var t = 0u; t < TEXELS; t += 1u) {
        let texel = textureLoad(weight, vec2<u32>(x, top + t));
        // @unroll
        for (var j = 0u; j < 4u / TEXELS; j += 1u) {
          words[t * (4u / TEXELS) + j] = column_words(texel, j);
        }
      }
      // @unroll
      for (var e = 0u; e < STEP; e += 1u) {
        weights[p * STEP + e] = vec4<f32>(
          widen_value(words[0], e),
          widen_value(words[1], e),
          widen_value(words[2], e),
          widen_value(words[3], e));
      }
      if (QUANTIZED) {
        let group = step / (GROUP / STEP);
        let at = scales_at[p] + vec2<u32>(group / 2u * 8u, 0u);
        let scales = quad_scales(textureLoad(weight, at), group);
        // @unroll
        for (var e = 0u; e < STEP; e += 1u) {
          weights[p * STEP + e] *= scales;
        }
      }
    }
    var held: array<vec4<f32>, HELD * QUADS>;
    // @unroll
    for (var h = 0u; h < HELD; h += 1u) {
      // @unroll
      for (var q = 0u; q < QUADS; q += 1u) {
        let row = m0 + h * SUBGROUP + lane;
        held[h * QUADS + q] = textureLoad(input, vec2<u32>(step * QUADS + q, row));
      }
    }
    // @unroll
    for (var i = 0u; i < ROWS; i += 1u) {
      // @unroll
      for (var e = 0u; e < STEP; e += 1u) {
        let value = subgroupShuffle(held[i / SUBGROUP * QUADS + e / 4u][e % 4u], i % SUBGROUP);
        // @unroll
        for (var p = 0u; p < PLACES; p += 1u) {
          sums[p * ROWS + i] += value * weights[p * STEP + e];
        }
      }
    }
    x += 8u;
  }

  let rows = arrayLength(&output) / columns;
  // @unroll
  for (var p = 0u; p < PLACES; p += 1u) {
    let place = n + p * SUBGROUP;
    // @unroll
    for (var i = 0u; i < ROWS; i += 1u) {
      if (place < columns && m0 + i < rows) {
        let at = (m0 + i) * columns + place;
        var value = sums[p * ROWS + i];
        if (HAS_BIAS) {
          value += bias[place];
        }
        if (RELU) {
          value = vec4<f32>(relu(value.x), relu(value.y), relu(value.z), relu(value.w));
        }
        if (ACCUMULATE) {
          value += output[at];
        }
        output[at] = value;
      }
    }
  }
}
