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
// A workgroup takes 4 * DOWN queries of a block (x: block; y: query head within its group, then which of
// the block's parts) and a key head (z). Keys come in blocks of 64. Lane (across, down) of 8 x DOWN has
// queries down + DOWN i, i < 4; keys across + 8j, j < 8, for the scores, and of all keys the dimensions
// 32s + 4 across to 32s + 4 across + 3 for the sums. What is read passes through workgroup memory: of the
// block's keys WIDTH vec4s of the head at a time, of values the whole head for 8 * TOGETHER keys at a
// time. While one piece is computed with, each lane holds its part of the next one in registers.
//
// A query's sums go through its keys in the order 0, 8, .. 56, 1, 9, .. of each block: the order
// depends on positions alone, not on DOWN, WIDTH and TOGETHER, which attention_tiles.ts chooses.

// @include soft_cap.wgsl
// @include visible_keys.wgsl
// @include overflow.wgsl

const HEAD_DIM: u32 = 64u;
const SCALE: f32 = 0.125;
const BLOCK: u32 = 64u; // queries of a block at most
const DOWN: u32 = 8u; // 4, 8 or 16
const WIDTH: u32 = 8u; // vec4s of a head that pass together for scores: 4 or 8
const TOGETHER: u32 = 4u; // eights of keys whose values pass together; divides 8
const QUARTERS: u32 = HEAD_DIM / 4u; // vec4s in a head
const STRIPES: u32 = (QUARTERS + 7u) / 8u; // vec4s of a head that a lane sums up
const PIECES: u32 = (QUARTERS + WIDTH - 1u) / WIDTH; // of a head, for scores
const PARTS: u32 = BLOCK / (4u * DOWN); // of a block
const LANES: u32 = 8u * DOWN;
const KEY_LOADS: u32 = 8u * WIDTH / DOWN; // of each lane for a piece of keys, of queries, of values
const QUERY_LOADS: u32 = WIDTH / 2u;
const VALUE_LOADS: u32 = 8u * TOGETHER * STRIPES / DOWN;
const STAGED: u32 = 64u; // 8 times the larger of WIDTH and TOGETHER * STRIPES
const KEYS: u32 = 64u; // in a block
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> query_blocks: array<vec4<u32>>;
@group(0) @binding(5) var<storage, read_write> output: array<vec4<f32>>;

// What a lane uses lies together: one index is computed (and checked, by naga) for all of it. The ninth
// vec4 keeps lanes apart in the memory's banks: eight lanes side by side read, or write, eight of them.
// Of keys [d * 8 + across][j], of values [(x * STRIPES + t / 2) * 8 + across][t % 2 * 4 + j % 4] with
// t = j / 4 * STRIPES + s for key x + 8j.
var<workgroup> staged: array<array<vec4<f32>, 9>, STAGED>;
// The softmax's shares [down * 8 + across][j / 4 * 4 + i], each of the four keys j; until they are known
// the queries [d * DOWN + down][i].
var<workgroup> shares: array<array<vec4<f32>, 9>, LANES>;
var<workgroup> lane_highest: array<vec4<f32>, LANES>; // of queries i, [down * 8 + across]

// What all lanes of a workgroup have in common.
struct Work {
  span: vec4<u32>,
  first_query: u32, // its row
  count: u32, // queries
  first_position: u32, // of a query
  tokens: u32,
  last_key: u32,
  head: u32,
  heads: u32,
  key_head: u32,
  key_heads: u32,
}

// Where a key's head begins; past the last key that is seen it stands in.
fn key_start(work: Work, p: u32) -> u32 {
  return (key_row(work.span, min(p, work.last_key)) * work.key_heads + work.key_head) * QUARTERS;
}

// A lane's part of a piece of the block's keys: those of its own `across`, so that eight lanes write
// eight banks.
fn keys_of(work: Work, key_block: u32, piece: u32, across: u32, down: u32) -> array<vec4<f32>, KEY_LOADS> {
  var loaded: array<vec4<f32>, KEY_LOADS>;
  // @unroll
  for (var i = 0u; i < KEY_LOADS; i += 1u) {
    let place = down + DOWN * i; // of (j, vec4 of the piece)
    let quarter = piece * WIDTH + place % WIDTH;
    loaded[i] = vec4<f32>(0.0);
    if (quarter < QUARTERS) {
      loaded[i] = keys[key_start(work, key_block + across + 8u * (place / WIDTH)) + quarter];
    }
  }
  return loaded;
}

// Query and vec4 of the piece that a lane loads: (down of the query, its i, the vec4).
fn asked_place(across: u32, down: u32, load: u32) -> vec3<u32> {
  let place = across + 8u * (down + DOWN * load);
  return vec3<u32>(place % DOWN, place / (DOWN * WIDTH), place / DOWN % WIDTH);
}

