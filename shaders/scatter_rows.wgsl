// Adds weighted rows where they belong:
//   output[rows[i]] += weights[i] * input[i]
//
// input    [count, columns]   columns a multiple of 4
// rows     [count]            none of them twice
// weights  [count]
// output   [any, columns]
// One lane per four columns adds one product to each of its numbers, whatever the other rows are.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> weights: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&input)) {
    let columns = arrayLength(&input) / arrayLength(&rows);
    let row = at / columns;
    output[rows[row] * columns + at % columns] += weights[row] * input[at];
  }
}
