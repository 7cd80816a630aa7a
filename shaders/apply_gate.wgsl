// A gate, in place: gate[i] <- activated(gate[i]) * input[i], as activation.wgsl has it; NaN where the
// gate is infinite, of which a sigmoid would make a plausible number.
//
// gate, input  [rows, columns], a multiple of 4 values

// @include activation.wgsl
// @include overflow.wgsl

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> gate: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> input: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&gate)) {
    let value = gate[at];
    let finite = vec4<f32>(
      nan_where_overflown(value.x),
      nan_where_overflown(value.y),
      nan_where_overflown(value.z),
      nan_where_overflown(value.w));
    gate[at] = activated(finite) * input[at];
  }
}
