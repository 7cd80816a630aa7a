// An activation, as activate.wgsl, into a texture that products read.
//
// input   [rows, columns]  columns a multiple of 4
// output  columns / 4 texels wide and a spare one, at least rows high

// @include activation.wgsl
// @include overflow.wgsl

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var output: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&input)) {
    let columns = textureDimensions(output).x - 1u; // one texel is spare
    let x = input[at];
    let guarded = vec4<f32>(
      nan_where_overflown(x.x), nan_where_overflown(x.y),
      nan_where_overflown(x.z), nan_where_overflown(x.w));
    textureStore(output, vec2<u32>(at % columns, at / columns), activated(guarded));
  }
}