fn queries_of(work: Work, piece: u32, across: u32, down: u32) -> array<vec4<f32>, QUERY_LOADS> {
  var loaded: array<vec4<f32>, QUERY_LOADS>;
  // @unroll
  for (var i = 0u; i < QUERY_LOADS; i += 1u) {
    let place = asked_place(across, down, i);
    let quarter = piece * WIDTH + place.z;
    let row = work.first_query + min(place.x + DOWN * place.y, work.count - 1u);
    loaded[i] = vec4<f32>(0.0);
    if (quarter < QUARTERS) {
      loaded[i] = queries[(row * work.heads + work.head) * QUARTERS + quarter];
    }
  }
  return loaded;
}

// A lane's part of the values of 8 * TOGETHER keys: those of key first_x + x + 8j for each x and j.
fn values_of(work: Work, key_block: u32, first_x: u32, across: u32, down: u32) -> array<vec4<f32>, VALUE_LOADS> {
  var loaded: array<vec4<f32>, VALUE_LOADS>;
  // @unroll
  for (var i = 0u; i < VALUE_LOADS; i += 1u) {
    let place = down + DOWN * i; // of (stripe, x, j)
    let quarter = place / (8u * TOGETHER) * 8u + across;
    let key = first_x + place / 8u % TOGETHER + 8u * (place % 8u);
    loaded[i] = vec4<f32>(0.0);
    if (quarter < QUARTERS) {
      loaded[i] = values[key_start(work, key_block + key) + quarter];
    }
  }
  return loaded;
}

