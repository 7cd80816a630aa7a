// Included by the products' kernels: weights in the type they are stored in, widened to f32, which is
// exact. 16 bytes hold four f32, or eight f16 or bf16, the first of a pair in the low half of its word.

const F32: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;

const WEIGHT_TYPE: u32 = 2u;

// The two f16 or bf16 in a word. A bf16 is the upper half of the same number's f32.
fn widen_pair(word: u32) -> vec2<f32> {
  if (WEIGHT_TYPE == BF16) {
    return bitcast<vec2<f32>>(vec2<u32>(word << 16u, word & 0xffff0000u));
  }
  return unpack2x16float(word);
}

// Value e of the weights in 16 bytes.
fn widen_value(words: vec4<u32>, e: u32) -> f32 {
  if (WEIGHT_TYPE == F32) {
    return bitcast<f32>(words[e]);
  }
  return widen_pair(words[e / 2u])[e % 2u];
}

// Values 4q to 4q + 3 of the weights in 16 bytes.
fn widen_quad(words: vec4<u32>, q: u32) -> vec4<f32> {
  if (WEIGHT_TYPE == F32) {
    return bitcast<vec4<f32>>(words);
  }
  let pairs = select(words.xy, words.zw, q == 1u);
  return vec4<f32>(widen_pair(pairs.x), widen_pair(pairs.y));
}
