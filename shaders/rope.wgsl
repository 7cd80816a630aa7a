// Rotary position embedding, halves apart: in the first 2 * half numbers of each head
//   output[i]        = input[i] * cos[i] - input[i + half] * sin[i]
//   output[i + half] = input[i + half] * cos[i] + input[i] * sin[i]
// and the last PASSED_DIM numbers go through as they are (partial rotary embedding).
//
// input, output  [rows, heads * HEAD_DIM]       HEAD_DIM and PASSED_DIM multiples of 8
// angles         [rows, HEAD_DIM - PASSED_DIM]  the cosines of a row's position, then its sines
// One invocation turns four pairs, or passes eight numbers.

const HEAD_DIM: u32 = 64u;
const PASSED_DIM: u32 = 0u;
const LANES: u32 = 64u;
const QUARTERS: u32 = HEAD_DIM / 8u; // vec4s in half a head
const TURNED: u32 = (HEAD_DIM - PASSED_DIM) / 8u; // vec4s in half of what is turned

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
  let rows = arrayLength(&angles) / (2u * TURNED);
  let quarter = at % QUARTERS;
  let head = at / QUARTERS;
  if (PASSED_DIM > 0u && quarter >= TURNED) {
    output[2u * at] = input[2u * at];
    output[2u * at + 1u] = input[2u * at + 1u];
    return;
  }
  let row = head / (pairs / QUARTERS / rows);
  let cosine = angles[row * 2u * TURNED + quarter];
  let sine = angles[row * 2u * TURNED + TURNED + quarter];
  let low = head * 2u * QUARTERS + quarter;
  let x = input[low];
  let y = input[low + TURNED];
  output[low] = x * cosine - y * sine;
  output[low + TURNED] = y * cosine + x * sine;
}
