// A gated unit (Shazeer 2020), in place: gate[i] <- activated(gate[i]) * up[i], SwiGLU with silu
//
// gate, up  [rows, columns], a multiple of 4 values

// @include activation.wgsl

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> gate: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> up: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&gate)) {
    gate[at] = activated(gate[at]) * up[at];
  }
}
