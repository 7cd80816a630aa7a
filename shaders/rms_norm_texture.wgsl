// Root mean square norm of each row, as rms_norm.wgsl, into a texture that products read:
//   output[m, c] = input[m, c] / sqrt(mean over c of input[m, c]^2 + EPSILON) * weight[c]
//
// input   [rows, columns]   columns a multiple of 4
// weight  [columns]
// PADDING: columns that are zeros and don't count in the mean
// output  columns / 4 texels wide, at least rows high
// One subgroup of 8 lanes per row, no barriers; the lanes' shares are added in one order.

// @include overflow.wgsl

const EPSILON: f32 = 1e-5;
const PADDING: u32 = 0u;
const LANES: u32 = 32u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var output: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let columns = arrayLength(&weight);
  let rows = arrayLength(&input) / columns;
  let lane = index % 8u;
  let row = (group.y * groups.x + group.x) * (LANES / 8u) + index / 8u;
  let start = min(row, rows - 1u) * columns;

  var squares = vec4<f32>(0.0);
  for (var c = lane; c < columns; c += 8u) {
    let x = input[start + c];
    squares += x * x;
  }
  var sum = (squares.x + squares.y) + (squares.z + squares.w);
  sum += subgroupShuffleXor(sum, 1u);
  sum += subgroupShuffleXor(sum, 2u);
  sum += subgroupShuffleXor(sum, 4u);
  let scale = inverseSqrt(nan_where_overflown(sum) / f32(columns * 4u - PADDING) + EPSILON);
  if (row < rows) {
    for (var c = lane; c < columns; c += 8u) {
      textureStore(output, vec2<u32>(c, row), input[start + c] * scale * weight[c]);
    }
  }
}
