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
// One subgroup takes a block of up to QUERIES queries and a head. Keys come KEYS at a time, at
// multiples of KEYS positions. For the scores and the softmax each lane has a query of every
// SUBGROUP, whose numbers it holds from first to last, and shuffles hand the keys round; for the
// sums each lane has 4 dimensions of every 4 * SUBGROUP, and shuffles hand the shares round. A
// query's sums go through its keys in their order, whatever the number of lanes.
//
// What it is shaped by (docs/explanation/software-adapter.md): a texture read costs as much as 20
// multiply-adds, each turn of the loop blends every number that it carries, and the loop must not
// outgrow the instruction cache.

// @include soft_cap.wgsl
// @include visible_keys.wgsl
// @include overflow.wgsl

const HEAD_DIM: u32 = 64u;
const SCALE: f32 = 0.125;
const QUERIES: u32 = 16u;
const KEYS: u32 = 4u; // at a time; divides 8
const SUBGROUP: u32 = 8u; // lanes of a subgroup: 8 or 16
const GROUPS: u32 = QUERIES / SUBGROUP; // queries of each lane
const QUARTERS: u32 = HEAD_DIM / 4u; // texels in a head
const PARTS: u32 = SUBGROUP / KEYS; // texels of each key that the lanes read at once
const READS: u32 = (QUARTERS + PARTS - 1u) / PARTS; // until they have all of them
const STRIPES: u32 = (QUARTERS + SUBGROUP - 1u) / SUBGROUP; // texels of a head for each lane
const LOWEST: f32 = -3.4028234e38;
const LOG2_E: f32 = 1.4426950408889634;

@group(0) @binding(0) var queries: texture_storage_2d<rgba32float, read>;
@group(0) @binding(1) var keys: texture_storage_2d<rgba32float, read>;
@group(0) @binding(2) var values: texture_storage_2d<rgba32float, read>;
@group(0) @binding(3) var<storage, read> spans: array<vec4<u32>>;
@group(0) @binding(4) var<storage, read> query_blocks: array<vec4<u32>>;
@group(0) @binding(5) var output: texture_storage_2d<rgba32float, write>;

// A score's exponent to base 2, of a product of a key with a query that was scaled.
fn exponent_of(product: f32) -> f32 {
  let score = nan_where_overflown(product);
  if (SOFTCAP == 0.0) {
    return score; // the query has the factor in it
  }
  return soft_capped(vec4<f32>(score)).x * LOG2_E;
}

// First and last blocks in turns: lavapipe gives each thread one run of neighbouring workgroups, and
// of a causal conversation the last blocks are most of the work.
fn spread_out(i: u32, count: u32) -> u32 {
  return select(i / 2u, count - 1u - i / 2u, i % 2u == 1u);
}

