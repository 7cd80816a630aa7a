// Copies a matrix out of a texture, four columns from a texel; the way back of rows_to_texture.wgsl.
//
// input   columns / 4 texels wide and a spare one, at least rows high
// output  [rows, columns]   columns a multiple of 4

const LANES: u32 = 64u;

@group(0) @binding(0) var input: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&output)) {
    let columns = textureDimensions(input).x - 1u; // one texel is spare
    output[at] = textureLoad(input, vec2<u32>(at % columns, at / columns));
  }
}
