// Causal grouped-query attention over a ragged pack, with a running softmax (Milakov and
// Gimelshein 2018; FlashAttention): scores are never written out.
//   output[q, h] = sum over p of softmax_p(query[q, h] . key[row(p), h'] * SCALE) * value[row(p), h']
// over the key positions p that query q may see: p <= position, and p > position - WINDOW where a
// window is set; h' is the key head that query head h shares with its group.
//
// queries, output  [queries, heads * HEAD_DIM]
// keys, values     [rows, key heads * HEAD_DIM]
// spans            [queries]: (position, first row of the shared prefix, its length, first own row);
//                  row(p) = prefix + p within the prefix, own + p - length after it
//
// One invocation per query (x) and head (z: key head, y: query head within its group). Keys are taken KEYS at a time from the first that is seen, so
// the order of summation depends on the query's position alone, not on the pack.

const HEAD_DIM: u32 = 64u;
const WINDOW: u32 = 0u; // 0: none
const SCALE: f32 = 0.125;
const KEYS: u32 = 2u;
const LANES: u32 = 64u;
const QUARTERS: u32 = HEAD_DIM / 4u; // vec4s in a head
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(LANES)
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let q = id.x;
  let key_heads = groups.z;
  let key_head = id.z;
  let head = key_head * groups.y + id.y;
  if (q >= arrayLength(&spans)) {
    return;
  }
  let position = spans[q].x;
  let prefix_row = spans[q].y;
  let prefix_length = spans[q].z;
  let own_row = spans[q].w;
  let start = (q * key_heads * groups.y + head) * QUARTERS;

  var query: array<vec4<f32>, QUARTERS>;
  var sums: array<vec4<f32>, QUARTERS>;
  // @unroll
  for (var d = 0u; d < QUARTERS; d += 1u) {
    query[d] = queries[start + d] * SCALE;
  }
  var highest = LOWEST;
  var total = 0.0;
  var first = 0u;
  if (WINDOW > 0u && position + 1u > WINDOW) {
    first = position + 1u - WINDOW;
  }

  for (var block = first; block <= position; block += KEYS) {
    var scores: array<f32, KEYS>;
    var rows: array<u32, KEYS>;
    var block_highest = highest;
    // @unroll
    for (var k = 0u; k < KEYS; k += 1u) {
      let p = min(block + k, position);
      let row = select(own_row + p - prefix_length, prefix_row + p, p < prefix_length);
      rows[k] = (row * key_heads + key_head) * QUARTERS;
      var score = 0.0;
      // @unroll
      for (var d = 0u; d < QUARTERS; d += 1u) {
        score += dot(query[d], keys[rows[k] + d]);
      }
      scores[k] = select(LOWEST, score, block + k <= position);
      block_highest = max(block_highest, scores[k]);
    }
    let fade = exp(highest - block_highest);
    highest = block_highest;
    total *= fade;
    // @unroll
    for (var d = 0u; d < QUARTERS; d += 1u) {
      sums[d] *= fade;
    }
    // @unroll
    for (var k = 0u; k < KEYS; k += 1u) {
      let share = select(0.0, exp(scores[k] - highest), block + k <= position);
      total += share;
      // @unroll
      for (var d = 0u; d < QUARTERS; d += 1u) {
        sums[d] += share * values[rows[k] + d];
      }
    }
  }

  // @unroll
  for (var d = 0u; d < QUARTERS; d += 1u) {
    output[start + d] = sums[d] / total;
  }
}