@compute @workgroup_size(SUBGROUP)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let block = query_blocks[spread_out(group.x, groups.x)];
  let first_query = block.x;
  let count = block.y;
  let tokens = block.z;
  let span = spans[first_query];
  let first_position = span.x;
  let last_key = last_seen(first_position + count - 1u, tokens);
  let key_column = group.z * QUARTERS;
  let head = group.z * groups.y + group.y;
  let query_column = head * QUARTERS;

  var held: array<vec4<f32>, GROUPS * READS * PARTS>;
  // @unroll
  for (var g = 0u; g < GROUPS; g += 1u) {
    // @unroll
    for (var d = 0u; d < QUARTERS; d += 1u) {
      let texel = vec2<u32>(query_column + d, first_query + g * SUBGROUP + lane);
      let factor = select(SCALE, SCALE * LOG2_E, SOFTCAP == 0.0);
      held[g * READS * PARTS + d] = textureLoad(queries, texel) * factor;
    }
  }
  var highest: array<f32, GROUPS>;
  var totals: array<f32, GROUPS>;
  var sums: array<vec4<f32>, QUERIES * STRIPES>;
  // @unroll
  for (var g = 0u; g < GROUPS; g += 1u) {
    highest[g] = LOWEST;
  }

  for (var first_key = first_key_block(first_position, 32u); first_key <= last_key; first_key += KEYS) {
    // The lanes read PARTS texels of KEYS rows; past the last key that is seen it stands in.
    let row = key_row(span, min(first_key + lane % KEYS, last_key));
    var shares: array<f32, GROUPS * KEYS>; // products at first
    // @unroll
    for (var i = 0u; i < GROUPS * KEYS; i += 1u) {
      shares[i] = 0.0; // naga zeroes a loop's variables before the first turn only
    }
    // @unroll
    for (var r = 0u; r < READS; r += 1u) {
      let key = textureLoad(keys, vec2<u32>(key_column + r * PARTS + lane / KEYS, row));
      // @unroll
      for (var k = 0u; k < KEYS; k += 1u) {
        // @unroll
        for (var part = 0u; part < PARTS; part += 1u) {
          let texel = subgroupShuffle(key, part * KEYS + k);
          // @unroll
          for (var g = 0u; g < GROUPS; g += 1u) {
            shares[g * KEYS + k] += dot(held[(g * READS + r) * PARTS + part], texel);
          }
        }
      }
    }

    var fades: array<f32, GROUPS>;
    // @unroll
    for (var g = 0u; g < GROUPS; g += 1u) {
      let position = first_position + g * SUBGROUP + lane;
      var top = highest[g];
      // @unroll
      for (var k = 0u; k < KEYS; k += 1u) {
        let visible = sees(position, first_key + k, tokens);
        shares[g * KEYS + k] = select(LOWEST, exponent_of(shares[g * KEYS + k]), visible);
        top = max(top, shares[g * KEYS + k]);
      }
      fades[g] = exp2(highest[g] - top);
      highest[g] = top;
      totals[g] *= fades[g];
      // @unroll
      for (var k = 0u; k < KEYS; k += 1u) {
        let visible = sees(position, first_key + k, tokens);
        shares[g * KEYS + k] = select(0.0, exp2(shares[g * KEYS + k] - top), visible);
        totals[g] += shares[g * KEYS + k];
      }
    }

    var value: array<vec4<f32>, KEYS * STRIPES>;
    // @unroll
    for (var k = 0u; k < KEYS; k += 1u) {
      let value_row = subgroupShuffle(row, k);
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        let texel = vec2<u32>(key_column + s * SUBGROUP + lane, value_row);
        value[k * STRIPES + s] = textureLoad(values, texel);
      }
    }
    // @unroll
    for (var i = 0u; i < QUERIES; i += 1u) {
      let fade = subgroupShuffle(fades[i / SUBGROUP], i % SUBGROUP);
      // @unroll
      for (var s = 0u; s < STRIPES; s += 1u) {
        sums[i * STRIPES + s] *= fade;
      }
      // @unroll
      for (var k = 0u; k < KEYS; k += 1u) {
        let share = subgroupShuffle(shares[i / SUBGROUP * KEYS + k], i % SUBGROUP);
        // @unroll
        for (var s = 0u; s < STRIPES; s += 1u) {
          sums[i * STRIPES + s] += share * value[k * STRIPES + s];
        }
      }
    }
  }

  // @unroll
  for (var i = 0u; i < QUERIES; i += 1u) {
    let total = subgroupShuffle(totals[i / SUBGROUP], i % SUBGROUP);
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      sums[i * STRIPES + s] /= total;
    }
  }
  // Not unrolled: a texture write is a lot of code.
  for (var i = 0u; i < count; i += 1u) {
    // @unroll
    for (var s = 0u; s < STRIPES; s += 1u) {
      var texel = sums[s];
      // @unroll
      for (var c = 1u; c < QUERIES; c += 1u) {
        texel = select(texel, sums[c * STRIPES + s], i == c);
      }
      let column = s * SUBGROUP + lane;
      if (column < QUARTERS) {
        textureStore(output, vec2<u32>(query_column + column, first_query + i), texel);
      }
    }
  }
}
