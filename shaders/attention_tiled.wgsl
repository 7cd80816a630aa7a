// Grouped-query attention over a ragged pack, for GPUs, with a running softmax (Milakov and
// Gimelshein 2018; FlashAttention): scores are never written out.
//   output[q, h] = sum over p of softmax_p(capped(query[q, h] . key[row(p), h'] * SCALE)) * value[row(p), h']
// over the key positions p that query q sees (visible_keys.wgsl): those up to its own, or all of its
// conversation, and only those within a window where one is set; h' is the key head that query head h shares with its group; capped is soft_cap.wgsl's,
// which changes nothing where no cap is set.
//
// queries, output  [queries, heads * HEAD_DIM]
// keys, values     [rows, key heads * HEAD_DIM]
// spans            [queries]: (position, first row of the shared prefix, its length, first own row)
// query_blocks     [blocks]: (first query, number of queries, tokens of their conversation, unused); the
//                  queries of a block follow each other in one conversation
//
// A workgroup takes a block of up to 32 queries (x) and a head (z: key head, y: query head within its
// group). Keys come in blocks of 32. Numbers pass through workgroup memory in stripes of 32 dimensions
// of a head, so that any head fits into the 16 KiB that every adapter has. Lane
// (across, down) of 8 x 8 has queries down + 8i; keys across + 8j for the scores, and dimensions
// 4 across to 4 across + 3 of each stripe for the sums. Within a block of keys values are summed in the order
// 0, 8, 16, 24, 1, 9, ...: the order depends on positions alone.

// @include soft_cap.wgsl
// @include visible_keys.wgsl
// @include overflow.wgsl

const HEAD_DIM: u32 = 64u;
const SCALE: f32 = 0.125;
const QUARTERS: u32 = HEAD_DIM / 4u; // vec4s in a head
const STRIPES: u32 = (QUARTERS + 7u) / 8u;
const LANES: u32 = 64u;
const LOADS: u32 = 4u; // vec4s of a stripe that each lane loads
const SHARE: u32 = 5u; // one more than a lane uses: keeps lanes apart in the memory's banks
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> query_blocks: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

// What a lane uses lies together: one index is computed (and checked, by naga) for all of it. With x
// for a key or query modulo 8 and y for its eighth, and d for a vec4 of the stripe:
var<workgroup> query_stripe: array<array<vec4<f32>, SHARE>, 64>; // [d * 8 + x][y]
var<workgroup> key_stripe: array<array<vec4<f32>, SHARE>, 64>; // likewise; of values [x * 8 + d][y]
var<workgroup> shares: array<array<vec4<f32>, SHARE>, 64>; // of a key's x: [key x * 8 + query x][query y]
var<workgroup> lane_highest: array<f32, 256>; // [across * 32 + query]

