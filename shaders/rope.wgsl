// Rotary position embedding, halves apart (input[i] turns with input[i + HEAD_DIM / 2]):
//   output[i]        = input[i] * cos[i] - input[i + half] * sin[i]
//   output[i + half] = input[i + half] * cos[i] + input[i] * sin[i]
//
// input, output  [rows, heads * HEAD_DIM]  HEAD_DIM a multiple of 8
// angles         [rows, HEAD_DIM]          the cosines of a row's position, then its sines
// One invocation turns four pairs.

const HEAD_DIM: u32 = 64u;
const LANES: u32 = 64u;
const QUARTERS: u32 = HEAD_DIM / 8u; // vec4s in half a head

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> angles: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  let pairs = arrayLength(&input) / 2u;
  if (at >= pairs) {
    return;
  }
  let rows = arrayLength(&angles) / (2u * QUARTERS);
  let quarter = at % QUARTERS;
  let head = at / QUARTERS;
  let row = head / (pairs / QUARTERS / rows);
  let cosine = angles[row * 2u * QUARTERS + quarter];
  let sine = angles[row * 2u * QUARTERS + QUARTERS + quarter];
  let low = head * 2u * QUARTERS + quarter;
  let x = input[low];
  let y = input[low + QUARTERS];
  output[low] = x * cosine - y * sine;
  output[low + QUARTERS] = y * cosine + x * sine;
}
