// Included by the products' kernels that compute in tiles: what they read of input and weights, and zeros past
// their edges.

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;

fn input_quad(m: u32, quad: u32, rows: u32) -> vec4<f32> {
  let quads = shape.x / 4u;
  if (m < rows && quad < quads) {
    return input[m * quads + quad];
  }
  return vec4<f32>(0.0);
}

fn weight_words(product: u32, n: u32, word: u32, columns: u32) -> vec4<u32> {
  if (n < columns && word < shape.x / (4u * WORD_QUADS)) {
    return row_words_at(product, n * row_vectors(shape.x), shape.x, word);
  }
  return vec4<u32>(0u);
}
