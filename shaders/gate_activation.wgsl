// Included by the kernels of a gated feed-forward block (Shazeer 2020): what the gate goes through,
//   silu(x)      = x / (1 + exp(-x))
//   gelu_tanh(x) = x / 2 * (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2 / pi) * (x + 0.044715 x^3)
// the latter being GELU's approximation (Hendrycks and Gimpel 2016, arXiv 1606.08415, section 2).

const GELU_TANH: bool = false; // else silu

fn activated(x: vec4<f32>) -> vec4<f32> {
  if (GELU_TANH) {
    let twice = 1.5957691216057308 * (x + 0.044715 * x * x * x);
    // exp(88) is the largest power of a whole number in f32; what it divides is 0 to many digits.
    return x / (1.0 + exp(min(-twice, vec4<f32>(88.0))));
  }
  return x / (1.0 + exp(-x));
}
