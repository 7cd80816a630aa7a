// A short convolution of each column by itself, over the last rows of the same conversation, then SiLU:
//   output[row, c] = silu(sum over j of weights[c, j] * input[row - (TAPS - 1) + j, c])
//
// input, output  [rows, columns]
// weights        [columns, TAPS]
// spans          [rows, 4]        the first of each is the row's position in its conversation
// Rows before a conversation's first count as zeros. A conversation's rows lie one after another.

// @include activation.wgsl

const LANES: u32 = 64u;
const TAPS: u32 = 4u;

@group(0) @binding(0) var<storage, read> input: array<f32>;
@group(0) @binding(1) var<storage, read> weights: array<f32>;
@group(0) @binding(2) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&output)) {
    let columns = arrayLength(&weights) / TAPS;
    let column = at % columns;
    let position = spans[at / columns].x;
    var sum = 0.0;
    for (var j = 0u; j < TAPS; j += 1u) {
      let back = TAPS - 1u - j;
      if (back <= position) {
        sum += weights[column * TAPS + j] * input[at - back * columns];
      }
    }
    output[at] = activated(vec4<f32>(sum)).x;
  }
}
