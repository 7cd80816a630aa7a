// An activation: output[i] = activated(input[i]), as activation.wgsl has it; NaN where the input is
// infinite, of which some activations would make a plausible number.
//
// input, output  [rows, columns]

// @include activation.wgsl
// @include overflow.wgsl

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&input)) {
    output[at] = activated(vec4<f32>(nan_where_overflown(input[at]))).x;
  }
}
