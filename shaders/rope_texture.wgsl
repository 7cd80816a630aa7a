// Rotary position embedding, as rope.wgsl, into a texture that attention reads.
//
// input   [rows, heads * HEAD_DIM]       HEAD_DIM and PASSED_DIM multiples of 8
// angles  [rows, HEAD_DIM - PASSED_DIM]  the cosines of a row's position, then its sines
// output  heads * HEAD_DIM / 4 texels wide and a spare one, at least rows high
// One invocation turns four pairs, or passes eight numbers.

const HEAD_DIM: u32 = 64u;
const PASSED_DIM: u32 = 0u;
const LANES: u32 = 64u;
const QUARTERS: u32 = HEAD_DIM / 8u; // vec4s in half a head
const TURNED: u32 = (HEAD_DIM - PASSED_DIM) / 8u; // vec4s in half of what is turned

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> angles: array<vec4<f32>>;
@group(0) @binding(2) var output: texture_storage_2d<rgba32float, write>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  if (at >= arrayLength(&input) / 2u) {
    return;
  }
  let columns = textureDimensions(output).x - 1u; // one texel is spare
  let quarter = at % QUARTERS;
  let head = at / QUARTERS;
  let row = 2u * at / columns; // a head lies in one row
  if (PASSED_DIM > 0u && quarter >= TURNED) {
    let passed = 2u * at % columns;
    textureStore(output, vec2<u32>(passed, row), input[2u * at]);
    textureStore(output, vec2<u32>(passed + 1u, row), input[2u * at + 1u]);
    return;
  }
  let low = head * 2u * QUARTERS + quarter;
  let column = low % columns;
  let cosine = angles[row * 2u * TURNED + quarter];
  let sine = angles[row * 2u * TURNED + TURNED + quarter];
  let x = input[low];
  let y = input[low + TURNED];
  textureStore(output, vec2<u32>(column, row), x * cosine - y * sine);
  textureStore(output, vec2<u32>(column + TURNED, row), y * cosine + x * sine);
}
