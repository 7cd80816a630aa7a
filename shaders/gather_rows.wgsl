// Copies rows: output[i] = input[rows[i]]
//
// input   [any, columns]   columns a multiple of 4
// rows    [count]
// output  [count, columns]

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&output)) {
    let columns = arrayLength(&output) / arrayLength(&rows);
    output[at] = input[rows[at / columns] * columns + at % columns];
  }
}
