// Included by the products' kernels in the place of `products`: three products of one input, as those of
// queries, keys and values,
//   output_i[m, n] = sum over k of input[m, k] * weight_i[n, k] + bias_i[n]
//
// weight_i  [columns of i, k]     see stored_weights.wgsl; all of one type
// bias_i    [columns of i]        f32, read where HAS_BIAS
// output_i  [rows, columns of i]  f32
// shape     (k, unused, unused, unused)
//
// The workgroups in y share the tiles of the first product, then those of the second, then the third's.

const HAS_BIAS: bool = false;
const PRODUCTS: u32 = 1u; // that a lane makes side by side

@group(0) @binding(1) var<storage, read> weight_0: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> weight_1: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read> weight_2: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> bias_0: array<f32>;
@group(0) @binding(5) var<storage, read> bias_1: array<f32>;
@group(0) @binding(6) var<storage, read> bias_2: array<f32>;
@group(0) @binding(7) var<storage, read_write> output_0: array<f32>;
@group(0) @binding(8) var<storage, read_write> output_1: array<f32>;
@group(0) @binding(9) var<storage, read_write> output_2: array<f32>;
@group(0) @binding(10) var<uniform> shape: vec4<u32>;

fn weight_size(product: u32) -> u32 {
  if (product == 0u) {
    return arrayLength(&weight_0);
  }
  if (product == 1u) {
    return arrayLength(&weight_1);
  }
  return arrayLength(&weight_2);
}

fn stored_words(product: u32, at: u32) -> vec4<u32> {
  if (product == 0u) {
    return weight_0[at];
  }
  if (product == 1u) {
    return weight_1[at];
  }
  return weight_2[at];
}

// Which product a tile is of, and its first column there.
fn tile_place(tile: u32, tile_columns: u32, row_words: u32) -> vec2<u32> {
  var first = tile;
  for (var product = 0u; product < 2u; product += 1u) {
    let tiles = (weight_size(product) / row_words + tile_columns - 1u) / tile_columns;
    if (first < tiles) {
      return vec2<u32>(product, first * tile_columns);
    }
    first -= tiles;
  }
  return vec2<u32>(2u, first * tile_columns);
}

fn finish(product: u32, m: u32, n: u32, columns: u32, sum: f32, second_sum: f32) {
  let at = m * columns + n;
  if (product == 0u) {
    output_0[at] = select(sum, sum + bias_0[n], HAS_BIAS);
  } else if (product == 1u) {
    output_1[at] = select(sum, sum + bias_1[n], HAS_BIAS);
  } else {
    output_2[at] = select(sum, sum + bias_2[n], HAS_BIAS);
  }
}
