// Root mean square norm of each row, in f32:
//   output[m, c] = input[m, c] / sqrt(mean over c of input[m, c]^2 + EPSILON) * weight[c]  (+ output[m, c])
//
// input, output  [rows, columns]   columns a multiple of 4
// weight         [columns]
// PADDING: columns that are zeros and don't count in the mean
// One workgroup per row. Each lane sums its share, then all lanes add the shares in the same
// order, so that a row's result never depends on the rows beside it.

// @include overflow.wgsl

const EPSILON: f32 = 1e-5;
const PADDING: u32 = 0u;
const ACCUMULATE: bool = false;
const LANES: u32 = 32u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

var<workgroup> shares: array<f32, LANES>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let columns = arrayLength(&weight);
  let row = group.y * groups.x + group.x;
  if (row >= arrayLength(&output) / columns) {
    return;
  }
  let start = row * columns;

  var squares = vec4<f32>(0.0);
  for (var c = lane; c < columns; c += LANES) {
    let x = input[start + c];
    squares += x * x;
  }
  shares[lane] = (squares.x + squares.y) + (squares.z + squares.w);
  workgroupBarrier();

  var sum = 0.0;
  for (var i = 0u; i < LANES; i += 1u) {
    sum += shares[i];
  }
  let scale = inverseSqrt(nan_where_overflown(sum) / f32(columns * 4u - PADDING) + EPSILON);
  for (var c = lane; c < columns; c += LANES) {
    var value = input[start + c] * scale * weight[c];
    if (ACCUMULATE) {
      value += output[start + c];
    }
    output[start + c] = value;
  }
}
