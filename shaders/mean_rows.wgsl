// Means of groups of rows:
//   output[i] = sum over j from starts[i] to starts[i + 1] of input[rows[j]] / their number
//
// input   [any, columns]       columns a multiple of 4
// rows    rows of the groups, one group after another
// starts  [groups + 1]         no group is empty
// output  [groups, columns]
// One lane per four columns adds a group's rows in their order, whatever the other groups are.

const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at < arrayLength(&output)) {
    let columns = arrayLength(&output) / (arrayLength(&starts) - 1u);
    let group = at / columns;
    let end = starts[group + 1u];
    var sum = vec4<f32>(0.0);
    for (var j = starts[group]; j < end; j += 1u) {
      sum += input[rows[j] * columns + at % columns];
    }
    output[at] = sum / f32(end - starts[group]);
  }
}
