// Grouped-query attention for adapters with subgroups of 8 or 16 lanes and fast texture reads;
// the formula, the spans and the running softmax are those of attention_tiled.wgsl.
//
// queries  heads * HEAD_DIM / 4 texels wide, a row each
// keys     key heads * HEAD_DIM / 4 texels wide, likewise; values too
// spans    [queries]: (position, first row of the shared prefix, its length, first own row)
// query_blocks  [blocks]: (first query, number of queries, tokens of their conversation, unused); the
//          queries of a block follow each other in one conversation
// output   as queries
//
// One subgroup takes a block of up to QUERIES queries and a head. Keys come in blocks of 32. For the
// scores the lanes share a block's keys; for the sums each lane has 4 dimensions of every 4 * SUBGROUP. The
// order of every sum is the same for both numbers of lanes.

// @include soft_cap.wgsl
// @include visible_keys.wgsl
// @include overflow.wgsl

const HEAD_DIM: u32 = 64u;
const SCALE: f32 = 0.125;
const QUERIES: u32 = 8u;
const SUBGROUP: u32 = 8u; // lanes of a subgroup: 8 or 16
const KEYS: u32 = 32u / SUBGROUP; // of a block, for each lane
const QUARTERS: u32 = HEAD_DIM / 4u; // texels in a head
const STRIPES: u32 = (QUARTERS + SUBGROUP - 1u) / SUBGROUP; // texels of a head for each lane
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var queries: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var keys: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var values: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> query_blocks: array<vec4<u32>>;
@group(0) @binding(5) var output: texture_storage_2d<rgba32float, write>;

fn highest_of_lanes(x: f32) -> f32 {
  var y = x;
  if (SUBGROUP == 16u) {
    y = max(y, subgroupShuffleXor(y, 8u));
  }
  y = max(y, subgroupShuffleXor(y, 1u));
  y = max(y, subgroupShuffleXor(y, 2u));
  return max(y, subgroupShuffleXor(y, 4u));
}

// Two keys that are 8 apart: 8 lanes have both, of 16 lanes another one has the second.
fn sum_of_pair(first: f32, second: f32) -> f32 {
  if (SUBGROUP == 16u) {
    return first + subgroupShuffleXor(first, 8u);
  }
  return first + second;
}

fn sum_of_lanes(x: f32) -> f32 {
  var y = x;
  y += subgroupShuffleXor(y, 1u);
  y += subgroupShuffleXor(y, 2u);
  return y + subgroupShuffleXor(y, 4u);
}

