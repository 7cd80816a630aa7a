// Included by the kernels of a SwiGLU block (Shazeer 2020): silu(x) = x / (1 + exp(-x))

fn silu(x: vec4<f32>) -> vec4<f32> {
  return x / (1.0 + exp(-x));
}
