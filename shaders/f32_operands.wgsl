// Included by the products' kernels in the place of `operands`: what is multiplied is f32.

alias Operand = vec4<f32>;

fn narrowed(x: vec4<f32>) -> Operand {
  return x;
}

fn widened(x: Operand) -> vec4<f32> {
  return x;
}