@compute @workgroup_size(SUBGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first_query = query_blocks[group.x].x;
  let count = query_blocks[group.x].y;
  let tokens = query_blocks[group.x].z;
  let span = spans[first_query];
  let first_position = span.x;
  let last_key = last_seen(first_position + count - 1u, tokens);
  let key_column = group.z * QUARTERS;
  let head = group.z * groups.y + group.y;
  let query_column = head * QUARTERS;

  var highest: array<f32, QUERIES>;
  var totals: array<f32, QUERIES * KEYS>; // of each lane's keys; added up at the end
  var sums: array<vec4<f32>, QUERIES * STRIPES>;
  // @unroll
  for (var i = 0u; i < QUERIES; i += 1u) {
    highest[i] = LOWEST;
  }

  for (var key_block = first_key_block(first_position); key_block <= last_key; key_block += 32u) {
    // Rows of this lane's keys; past the last key that is seen it stands in.
    var rows: array<u32, KEYS>;
    // @unroll
    for (var j = 0u; j < KEYS; j += 1u) {
      let present = min(key_block + j * SUBGROUP + lane, last_key);
      rows[j] = key_row(span, present);
    }
    var scores: array<f32, QUERIES * KEYS>;
    // @unroll
    for (var i = 0u; i < QUERIES * KEYS; i += 1u) {
      scores[i] = 0.0; // naga zeroes a loop's variables before the first turn only
    }
    for (var d = 0u; d < QUARTERS; d += 1u) {
      var key: array<vec4<f32>, KEYS>;
      // @unroll
      for (var j = 0u; j < KEYS; j += 1u) {
        key[j] = textureLoad(keys, vec2<u32>(key_column + d, rows[j]));
      }
      let held = textureLoad(queries, vec2<u32>(query_column + d, first_query + lane));
      // @unroll
      for (var i = 0u; i < QUERIES; i += 1u) {
        // @unroll
        for (var e = 0u; e < 4u; e += 1u) {
          let x = subgroupShuffle(held[e], i);
          // @unroll
          for (var j = 0u; j < KEYS; j += 1u) {
            scores[i * KEYS + j] += x * key[j][e];
          }
        }
      }
    }
    // @unroll
    for (var i = 0u; i < QUERIES * KEYS; i += 1u) {
      scores[i] = nan_where_overflown(scores[i]);
    }

    // @unroll
    for (var i = 0u; i < QUERIES; i += 1u) {
      let position = first_position + i;
      var block_highest = highest[i];
      // @unroll
      for (var j = 0u; j < KEYS; j += 1u) {
        let visible = sees(position, key_block + j * SUBGROUP + lane, tokens);
        let score = soft_capped(vec4<f32>(scores[i * KEYS + j] * SCALE)).x;
        scores[i * KEYS + j] = select(LOWEST, score, visible);
        block_highest = max(block_highest, scores[i * KEYS + j]);
      }
      block_highest = highest_of_lanes(block_highest);
      let fade = exp(highest[i] - block_highest);
      highest[i] = block_highest;
      // @unroll
      for (var j = 0u; j < KEYS; j += 1u) {
        let visible = sees(position, key_block + j * SUBGROUP + lane, tokens);
        scores[i * KEYS + j] = select(0.0, exp(scores[i * KEYS + j] - block_highest), visible);
        totals[i * KEYS + j] = totals[i * KEYS + j] * fade + scores[i * KEYS + j];
      }
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        sums[i * STRIPES + s] *= fade;
      }
    }

    // Not unrolled: a part of the code compiles in a part of the time.
    for (var j = 0u; j < KEYS; j += 1u) {
      var part_rows = rows[0];
      var part: array<f32, QUERIES>;
      // @unroll
      for (var i = 0u; i < QUERIES; i += 1u) {
        part[i] = scores[i * KEYS];
      }
      // @unroll
      for (var c = 1u; c < KEYS; c += 1u) {
        part_rows = select(part_rows, rows[c], j == c);
        // @unroll
        for (var i = 0u; i < QUERIES; i += 1u) {
          part[i] = select(part[i], scores[i * KEYS + c], j == c);
        }
      }
      // @unroll
      for (var k = 0u; k < SUBGROUP; k += 1u) {
        let row = subgroupShuffle(part_rows, k);
        var value: array<vec4<f32>, STRIPES>;
        // @unroll
        for (var s = 0u; s < STRIPES; s += 1u) {
          value[s] = textureLoad(values, vec2<u32>(key_column + s * SUBGROUP + lane, row));
        }
        // @unroll
        for (var i = 0u; i < QUERIES; i += 1u) {
          let share = subgroupShuffle(part[i], k);
          // @unroll
          for (var s = 0u; s < STRIPES; s += 1u) {
            sums[i * STRIPES + s] += share * value[s];
          }
        }
      }
    }
  }

  // @unroll
  for (var i = 0u; i < QUERIES; i += 1u) {
    let total = sum_of_lanes(
      sum_of_pair(totals[i * KEYS], totals[i * KEYS + 1u]) +
      sum_of_pair(totals[i * KEYS + KEYS / 2u], totals[i * KEYS + KEYS - 1u]));
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      let column = s * SUBGROUP + lane;
      if (i < count && column < QUARTERS) {
        let texel = vec2<u32>(query_column + column, first_query + i);
        textureStore(output, texel, sums[i * STRIPES + s] / total);
      }
    }
  }
}
