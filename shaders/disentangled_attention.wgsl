// Attention whose scores have terms of content and place apart (DeBERTa, He et al. 2021, arXiv
// 2006.03654, section 3.1), over a ragged pack, with a running softmax:
//   output[q, h] = sum over p of softmax_p(score(q, p)) * value[row(p), h]
//   score(q, p) = SCALE * (query[q, h] . key[row(p), h]
//                          + query[q, h] . relative_key[place, h]       where RELATIVE_KEYS
//                          + key[row(p), h] . relative_query[place, h]) where RELATIVE_QUERIES
// with place = places[distance of q from p], over all positions p of the query's conversation.
//
// queries, output  [queries, heads * HEAD_DIM]
// keys, values     [rows, heads * HEAD_DIM]
// relative         [PLACES rows of keys, then PLACES rows of queries, whichever there are, heads * HEAD_DIM]
// spans            [queries]: (position, first row of the shared prefix, its length, first own row)
// query_blocks     [blocks]: (first query, number of queries, tokens of their conversation, unused)
// places           [2 * reach + 1]: by distance from -reach to reach, the row of `relative`; f32
//
// A workgroup takes one query (x: block, y: query within it) and a head (z). Keys come in blocks of 64
// that start at multiples of 64 positions: for the scores each lane has one; for the sums 4 parts of
// 16 lanes have every fourth, and of a part each lane 4 dimensions of every 64. Parts are added up at the
// end. So the order of every sum depends on positions alone.

// @include visible_keys.wgsl
// @include overflow.wgsl

const HEAD_DIM: u32 = 64u;
const SCALE: f32 = 0.125;
const PLACES: u32 = 64u;
const RELATIVE_KEYS: bool = true;
const RELATIVE_QUERIES: bool = true;
const QUARTERS: u32 = HEAD_DIM / 4u; // vec4s in a head
const LANES: u32 = 64u;
const ACROSS: u32 = 16u; // lanes of a part
const PARTS: u32 = 4u;
const STRIPES: u32 = (QUARTERS + ACROSS - 1u) / ACROSS; // vec4s of a head for each lane
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> relative: array<vec4<f32>>;
@group(0) @binding(4) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read> query_blocks: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read> places: array<f32>;
@group(0) @binding(7) var<storage, read_write> output: array<vec4<f32>>;

var<workgroup> query: array<vec4<f32>, QUARTERS>;
var<workgroup> scores: array<f32, LANES>;
var<workgroup> shares: array<f32, LANES>;
var<workgroup> part_sums: array<vec4<f32>, LANES>;
var<workgroup> part_totals: array<f32, PARTS>;

// The row of `relative` for a key so far before the query; past the table its ends stand in.
fn place_of(position: u32, p: u32) -> u32 {
  let reach = (i32(arrayLength(&places)) - 1) / 2;
  let distance = clamp(i32(position) - i32(p), -reach, reach);
  return min(u32(places[distance + reach]), PLACES - 1u);
}

// The score of this lane's key, before it is scaled; the starts are those of rows of the head.
fn score_of(key_start: u32, relative_key: u32, relative_query: u32) -> f32 {
  var sum = vec4<f32>(0.0);
  for (var d = 0u; d < QUARTERS; d += 1u) {
    let key = keys[key_start + d];
    var other = key;
    if (RELATIVE_KEYS) {
      other += relative[relative_key + d];
    }
    sum += query[d] * other;
    if (RELATIVE_QUERIES) {
      sum += key * relative[relative_query + d];
    }
  }
  return (sum.x + sum.y) + (sum.z + sum.w);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = query_blocks[group.x];
  if (group.y >= block.y) {
    return;
  }
  let heads = groups.z;
  let asking = block.x + group.y;
  let span = spans[asking];
  let position = span.x;
  let last_key = last_seen(position, block.z);
  let query_start = (asking * heads + group.z) * QUARTERS;
  let part = lane / ACROSS;
  let across = lane % ACROSS;

  for (var d = lane; d < QUARTERS; d += LANES) {
    query[d] = queries[query_start + d];
  }
  workgroupBarrier();

  var highest = LOWEST;
  var total = 0.0;
  var sums: array<vec4<f32>, STRIPES>;
  for (var key_block = 0u; key_block <= last_key; key_block += LANES) {
    let p = key_block + lane;
    let key_start = (key_row(span, min(p, last_key)) * heads + group.z) * QUARTERS;
    let place = place_of(position, p);
    let relative_key = (place * heads + group.z) * QUARTERS;
    let relative_query = relative_key + select(0u, PLACES * heads * QUARTERS, RELATIVE_KEYS);
    let score = nan_where_overflown(score_of(key_start, relative_key, relative_query)) * SCALE;
    let visible = sees(position, p, block.z);
    scores[lane] = select(LOWEST, score, visible);
    workgroupBarrier();
    var block_highest = highest;
    for (var k = 0u; k < LANES; k += 1u) {
      block_highest = max(block_highest, scores[k]);
    }
    shares[lane] = select(0.0, exp(score - block_highest), visible);
    let fade = exp(highest - block_highest);
    highest = block_highest;
    total *= fade;
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      sums[s] *= fade;
    }
    workgroupBarrier();
    for (var k = part; k < LANES; k += PARTS) {
      let share = shares[k];
      let value_start = (key_row(span, min(key_block + k, last_key)) * heads + group.z) * QUARTERS;
      total += share;
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        let quarter = s * ACROSS + across;
        if (quarter < QUARTERS) {
          sums[s] += share * values[value_start + quarter];
        }
      }
    }
    workgroupBarrier();
  }

  if (across == 0u) {
    part_totals[part] = total;
  }
  workgroupBarrier();
  let sum_of_totals = (part_totals[0] + part_totals[1]) + (part_totals[2] + part_totals[3]);
  // @unroll
  for (var s = 0u; s < STRIPES; s += 1u) {
    part_sums[lane] = sums[s];
    workgroupBarrier();
    let quarter = s * ACROSS + across;
    if (part == 0u && quarter < QUARTERS) {
      let sum = (part_sums[across] + part_sums[across + 16u]) +
        (part_sums[across + 32u] + part_sums[across + 48u]);
      output[query_start + quarter] = sum / sum_of_totals;
    }
    workgroupBarrier();
  }
}
