// Included by the kernels of activations, which ACTIVATION chooses:
//   0 silu       x / (1 + exp(-x))
//   1 gelu_tanh  x / 2 * (1 + tanh(u)) = x / (1 + exp(-2u)), u = sqrt(2 / pi) * (x + 0.044715 x^3)
//   2 gelu       x / 2 * (1 + erf(x / sqrt(2)))
//   3 relu       max(x, 0)
//   4 tanh       1 - 2 / (exp(2x) + 1)
//   5 selu       1.0507 * (max(x, 0) + min(0, 1.67326 * (exp(x) - 1)))  (Klambauer et al. 2017)
//   6 sigmoid    1 / (1 + exp(-x))
//   7 leaky_relu max(x, 0.01 x)
// GELU and its approximation are Hendrycks and Gimpel's (2016, arXiv 1606.08415, section 2). What exp is
// given is bounded, since exp(88) is the largest power of a whole number in f32; comparisons with a NaN
// are false, so it stays one.
//
// What multiplies and adds is an fma by name. Several kernels include this, with tiles of any size, and a
// score must not depend on which of them ran: a compiler that is free to round a product and a sum once
// or twice may do one here and the other there.

const ACTIVATION: u32 = 0u;

fn at_most(x: vec4<f32>, most: f32) -> vec4<f32> {
  return select(x, vec4<f32>(most), x > vec4<f32>(most));
}

// The error function, within 1e-6: a polynomial in x up to 0.9277, beyond it 1 - exp of another.
fn error_function(x: vec4<f32>) -> vec4<f32> {
  let t = at_most(abs(x), 4.0); // erf(4) is 1 in f32
  let s = t * t;
  var near = fma(vec4<f32>(-5.96761703e-4), s, vec4<f32>(4.99119423e-3));
  near = fma(near, s, vec4<f32>(-2.67681349e-2));
  near = fma(near, s, vec4<f32>(1.12819925e-1));
  near = fma(near, s, vec4<f32>(-3.76125336e-1));
  near = fma(near, s, vec4<f32>(1.28379166e-1));
  near = fma(near, t, t);
  let upper = fma(vec4<f32>(-1.72853470e-5), t, vec4<f32>(3.83197126e-4));
  let lower = fma(vec4<f32>(-3.88396438e-3), t, vec4<f32>(2.42546219e-2));
  var far = fma(upper, s, lower);
  far = fma(far, t, vec4<f32>(-1.06777877e-1));
  far = fma(far, t, vec4<f32>(-6.34846687e-1));
  far = fma(far, t, vec4<f32>(-1.28717512e-1));
  far = 1.0 - exp(fma(far, t, -t));
  let positive = select(near, far, t > vec4<f32>(0.927734375));
  return select(positive, -positive, x < vec4<f32>(0.0));
}

fn activated(x: vec4<f32>) -> vec4<f32> {
  if (ACTIVATION == 1u) {
    let twice = 1.5957691216057308 * fma(0.044715 * x * x, x, x);
    return x / (1.0 + exp(min(-twice, vec4<f32>(88.0))));
  }
  if (ACTIVATION == 2u) {
    return 0.5 * x * (1.0 + error_function(x * 0.7071067811865476));
  }
  if (ACTIVATION == 3u) {
    return select(x, vec4<f32>(0.0), x < vec4<f32>(0.0));
  }
  if (ACTIVATION == 4u) {
    return 1.0 - 2.0 / (exp(at_most(2.0 * x, 88.0)) + 1.0);
  }
  if (ACTIVATION == 5u) {
    let below = 1.6732632423543772 * (exp(at_most(x, 0.0)) - 1.0);
    return 1.0507009873554805 * select(below, x, x > vec4<f32>(0.0));
  }
  if (ACTIVATION == 6u) {
    return 1.0 / (1.0 + exp(at_most(-x, 88.0)));
  }
  if (ACTIVATION == 7u) {
    return select(x, 0.01 * x, x < vec4<f32>(0.0));
  }
  return x / (1.0 + exp(-x));
}
