// Included by the products' kernels in the place of `operands`: what is multiplied is rounded to f16. The
// product of two f16 numbers is exact in f32, and sums stay f32. What overflows f16 becomes NaN, which
// nothing takes back: it is told by its bits, since compilers may assume that no number is infinite.

alias Operand = vec4<f16>;

fn narrowed(x: vec4<f32>) -> Operand {
  let bits = bitcast<vec4<u32>>(x);
  // From 65520 on f16 has only infinity.
  let overflown = (bits & vec4<u32>(0x7fffffffu)) >= vec4<u32>(0x477ff000u);
  let nan = bitcast<vec4<f32>>(bits | vec4<u32>(0x7fc00000u));
  return vec4<f16>(select(x, nan, overflown));
}

fn widened(x: Operand) -> vec4<f32> {
  return vec4<f32>(x);
}
