// The gated half of a feed-forward block, for adapters with subgroups of 8 or 16 lanes and fast texture reads:
//   output[m, n] = activated(sum over k of input[m, k] * gate[n, k]) * (sum over k of input[m, k] * up[n, k])
// It is matmul_texture.wgsl twice over one reading of the input; the
// sums have the same order, and nothing between them is stored.
//
// input     k / 4 texels wide, a row each
// gate, up  [columns, k] each, made by writeTexels() or pack_quantized_weights.wgsl
// output    columns / 4 texels wide, at least rows high
// shape     (k, columns, steps in one segment of the packed weights, first row of scales below them)

// @include stored_weights.wgsl
// @include activation.wgsl

const STEP: u32 = 8u; // values of k in a weight texel: 8, or 4 of f32
const TEXELS: u32 = 4u; // of a step's weights of four columns: 4, of int8 2, of int4 1
const SUBGROUP: u32 = 8u; // lanes of a subgroup: 8 or 16
const LANES: u32 = 16u;
const ROWS: u32 = 16u;
const QUADS: u32 = STEP / 4u;
const HELD: u32 = ROWS / SUBGROUP; // rows that each lane holds

@group(0) @binding(0) var input: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var gate: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(2) var up: texture_storage_2d<rgba32uint, read>;
@group(0) @binding(3) var output: texture_storage_2d<rgba32float, write>;
@group(0) @binding(4) var<uniform> shape: vec4<u32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let lane = index % SUBGROUP;
  let n = group.y * LANES + index; // four columns
  let m0 = group.x * ROWS;
  let steps = shape.x / STEP;
  let columns = shape.y / 4u;
  let segment_width = shape.z * 8u;
  let segment_height = (shape.y + 31u) / 32u * TEXELS;

  var gates: array<vec4<f32>, ROWS>;
  var ups: array<vec4<f32>, ROWS>;
  // x and y walk through the packed weight: along a segment, then to the next one below it.
  var x = n % 8u;
  var y = n / 8u * TEXELS;
  var scales_at = vec2<u32>(0u);
  if (QUANTIZED) {
    scales_at = quad_scales_place(shape, n);
  }
  for (var step = 0u; step < steps; step += 1u) {
    if (x >= segment_width) {
      x = n % 8u;
      y += segment_height;
    }
    var gate_words: array<vec4<u32>, 4>; // of each column
    var up_words: array<vec4<u32>, 4>;
    // @unroll
    for (var t = 0u; t < TEXELS; t += 1u) {
      let gate_texel = textureLoad(gate, vec2<u32>(x, y + t));
      let up_texel = textureLoad(up, vec2<u32>(x, y + t));
      // @unroll
      for (var j = 0u; j < 4u / TEXELS; j += 1u) {
        gate_words[t * (4u / TEXELS) + j] = column_words(gate_texel, j);
        up_words[t * (4u / TEXELS) + j] = column_words(up_texel, j);
      }
    }
    var gate_weights: array<vec4<f32>, STEP>;
    var up_weights: array<vec4<f32>, STEP>;
    // @unroll
    for (var e = 0u; e < STEP; e += 1u) {
      gate_weights[e] = vec4<f32>(
          widen_value(gate_words[0], e),
          widen_value(gate_words[1], e),
          widen_value(gate_words[2], e),
          widen_value(gate_words[3], e));
      up_weights[e] = vec4<f32>(
          widen_value(up_words[0], e),
          widen_value(up_words[1], e),
          widen_value(up_words[2], e),
          widen_value(up_words[3], e));
    }
    if (QUANTIZED) {
      let group = step / (GROUP / STEP);
      let at = scales_at + vec2<u32>(group / 2u * 8u, 0u);
      let gate_scales = quad_scales(textureLoad(gate, at), group);
      let up_scales = quad_scales(textureLoad(up, at), group);
      // @unroll
      for (var e = 0u; e < STEP; e += 1u) {
        gate_weights[e] *= gate_scales;
        up_weights[e] *= up_scales;
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
        gates[i] += value * gate_weights[e];
        ups[i] += value * up_weights[e];
      }
    }
    x += 8u;
  }

  if (n >= columns) {
    return;
  }
  // @unroll
  for (var i = 0u; i < ROWS; i += 1u) {
    // Rows past the last one fill the texture's spare height.
    textureStore(output, vec2<u32>(n, m0 + i), activated(gates[i]) * ups[i]);
  }
}
