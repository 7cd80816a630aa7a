// Included by the products' kernels: weights in the type they are stored in, widened to f32, which is
// exact. 16 bytes hold four f32, or eight f16 or bf16, the first of a pair in the low half of its word.
//
// Quantized weights are whole numbers, int8 four to a word or int4 eight to a word, the first one lowest,
// times a scale in f16 that GROUP values of k share. In a buffer a row has its whole numbers, then its
// scales, each rounded up to 16 bytes; kernels read eight values of k at a time, a piece.

const F32: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;
const INT8: u32 = 3u;
const INT4: u32 = 4u;

const WEIGHT_TYPE: u32 = 2u;
const GROUP: u32 = 32u; // 32 or 128
const QUANTIZED: bool = WEIGHT_TYPE >= INT8;

// The two f16 or bf16 in a word. A bf16 is the upper half of the same number's f32.
fn widen_pair(word: u32) -> vec2<f32> {
  if (WEIGHT_TYPE == BF16) {
    return bitcast<vec2<f32>>(vec2<u32>(word << 16u, word & 0xffff0000u));
  }
  return unpack2x16float(word);
}

// Value e of the weights in 16 bytes; of quantized ones its whole number, of those in the first words.
fn widen_value(words: vec4<u32>, e: u32) -> f32 {
  if (WEIGHT_TYPE == F32) {
    return bitcast<f32>(words[e]);
  }
  if (WEIGHT_TYPE == INT8) {
    return f32(bitcast<i32>(words[e / 4u] << (24u - e % 4u * 8u)) >> 24u);
  }
  if (WEIGHT_TYPE == INT4) {
    return f32(bitcast<i32>(words.x << (28u - e * 4u)) >> 28u);
  }
  return widen_pair(words[e / 2u])[e % 2u];
}

// Values 4q to 4q + 3 of the weights in 16 bytes; of quantized ones in a piece.
fn widen_quad(words: vec4<u32>, q: u32) -> vec4<f32> {
  if (WEIGHT_TYPE == F32) {
    return bitcast<vec4<f32>>(words);
  }
  if (WEIGHT_TYPE == INT8) {
    let word = select(words.x, words.y, q == 1u);
    let high = vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u);
    return vec4<f32>(bitcast<vec4<i32>>(high) >> vec4<u32>(24u)) * bitcast<f32>(words.w);
  }
  if (WEIGHT_TYPE == INT4) {
    let high = vec4<u32>(words.x >> (q * 16u)) << vec4<u32>(28u, 24u, 20u, 16u);
    return vec4<f32>(bitcast<vec4<i32>>(high) >> vec4<u32>(28u)) * bitcast<f32>(words.w);
  }
  let pairs = select(words.xy, words.zw, q == 1u);
  return vec4<f32>(widen_pair(pairs.x), widen_pair(pairs.y));
}

// 16 bytes of a quantized row that has k values, from a row to the next.
fn quant_vectors(k: u32) -> u32 {
  return select((k + 15u) / 16u, (k + 31u) / 32u, WEIGHT_TYPE == INT4);
}

fn quantized_row_vectors(k: u32) -> u32 {
  return quant_vectors(k) + ((k + GROUP - 1u) / GROUP + 7u) / 8u;
}

// Which 16 bytes of its row a piece lies in, and its scale.
fn piece_vector(piece: u32) -> u32 {
  return select(piece / 2u, piece / 4u, WEIGHT_TYPE == INT4);
}

fn scale_vector(k: u32, piece: u32) -> u32 {
  return quant_vectors(k) + piece / (GROUP / 8u) / 8u;
}

// A piece's whole numbers in the first words, its scale in f32 in the last.
fn quantized_piece(quants: vec4<u32>, scales: vec4<u32>, piece: u32) -> vec4<u32> {
  let group = piece / (GROUP / 8u) % 8u;
  let scale = unpack2x16float(scales[group / 2u])[group % 2u];
  if (WEIGHT_TYPE == INT4) {
    return vec4<u32>(quants[piece % 4u], 0u, 0u, bitcast<u32>(scale));
  }
  return vec4<u32>(select(quants.xy, quants.zw, piece % 2u == 1u), 0u, bitcast<u32>(scale));
}

// In a texture a texel has eight values of k of one column (four of f32), of two columns in int8, of four
// in int4: the words of its column j.
fn column_words(texel: vec4<u32>, j: u32) -> vec4<u32> {
  if (WEIGHT_TYPE == INT8) {
    return select(texel.xyxy, texel.zwzw, j == 1u);
  }
  if (WEIGHT_TYPE == INT4) {
    return vec4<u32>(texel[j], 0u, 0u, 0u);
  }
  return texel;
}

// Where the scales of four columns' first two groups lie below packed weights of this shape: those of the
// next two are 8 texels further. Each row has those of several blocks of 32 columns.
fn quad_scales_place(shape: vec4<u32>, n: u32) -> vec2<u32> {
  let pairs = ((shape.x + GROUP - 1u) / GROUP + 1u) / 2u;
  let blocks = shape.z / pairs;
  let block = n / 8u;
  return vec2<u32>(block % blocks * pairs * 8u + n % 8u, shape.w + block / blocks);
}

// Four columns' scales of a group, of a texel that has those of two groups.
fn quad_scales(texel: vec4<u32>, group: u32) -> vec4<f32> {
  let words = select(texel.xy, texel.zw, group % 2u == 1u);
  return vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y));
}
