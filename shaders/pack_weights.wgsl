// Lays rows of a weight matrix out for matmul_texture.wgsl, 16 bytes to a texel, bits unchanged. Texel
// `step` of row n goes to
//   x = step % steps per segment * 8 + lane     with n = block * 32 + lane * 4 + j
//   y = step / steps per segment * segment height + block * 4 + j
// A row too long for the texture's width is cut into segments, one below the other. Rows past the last
// one are zero.
//
// input   [rows of this part, texels per row]  as stored, 16 bytes each
// output  steps per segment * 8 texels wide, segments * segment height high, a spare one on each side
// shape   (texels per row, first row of this part, a multiple of 32, steps per segment, segment height)

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<u32>>;
@group(0) @binding(1) var output: texture_storage_2d<rgba32uint, write>;
@group(0) @binding(2) var<uniform> shape: vec4<u32>;

// One invocation per texel of the part's rows, rounded up to blocks of 32.
@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let texels = shape.x;
  let at = id.y * groups.x * LANES + id.x;
  let row = at / texels;
  let step = at % texels;
  let rows = arrayLength(&input) / texels;
  if (row >= (rows + 31u) / 32u * 32u) {
    return;
  }
  var texel = vec4<u32>(0u);
  if (row < rows) {
    texel = input[at];
  }
  let n = shape.y + row;
  let lane = n % 32u / 4u;
  let x = step % shape.z * 8u + lane;
  let y = step / shape.z * shape.w + n / 32u * 4u + n % 4u;
  textureStore(output, vec2<u32>(x, y), texel);
}
