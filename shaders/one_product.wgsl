// Included by the products' kernels in the place of `products`: one product,
//   output[m, n] = activation(sum over k of input[m, k] * weight[n, k] + bias[n])  (+ output[m, n])
//
// weight  [columns, k]     see stored_weights.wgsl; a part of a larger matrix
// bias    [total columns]  f32, read where HAS_BIAS
// output  [rows, total columns]  f32
// shape   (k, first column of this part in output, total columns, unused)

// @include overflow.wgsl

const HAS_BIAS: bool = false;
const RELU: bool = false;
const ACCUMULATE: bool = false;
const PRODUCTS: u32 = 1u; // that a lane makes side by side

@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<uniform> shape: vec4<u32>;

// Of the weight of a product: how many times 16 bytes it has.
fn weight_size(product: u32) -> u32 {
  return arrayLength(&weight);
}

fn stored_words(product: u32, at: u32) -> vec4<u32> {
  return weight[at];
}

// Which product a tile is of, and its first column there.
fn tile_place(tile: u32, tile_columns: u32, row_words: u32) -> vec2<u32> {
  return vec2<u32>(0u, tile * tile_columns);
}

// What becomes of a sum, and of the next product's.
fn finish(product: u32, m: u32, n: u32, columns: u32, sum: f32, second_sum: f32) {
  let column = shape.y + n;
  let at = m * shape.z + column;
  var value = sum;
  if (HAS_BIAS) {
    value += bias[column];
  }
  if (RELU) {
    value = relu(value);
  }
  if (ACCUMULATE) {
    value += output[at];
  }
  output[at] = value;
}
