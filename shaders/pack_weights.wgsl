// Lays a weight matrix out for matmul_texture.wgsl, 16 bytes to a texel, bits unchanged:
//   output(step * 8 + lane, block * 4 + j) = texel `step` of row block * 32 + lane * 4 + j
// Rows past the last one are zero.
//
// input   [rows, texels per row]  as stored, 16 bytes each
// output  texels per row * 8 wide, ceil(rows / 32) * 4 high

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(1) var output: texture_storage_2d<rgba32uint, write>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  let size = textureDimensions(output);
  if (at >= size.x * size.y) {
    return;
  }
  let x = at % size.x;
  let y = at / size.x;
  let texels = size.x / 8u;
  let row = (y / 4u) * 32u + (x % 8u) * 4u + y % 4u;
  let rows = arrayLength(&input) / texels;
  var texel = vec4<u32>(0u);
  if (row < rows) {
    texel = input[row * texels + x / 8u];
  }
  textureStore(output, vec2<u32>(x, y), texel);
}
