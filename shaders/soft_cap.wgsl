// Included by kernels that cap logits softly (Gemma Team 2024, arXiv 2408.00118, section 2):
//   soft_capped(x) = SOFTCAP * tanh(x / SOFTCAP), and x where SOFTCAP is 0
//
// tanh is written out: WGSL grants the built-in one an absolute error of 1e-5, which a cap of 50 makes
// 5e-4 of a logit, and for large arguments some drivers give NaN. Near 0 it is a polynomial (Moshier,
// Cephes, tanhf.c); from there on one exp that can't overflow: from 10 on, tanh is 1 in f32. A NaN
// stays one, as comparisons with it are false.

const SOFTCAP: f32 = 0.0;

fn soft_capped(x: vec4<f32>) -> vec4<f32> {
  if (SOFTCAP == 0.0) {
    return x;
  }
  let t = x / SOFTCAP;
  let a = select(abs(t), vec4<f32>(10.0), abs(t) > vec4<f32>(10.0));
  let z = a * a;
  var near = -5.70498872745e-3 * z + 2.06390887954e-2;
  near = near * z - 5.37397155531e-2;
  near = near * z + 1.33314422036e-1;
  near = near * z - 3.33332819422e-1;
  near = near * z * a + a;
  let far = 1.0 - 2.0 / (exp(2.0 * a) + 1.0);
  let tanh_a = select(far, near, a < vec4<f32>(0.625));
  return SOFTCAP * select(tanh_a, -tanh_a, t < vec4<f32>(0.0));
}
