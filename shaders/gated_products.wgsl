// Included by the products' kernels in the place of `products`: the gated half of a feed-forward block,
//   output[m, n] = activated(sum over k of input[m, k] * gate[n, k] + gate_bias[n])
//                  * (sum over k of input[m, k] * up[n, k] + up_bias[n])
// A lane makes as many columns of the one product as of the other; nothing between them is stored.
//
// gate, up            [columns, k] each: see stored_weights.wgsl; both of one type
// gate_bias, up_bias  [columns]  f32, read where HAS_BIAS
// output              [rows, columns]  f32
// shape               (k, unused, unused, unused)

// @include activation.wgsl

const HAS_BIAS: bool = false;
const PRODUCTS: u32 = 2u; // that a lane makes side by side

@group(0) @binding(1) var<storage, read> gate: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> up: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> gate_bias: array<f32>;
@group(0) @binding(4) var<storage, read> up_bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> output: array<f32>;
@group(0) @binding(6) var<uniform> shape: vec4<u32>;

fn weight_size(product: u32) -> u32 {
  return arrayLength(&gate);
}

fn stored_words(product: u32, at: u32) -> vec4<u32> {
  if (product == 0u) {
    return gate[at];
  }
  return up[at];
}

fn tile_place(tile: u32, tile_columns: u32, row_words: u32) -> vec2<u32> {
  return vec2<u32>(0u, tile * tile_columns);
}

fn finish(product: u32, m: u32, n: u32, columns: u32, sum: f32, second_sum: f32) {
  var gate_sum = sum;
  var up_sum = second_sum;
  if (HAS_BIAS) {
    gate_sum += gate_bias[n];
    up_sum += up_bias[n];
  }
  output[m * columns + n] = activated(vec4<f32>(gate_sum)).x * up_sum;
}