// Which of a lane's keys j = 4 half .. 4 half + 3 the query at `position` sees; the first lies at p.
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
  let group_heads = groups.y / PARTS;
  // The last blocks of a conversation see the most keys: they begin first.
  let block = query_blocks[groups.x - 1u - group.x];
  let skipped = group.y / group_heads * 4u * DOWN;
  if (skipped >= block.y) {
    return;
  }
  var work: Work;
  work.first_query = block.x + skipped;
  work.count = min(4u * DOWN, block.y - skipped);
  work.span = spans[work.first_query];
  work.first_position = work.span.x;
  work.tokens = block.z;
  let last_position = work.first_position + work.count - 1u;
  work.last_key = last_seen(last_position, work.tokens);
  work.key_head = group.z;
  work.key_heads = groups.z;
  work.head = group.z * group_heads + group.y % group_heads;
  work.heads = groups.z * group_heads;
  let across = lane % 8u;
  let down = lane / 8u;

  var highest = vec4<f32>(LOWEST); // of each query i
  var totals = vec4<f32>(0.0);
  var sums: array<vec4<f32>, 4u * STRIPES>;

  let first_block = first_key_block(work.first_position, KEYS);
  var next_keys = keys_of(work, first_block, 0u, across, down);
  var next_queries = queries_of(work, 0u, across, down);
  for (var key_block = first_block; key_block <= work.last_key; key_block += KEYS) {
    var scores: array<vec4<f32>, 8>; // [half * 4 + i], each of keys j = 4 half .. 4 half + 3
    // @unroll
    for (var i = 0u; i < 8u; i += 1u) {
      scores[i] = vec4<f32>(0.0); // naga zeroes a loop's variables before the first turn only
    }
    for (var piece = 0u; piece < PIECES; piece += 1u) {
      workgroupBarrier();
      // @unroll
      for (var i = 0u; i < KEY_LOADS; i += 1u) {
        let place = down + DOWN * i;
        staged[place % WIDTH * 8u + across][place / WIDTH] = next_keys[i];
      }
      // @unroll
      for (var i = 0u; i < QUERY_LOADS; i += 1u) {
        let place = asked_place(across, down, i);
        shares[place.z * DOWN + place.x][place.y] = next_queries[i];
      }
      workgroupBarrier();
      if (piece + 1u < PIECES) {
        next_keys = keys_of(work, key_block, piece + 1u, across, down);
        next_queries = queries_of(work, piece + 1u, across, down);
      }
      for (var d = 0u; d < WIDTH; d += 1u) {
        let origin = d * 8u + across;
        let asked = d * DOWN + down;
        let query = array(shares[asked][0], shares[asked][1], shares[asked][2], shares[asked][3]);
        // @unroll
        for (var half = 0u; half < 2u; half += 1u) {
          let key0 = staged[origin][half * 4u];
          let key1 = staged[origin][half * 4u + 1u];
          let key2 = staged[origin][half * 4u + 2u];
          let key3 = staged[origin][half * 4u + 3u];
          // @unroll
          for (var i = 0u; i < 4u; i += 1u) {
            // @unroll
            for (var e = 0u; e < 4u; e += 1u) {
              scores[half * 4u + i] = fma(
                vec4<f32>(query[i][e]), vec4<f32>(key0[e], key1[e], key2[e], key3[e]),
                scores[half * 4u + i]);
            }
          }
        }
      }
    }
    var next_values = values_of(work, key_block, 0u, across, down);

    let all_visible = sees(work.first_position, key_block + KEYS - 1u, work.tokens) &
      sees(last_position, key_block, work.tokens);
    // @unroll
    for (var i = 0u; i < 8u; i += 1u) {
      // The look at the bits keeps compilers from one rounding of a product and the difference below.
      let scaled = scores[i] * SCALE;
      scores[i] = soft_capped(vec4<f32>(
        nan_where_overflown(scaled.x), nan_where_overflown(scaled.y),
        nan_where_overflown(scaled.z), nan_where_overflown(scaled.w)));
    }
    if (!all_visible) {
      // @unroll
      for (var i = 0u; i < 8u; i += 1u) {
        let position = work.first_position + down + DOWN * (i % 4u);
        let p = key_block + across + 32u * (i / 4u);
        scores[i] = select(vec4<f32>(LOWEST), scores[i], visible_of_lane(position, p, work.tokens));
      }
    }
    var top: vec4<f32>;
    // @unroll
    for (var i = 0u; i < 4u; i += 1u) {
      let most = max(scores[i], scores[4u + i]);
      top[i] = max(max(most.x, most.y), max(most.z, most.w));
    }
    lane_highest[down * 8u + across] = top;
    workgroupBarrier();
    top = highest;
    for (var x = 0u; x < 8u; x += 1u) {
      top = max(top, lane_highest[down * 8u + x]);
    }
    let fade = exp(highest - top);
    highest = top;
    var block_totals = vec4<f32>(0.0);
    // @unroll
    for (var i = 0u; i < 4u; i += 1u) {
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        sums[s * 4u + i] *= fade[i];
      }
      // @unroll
      for (var half = 0u; half < 2u; half += 1u) {
        let score = scores[half * 4u + i];
        // Equality, as that of a NaN is false: it stays one.
        shares[down * 8u + across][half * 4u + i] =
          select(exp(score - top[i]), vec4<f32>(0.0), score == vec4<f32>(LOWEST));
      }
    }

    for (var first_x = 0u; first_x < 8u; first_x += TOGETHER) {
      if (first_x > 0u) {
        workgroupBarrier();
      }
      // @unroll
      for (var i = 0u; i < VALUE_LOADS; i += 1u) {
        let place = down + DOWN * i;
        let x = place / 8u % TOGETHER;
        let j = place % 8u;
        let t = j / 4u * STRIPES + place / (8u * TOGETHER);
        staged[(x * STRIPES + t / 2u) * 8u + across][t % 2u * 4u + j % 4u] = next_values[i];
      }
      workgroupBarrier(); // the shares, too, are there now
      if (first_x + TOGETHER < 8u) {
        next_values = values_of(work, key_block, first_x + TOGETHER, across, down);
      } else {
        next_keys = keys_of(work, key_block + KEYS, 0u, across, down);
        next_queries = queries_of(work, 0u, across, down);
      }
      for (var x = 0u; x < TOGETHER; x += 1u) {
        let origin = x * STRIPES * 8u + across;
        let sharing = down * 8u + first_x + x;
        // @unroll
        for (var half = 0u; half < 2u; half += 1u) {
          var share: array<vec4<f32>, 4>; // of each query i in the four keys
          // @unroll
          for (var i = 0u; i < 4u; i += 1u) {
            share[i] = shares[sharing][half * 4u + i];
            block_totals[i] += (share[i].x + share[i].y) + (share[i].z + share[i].w);
          }
          // @unroll
          for (var s = 0u; s < STRIPES; s += 1u) {
            let line = origin + (half * STRIPES + s) / 2u * 8u;
            let value0 = staged[line][(half * STRIPES + s) % 2u * 4u];
            let value1 = staged[line][(half * STRIPES + s) % 2u * 4u + 1u];
            let value2 = staged[line][(half * STRIPES + s) % 2u * 4u + 2u];
            let value3 = staged[line][(half * STRIPES + s) % 2u * 4u + 3u];
            // @unroll
            for (var i = 0u; i < 4u; i += 1u) {
              var sum = sums[s * 4u + i];
              sum = fma(vec4<f32>(share[i].x), value0, sum);
              sum = fma(vec4<f32>(share[i].y), value1, sum);
              sum = fma(vec4<f32>(share[i].z), value2, sum);
              sum = fma(vec4<f32>(share[i].w), value3, sum);
              sums[s * 4u + i] = sum;
            }
          }
        }
      }
    }
    totals = fma(totals, fade, block_totals);
  }

  // @unroll
  for (var i = 0u; i < 4u; i += 1u) {
    let query = down + DOWN * i;
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      let quarter = s * 8u + across;
      if (query < work.count && quarter < QUARTERS) {
        output[((work.first_query + query) * work.heads + work.head) * QUARTERS + quarter] =
          sums[s * 4u + i] / totals[i];
      }
    }
  }
}
