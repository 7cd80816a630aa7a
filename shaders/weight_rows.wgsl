// Included by the products' kernels after `products`: rows of weights in buffers, with stored_weights.wgsl.

// 16 bytes of weights from a row of k values to the next.
fn row_vectors(k: u32) -> u32 {
  if (QUANTIZED) {
    return quantized_row_vectors(k);
  }
  return select(k / 8u, k / 4u, WEIGHT_TYPE == F32);
}

// Word (16 bytes, or a piece of quantized weights) of the row of a product's weight that begins at `start`.
fn row_words_at(product: u32, start: u32, k: u32, word: u32) -> vec4<u32> {
  if (QUANTIZED) {
    let scales = stored_words(product, start + scale_vector(k, word));
    return quantized_piece(stored_words(product, start + piece_vector(word)), scales, word);
  }
  return stored_words(product, start + word);
}