// Which of a lane's keys the query at `position` sees; the first lies at position p.
fn visible_of_lane(position: u32, p: u32, tokens: u32) -> vec4<bool> {
  return vec4<bool>(
    sees(position, p, tokens), sees(position, p + 8u, tokens),
    sees(position, p + 16u, tokens), sees(position, p + 24u, tokens));
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let key_heads = groups.z;
  let heads = key_heads * groups.y;
  let head = group.z * groups.y + group.y;
  let first_query = query_blocks[group.x].x;
  let count = query_blocks[group.x].y;
  let tokens = query_blocks[group.x].z;
  let span = spans[first_query];
  let first_position = span.x;
  let last_key = last_seen(first_position + count - 1u, tokens);
  let across = lane % 8u;
  let down = lane / 8u;

  var highest: array<f32, 4>;
  var totals: array<f32, 4>;
  var sums: array<vec4<f32>, 4u * STRIPES>;
  // @unroll
  for (var i = 0u; i < 4u; i += 1u) {
    highest[i] = LOWEST;
  }

  for (var key_block = first_key_block(first_position); key_block <= last_key; key_block += 32u) {
    // The rows of keys and values that this lane loads; past the last key that is seen it stands in.
    var key_starts: array<u32, LOADS>;
    // @unroll
    for (var i = 0u; i < LOADS; i += 1u) {
      let p = min(key_block + down + 8u * i, last_key);
      key_starts[i] = (key_row(span, p) * key_heads + group.z) * QUARTERS;
    }

    var scores: array<vec4<f32>, 4>;
    // @unroll
    for (var i = 0u; i < 4u; i += 1u) {
      scores[i] = vec4<f32>(0.0); // naga zeroes a loop's variables before the first turn only
    }
    for (var stripe = 0u; stripe < STRIPES; stripe += 1u) {
      let quarter = stripe * 8u + across;
      // @unroll
      for (var i = 0u; i < LOADS; i += 1u) {
        var query = vec4<f32>(0.0);
        var key = vec4<f32>(0.0);
        if (quarter < QUARTERS) {
          let asking = first_query + min(down + 8u * i, count - 1u);
          query = queries[(asking * heads + head) * QUARTERS + quarter];
          key = keys[key_starts[i] + quarter];
        }
        query_stripe[across * 8u + down][i] = query;
        key_stripe[across * 8u + down][i] = key;
      }
      workgroupBarrier();
      for (var d = 0u; d < 8u; d += 1u) {
        let key0 = key_stripe[d * 8u + across][0];
        let key1 = key_stripe[d * 8u + across][1];
        let key2 = key_stripe[d * 8u + across][2];
        let key3 = key_stripe[d * 8u + across][3];
        // @unroll
        for (var i = 0u; i < 4u; i += 1u) {
          let query = query_stripe[d * 8u + down][i];
          // @unroll
          for (var e = 0u; e < 4u; e += 1u) {
            scores[i] = fma(
              vec4<f32>(query[e]), vec4<f32>(key0[e], key1[e], key2[e], key3[e]), scores[i]);
          }
        }
      }
      workgroupBarrier();
    }
    // @unroll
    for (var i = 0u; i < 4u; i += 1u) {
      let raw = scores[i];
      scores[i] = vec4<f32>(
        nan_where_overflown(raw.x), nan_where_overflown(raw.y),
        nan_where_overflown(raw.z), nan_where_overflown(raw.w));
    }

    // @unroll
    for (var i = 0u; i < 4u; i += 1u) {
      let visible = visible_of_lane(first_position + down + 8u * i, key_block + across, tokens);
      let scaled = select(vec4<f32>(LOWEST), soft_capped(scores[i] * SCALE), visible);
      scores[i] = scaled;
      lane_highest[across * 32u + down + 8u * i] =
        max(max(scaled.x, scaled.y), max(scaled.z, scaled.w));
    }
    workgroupBarrier();
    // @unroll
    for (var i = 0u; i < 4u; i += 1u) {
      let query = down + 8u * i;
      var block_highest = highest[i];
      for (var x = 0u; x < 8u; x += 1u) {
        block_highest = max(block_highest, lane_highest[x * 32u + query]);
      }
      let visible = visible_of_lane(first_position + query, key_block + across, tokens);
      shares[across * 8u + down][i] =
        select(vec4<f32>(0.0), exp(scores[i] - block_highest), visible);
      let fade = exp(highest[i] - block_highest);
      highest[i] = block_highest;
      totals[i] *= fade;
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        sums[s * 4u + i] *= fade;
      }
    }

    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      // @unroll
      for (var i = 0u; i < LOADS; i += 1u) {
        var value = vec4<f32>(0.0);
        if (s * 8u + across < QUARTERS) {
          value = values[key_starts[i] + s * 8u + across];
        }
        key_stripe[down * 8u + across][i] = value;
      }
      workgroupBarrier(); // the shares, too, are there now
      for (var x = 0u; x < 8u; x += 1u) {
        let value0 = key_stripe[x * 8u + across][0];
        let value1 = key_stripe[x * 8u + across][1];
        let value2 = key_stripe[x * 8u + across][2];
        let value3 = key_stripe[x * 8u + across][3];
        // @unroll
        for (var i = 0u; i < 4u; i += 1u) {
          let share = shares[x * 8u + down][i];
          if (s == 0u) {
            totals[i] += (share.x + share.y) + (share.z + share.w);
          }
          var sum = sums[s * 4u + i];
          sum = fma(vec4<f32>(share.x), value0, sum);
          sum = fma(vec4<f32>(share.y), value1, sum);
          sum = fma(vec4<f32>(share.z), value2, sum);
          sum = fma(vec4<f32>(share.w), value3, sum);
          sums[s * 4u + i] = sum;
        }
      }
      workgroupBarrier();
    }
  }

  // @unroll
  for (var i = 0u; i < 4u; i += 1u) {
    let query = down + 8u * i;
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      let quarter = s * 8u + across;
      if (query < count && quarter < QUARTERS) {
        output[((first_query + query) * heads + head) * QUARTERS + quarter] =
          sums[s * 4u + i] / totals[i];
      }
    }
  }
}
