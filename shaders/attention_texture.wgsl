// Causal grouped-query attention for adapters with subgroups of 8 lanes and fast texture reads; the
// formula, the spans and the running softmax are those of attention_tiled.wgsl.
//
// queries  heads * HEAD_DIM / 4 texels wide, a row each
// keys     key heads * HEAD_DIM / 4 texels wide, likewise; values too
// spans    [queries]: (position, first row of the shared prefix, its length, first own row)
// tiles    [tiles]: (first query, number of queries, unused, unused); the queries of a tile follow
//          each other in one conversation
// output   as queries
//
// One subgroup takes a tile of up to QUERIES queries and a head. Keys come in blocks of 32 that start
// at multiples of 32 positions, so the order of summation depends on positions alone. For the scores
// each lane has 4 keys; for the sums each lane has 4 dimensions of every 32.

const HEAD_DIM: u32 = 64u;
const WINDOW: u32 = 0u; // 0: none
const SCALE: f32 = 0.125;
const QUERIES: u32 = 8u;
const QUARTERS: u32 = HEAD_DIM / 4u; // texels in a head
const STRIPES: u32 = (HEAD_DIM + 31u) / 32u; // texels of a head for each lane
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var queries: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var keys: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var values: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> tiles: array<vec4<u32>>;
@group(0) @binding(5) var output: texture_storage_2d<rgba32float, write>;

fn highest_of_lanes(x: vec4<f32>) -> f32 {
  var y = max(max(x.x, x.y), max(x.z, x.w));
  y = max(y, subgroupShuffleXor(y, 1u));
  y = max(y, subgroupShuffleXor(y, 2u));
  return max(y, subgroupShuffleXor(y, 4u));
}

fn sum_of_lanes(x: vec4<f32>) -> f32 {
  var y = (x.x + x.y) + (x.z + x.w);
  y += subgroupShuffleXor(y, 1u);
  y += subgroupShuffleXor(y, 2u);
  return y + subgroupShuffleXor(y, 4u);
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first_query = tiles[group.x].x;
  let count = tiles[group.x].y;
  let span = spans[first_query];
  let first_position = span.x;
  let last_position = first_position + count - 1u;
  let key_column = group.z * QUARTERS;
  let head = group.z * groups.y + group.y;
  let query_column = head * QUARTERS;
  var start = 0u;
  if (WINDOW > 0u && first_position + 1u > WINDOW) {
    start = (first_position + 1u - WINDOW) / 32u * 32u;
  }

  var highest: array<f32, QUERIES>;
  var totals: array<vec4<f32>, QUERIES>; // four keys of each lane; added up at the end
  var sums: array<vec4<f32>, QUERIES * STRIPES>;
  // @unroll
  for (var i = 0u; i < QUERIES; i += 1u) {
    highest[i] = LOWEST;
  }

  for (var block = start; block <= last_position; block += 32u) {
    // Rows of this lane's four keys; past the tile's last position the last one stands in.
    let positions = vec4<u32>(block + lane) + vec4<u32>(0u, 8u, 16u, 24u);
    let present = min(positions, vec4<u32>(last_position));
    let rows = select(
      vec4<u32>(span.w - span.z) + present, vec4<u32>(span.y) + present, present < vec4<u32>(span.z));
    var scores: array<vec4<f32>, QUERIES>;
    // @unroll
    for (var i = 0u; i < QUERIES; i += 1u) {
      scores[i] = vec4<f32>(0.0); // naga zeroes a loop's variables before the first turn only
    }
    for (var d = 0u; d < QUARTERS; d += 1u) {
      let key0 = textureLoad(keys, vec2<u32>(key_column + d, rows[0]));
      let key1 = textureLoad(keys, vec2<u32>(key_column + d, rows[1]));
      let key2 = textureLoad(keys, vec2<u32>(key_column + d, rows[2]));
      let key3 = textureLoad(keys, vec2<u32>(key_column + d, rows[3]));
      let held = textureLoad(queries, vec2<u32>(query_column + d, first_query + lane));
      // @unroll
      for (var i = 0u; i < QUERIES; i += 1u) {
        // @unroll
        for (var e = 0u; e < 4u; e += 1u) {
          let x = subgroupShuffle(held[e], i);
          scores[i] += x * vec4<f32>(key0[e], key1[e], key2[e], key3[e]);
        }
      }
    }

    // @unroll
    for (var i = 0u; i < QUERIES; i += 1u) {
      let position = first_position + i;
      var visible = positions <= vec4<u32>(position);
      if (WINDOW > 0u) {
        visible = visible & (positions + vec4<u32>(WINDOW) > vec4<u32>(position));
      }
      let scaled = select(vec4<f32>(LOWEST), scores[i] * SCALE, visible);
      let block_highest = max(highest[i], highest_of_lanes(scaled));
      let fade = exp(highest[i] - block_highest);
      highest[i] = block_highest;
      scores[i] = select(vec4<f32>(0.0), exp(scaled - block_highest), visible);
      totals[i] = totals[i] * fade + scores[i];
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        sums[i * STRIPES + s] *= fade;
      }
    }

    // Not unrolled: a quarter of the code compiles in a quarter of the time.
    for (var j = 0u; j < 4u; j += 1u) {
      let quarter_rows = rows[j];
      var quarter: array<f32, QUERIES>;
      // @unroll
      for (var i = 0u; i < QUERIES; i += 1u) {
        quarter[i] = scores[i][j];
      }
      // @unroll
      for (var k = 0u; k < 8u; k += 1u) {
        let row = subgroupShuffle(quarter_rows, k);
        var value: array<vec4<f32>, STRIPES>;
        // @unroll
        for (var s = 0u; s < STRIPES; s += 1u) {
          value[s] = textureLoad(values, vec2<u32>(key_column + s * 8u + lane, row));
        }
        // @unroll
        for (var i = 0u; i < QUERIES; i += 1u) {
          let share = subgroupShuffle(quarter[i], k);
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
    let total = sum_of_lanes(totals[i]);
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      let column = s * 8u + lane;
      if (i < count && column < QUARTERS) {
        let texel = vec2<u32>(query_column + column, first_query + i);
        textureStore(output, texel, sums[i * STRIPES + s] / total);
      }
    }
  }
}
