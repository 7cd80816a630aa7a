// Layer norm of each row, in f32:
//   output[m, c] = (input[m, c] - mean) / sqrt(variance + EPSILON) * weight[c] + bias[c]
//   mean, variance over c of input[m, c], the variance of the differences, divisor columns
//
// input, output  [rows, columns]   columns a multiple of 4
// weight, bias   [columns]          no bias where BIASED is false: the weight is bound in its place
// PADDING: columns, the last ones, that are zeros and don't count in mean and variance
// One workgroup per row. Each lane sums its share, then all lanes add the shares in the same
// order, so that a row's result never depends on the rows beside it.

// @include overflow.wgsl

const EPSILON: f32 = 1e-5;
const BIASED: bool = true;
const PADDING: u32 = 0u;
const LANES: u32 = 32u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> bias: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

var<workgroup> sums: array<f32, LANES>;
var<workgroup> squares: array<f32, LANES>;

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
  let count = f32(columns * 4u - PADDING);

  var share = vec4<f32>(0.0);
  for (var c = lane; c < columns; c += LANES) {
    share += input[start + c];
  }
  sums[lane] = (share.x + share.y) + (share.z + share.w);
  workgroupBarrier();
  var sum = 0.0;
  for (var i = 0u; i < LANES; i += 1u) {
    sum += sums[i];
  }
  let mean = sum / count;

  var square = vec4<f32>(0.0);
  for (var c = lane; c < columns; c += LANES) {
    var x = input[start + c] - mean;
    if (PADDING > 0u) {
      let column = 4u * c + vec4<u32>(0u, 1u, 2u, 3u);
      x = select(vec4<f32>(0.0), x, column < vec4<u32>(columns * 4u - PADDING));
    }
    square += x * x;
  }
  squares[lane] = (square.x + square.y) + (square.z + square.w);
  workgroupBarrier();
  var sumOfSquares = 0.0;
  for (var i = 0u; i < LANES; i += 1u) {
    sumOfSquares += squares[i];
  }
  let scale = inverseSqrt(nan_where_overflown(sumOfSquares) / count + EPSILON);
  for (var c = lane; c < columns; c += LANES) {
    var normed = (input[start + c] - mean) * scale * weight[c];
    if (BIASED) {
      normed += bias[c];
    }
    output[start + c] = normed;
  }
}
