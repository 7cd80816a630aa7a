// Lays rows of a quantized weight matrix out for matmul_texture.wgsl, bits unchanged: a texel has eight
// values of k (a step) of two rows in int8, of four in int4. Texel t of the quad of rows n to n + 3, with
// n = block * 32 + lane * 4, goes to
//   x = step % steps per segment * 8 + lane
//   y = step / steps per segment * segment height + block * TEXELS + t
// and the scales of groups 2p and 2p + 1 of that quad to
//   x = (block % blocks * pairs + p) * 8 + lane  with blocks = steps per segment / pairs
//   y = first row of scales + block / blocks
// each group's four f16 in two words. Rows past the last one are zero.
//
// input   [rows of this part, row words]  as stored_weights.wgsl tells
// output  as writeTexels() lays weights out (src/ops/weight_texels.ts); the scales below the weights
// shape   (row words, first row of this part, a multiple of 32, steps per segment, segment height),
//         (steps, first word of a row's scales, groups, first row of scales)

const LANES: u32 = 64u;
const TEXELS: u32 = 2u; // of a quad's step: of int8 2, of int4 1

@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var output: texture_storage_2d<rgba32uint, write>;
@group(0) @binding(2) var<uniform> shape: array<vec4<u32>, 2>;

fn word(row: u32, at: u32) -> u32 {
  let index = row * shape[0].x + at;
  if (index < arrayLength(&input)) {
    return input[index];
  }
  return 0u;
}

// The f16 scale of a row's group; 0 past the last one.
fn scale(row: u32, group: u32) -> u32 {
  if (group < shape[1].z) {
    return (word(row, shape[1].y + group / 2u) >> (group % 2u * 16u)) & 0xffffu;
  }
  return 0u;
}

fn scale_pair(row: u32, group: u32) -> u32 {
  return scale(row, group) | (scale(row + 1u, group) << 16u);
}

// Eight values of k of a few rows.
fn weights(row: u32, step: u32) -> vec4<u32> {
  if (TEXELS == 2u) {
    let next = row + 1u;
    let at = 2u * step;
    return vec4<u32>(word(row, at), word(row, at + 1u), word(next, at), word(next, at + 1u));
  }
  return vec4<u32>(word(row, step), word(row + 1u, step), word(row + 2u, step), word(row + 3u, step));
}

// One invocation for each texel of the part's rows, rounded up to blocks of 32, then for their scales'.
@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let at = id.y * groups.x * LANES + id.x;
  let rows = arrayLength(&input) / shape[0].x;
  let blocks = (rows + 31u) / 32u;
  let first = shape[0].y / 32u;
  let steps = shape[1].x;
  let texels = blocks * TEXELS * 8u * steps;
  if (at < texels) {
    let step = at % steps;
    let lane = at / steps % 8u;
    let t = at / steps / 8u % TEXELS;
    let block = at / steps / 8u / TEXELS;
    let x = step % shape[0].z * 8u + lane;
    let y = step / shape[0].z * shape[0].w + (first + block) * TEXELS + t;
    let row = block * 32u + lane * 4u + t * (4u / TEXELS);
    textureStore(output, vec2<u32>(x, y), weights(row, step));
    return;
  }
  let pairs = (shape[1].z + 1u) / 2u;
  let rest = at - texels;
  let block = rest / pairs / 8u;
  if (block >= blocks) {
    return;
  }
  let pair = rest % pairs;
  let lane = rest / pairs % 8u;
  let row = block * 32u + lane * 4u;
  let texel = vec4<u32>(
    scale_pair(row, 2u * pair),
    scale_pair(row + 2u, 2u * pair),
    scale_pair(row, 2u * pair + 1u),
    scale_pair(row + 2u, 2u * pair + 1u));
  let each = shape[0].z / pairs;
  let x = ((first + block) % each * pairs + pair) * 8u + lane;
  textureStore(output, vec2<u32>(x, shape[1].w + (first + block) / each), texel);
}
