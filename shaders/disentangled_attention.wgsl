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
// relative         [a row of keys for each place, then one of queries, whichever there are, heads * HEAD_DIM]
// spans            [queries]: (position, first row of the shared prefix, its length, first own row)
// query_blocks     [blocks]: (first query, number of queries, tokens of their conversation, unused)
// places           [2 * reach + 1]: by distance from -reach to reach, the row of `relative`; f32
//
// A workgroup takes up to 8 queries of a block (x: block, y: which 8) and a head (z). Keys come in blocks
// of 64 that start at multiples of 64 positions. For the scores each lane has a key; for the softmax 8
// lanes have every eighth key of a query; for the sums 4 parts of 16 lanes have every fourth key, and of
// a part each lane 4 dimensions of every 64. Parts are added up at the end. So the order of every sum
// depends on positions alone.

// @include visible_keys.wgsl
// @include overflow.wgsl

const HEAD_DIM: u32 = 64u;
const SCALE: f32 = 0.125;
const RELATIVE_KEYS: bool = true;
const RELATIVE_QUERIES: bool = true;
const QUARTERS: u32 = HEAD_DIM / 4u; // vec4s in a head
const LANES: u32 = 64u;
const QUERIES: u32 = 8u;
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

var<workgroup> query: array<vec4<f32>, QUERIES * QUARTERS>;
var<workgroup> shares: array<f32, QUERIES * LANES>; // scores at first
var<workgroup> rows: array<u32, LANES>; // of the block's keys
var<workgroup> lane_numbers: array<f32, LANES>; // highest scores, then totals
var<workgroup> fades: array<f32, QUERIES>;
var<workgroup> part_sums: array<vec4<f32>, LANES>;

// The place, one of `count`, of a key so far before the query; past the table its ends stand in.
fn place_of(position: u32, p: u32, count: u32) -> u32 {
  let reach = (i32(arrayLength(&places)) - 1) / 2;
  let distance = clamp(i32(position) - i32(p), -reach, reach);
  return min(u32(places[distance + reach]), count - 1u);
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = query_blocks[group.x];
  let skipped = group.y * QUERIES;
  if (skipped >= block.y) {
    return;
  }
  let heads = groups.z;
  let first_query = block.x + skipped;
  let count = min(QUERIES, block.y - skipped);
  let span = spans[first_query];
  let first_position = span.x;
  let last_key = block.z - 1u;
  let row_size = heads * QUARTERS;
  let place_count = arrayLength(&relative) / row_size / select(1u, 2u, RELATIVE_KEYS && RELATIVE_QUERIES);
  let part = lane / ACROSS;
  let across = lane % ACROSS;
  let own = lane / 8u; // the query that this lane has in the softmax

  for (var d = lane; d < QUERIES * QUARTERS; d += LANES) {
    let asking = first_query + min(d / QUARTERS, count - 1u);
    query[d] = queries[(asking * heads + group.z) * QUARTERS + d % QUARTERS];
  }
  workgroupBarrier();

  var highest = LOWEST;
  var total = 0.0;
  var sums: array<vec4<f32>, QUERIES * STRIPES>;
  for (var key_block = 0u; key_block <= last_key; key_block += LANES) {
    let p = key_block + lane;
    let row = key_row(span, min(p, last_key));
    rows[lane] = row;
    let key_start = (row * heads + group.z) * QUARTERS;
    var relative_starts: array<u32, QUERIES>;
    var scores: array<vec4<f32>, QUERIES>;
    // @unroll
    for (var i = 0u; i < QUERIES; i += 1u) {
      relative_starts[i] = place_of(first_position + i, p, place_count) * row_size + group.z * QUARTERS;
      scores[i] = vec4<f32>(0.0); // naga zeroes a loop's variables before the first turn only
    }
    let below = select(0u, place_count * row_size, RELATIVE_KEYS); // queries lie below keys
    for (var d = 0u; d < QUARTERS; d += 1u) {
      let key = keys[key_start + d];
      // @unroll
      for (var i = 0u; i < QUERIES; i += 1u) {
        var other = key;
        if (RELATIVE_KEYS) {
          other += relative[relative_starts[i] + d];
        }
        scores[i] += query[i * QUARTERS + d] * other;
        if (RELATIVE_QUERIES) {
          scores[i] += key * relative[relative_starts[i] + below + d];
        }
      }
    }
    // @unroll
    for (var i = 0u; i < QUERIES; i += 1u) {
      let raw = (scores[i].x + scores[i].y) + (scores[i].z + scores[i].w);
      let score = nan_where_overflown(raw) * SCALE;
      shares[i * LANES + lane] = select(LOWEST, score, p <= last_key);
    }
    workgroupBarrier();

    var lane_highest = LOWEST;
    for (var k = lane % 8u; k < LANES; k += 8u) {
      lane_highest = max(lane_highest, shares[own * LANES + k]);
    }
    lane_numbers[lane] = lane_highest;
    workgroupBarrier();
    var block_highest = highest;
    for (var k = 0u; k < 8u; k += 1u) {
      block_highest = max(block_highest, lane_numbers[own * 8u + k]);
    }
    let fade = exp(highest - block_highest);
    highest = block_highest;
    total *= fade;
    if (lane % 8u == 0u) {
      fades[own] = fade;
    }
    for (var k = lane % 8u; k < LANES; k += 8u) {
      let score = shares[own * LANES + k];
      let share = select(0.0, exp(score - block_highest), key_block + k <= last_key);
      shares[own * LANES + k] = share;
      total += share;
    }
    workgroupBarrier();

    // @unroll
    for (var i = 0u; i < QUERIES * STRIPES; i += 1u) {
      sums[i] *= fades[i / STRIPES];
    }
    for (var k = part; k < LANES; k += PARTS) {
      let value_start = (rows[k] * heads + group.z) * QUARTERS + across;
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        if (s * ACROSS + across < QUARTERS) {
          let value = values[value_start + s * ACROSS];
          // @unroll
          for (var i = 0u; i < QUERIES; i += 1u) {
            sums[i * STRIPES + s] += shares[i * LANES + k] * value;
          }
        }
      }
    }
    workgroupBarrier();
  }

  lane_numbers[lane] = total;
  // @unroll
  for (var i = 0u; i < QUERIES; i += 1u) {
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      part_sums[lane] = sums[i * STRIPES + s];
      workgroupBarrier();
      let quarter = s * ACROSS + across;
      if (part == 0u && quarter < QUARTERS && i < count) {
        var sum_of_totals = 0.0;
        for (var k = 0u; k < 8u; k += 1u) {
          sum_of_totals += lane_numbers[i * 8u + k];
        }
        let sum = (part_sums[across] + part_sums[across + 16u]) +
          (part_sums[across + 32u] + part_sums[across + 48u]);
        output[((first_query + i) * heads + group.z) * QUARTERS + quarter] = sum / sum_of_totals;
      }
      workgroupBarrier();
    }
  }
}
