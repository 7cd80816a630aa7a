// Linear attention by the gated delta rule (Yang et al. 2024, arXiv 2412.06464). Each head of a
// conversation has a state S [KEY_DIM, VALUE_DIM], zeros at first, that goes from row to row:
//   S <- S * exp(rates[head] * softplus(decays[row, head] + offsets[head]))
//   d  = (values[row, head] - keys[row] * S) * sigmoid(strengths[row, head])
//   S <- S + keys[row] (x) d
//   output[row, head] = queries[row] * S
//
// queries, keys    [rows, key heads, KEY_DIM]   KEY_DIM a multiple of 4; normed by the caller
// values, output   [rows, heads, VALUE_DIM]
// decays           [rows, heads]
// strengths        [rows, heads]
// parameters       [2, heads]                   rates, all below 0, then offsets
// starts           [conversations + 1]          where each begins, and where the last one ends
// A workgroup takes LANES columns of one head's values through one conversation, a lane each: columns
// don't meet. Sums run over the keys' numbers in their order, so no row depends on other conversations.

// @include overflow.wgsl

const KEY_DIM: u32 = 128u;
const VALUE_DIM: u32 = 128u;
const KEY_HEADS: u32 = 16u;
const HEADS: u32 = 32u;
const LANES: u32 = 32u;
const QUADS: u32 = KEY_DIM / 4u;

@group(0) @binding(0) var<storage, read> queries: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> keys: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> values: array<f32>;
@group(0) @binding(3) var<storage, read> decays: array<f32>;
@group(0) @binding(4) var<storage, read> strengths: array<f32>;
@group(0) @binding(5) var<storage, read> parameters: array<f32>;
@group(0) @binding(6) var<storage, read> starts: array<u32>;
@group(0) @binding(7) var<storage, read_write> output: array<f32>;

var<workgroup> query: array<vec4<f32>, QUADS>;
var<workgroup> key: array<vec4<f32>, QUADS>;

// log(1 + exp(x)) = max(x, 0) + 2 atanh(u / (2 + u)) with u = exp(-|x|): a series, since log is granted an
// absolute error of 5e-7 that many rows would add up.
fn softplus(x: f32) -> f32 {
  let u = exp(-abs(nan_where_overflown(x)));
  let s = u / (2.0 + u);
  let t = s * s;
  var sum = 1.0 / 15.0;
  sum = sum * t + 1.0 / 13.0;
  sum = sum * t + 1.0 / 11.0;
  sum = sum * t + 1.0 / 9.0;
  sum = sum * t + 1.0 / 7.0;
  sum = sum * t + 0.2;
  sum = sum * t + 1.0 / 3.0;
  sum = sum * t + 1.0;
  return select(x, 0.0, x < 0.0) + 2.0 * s * sum; // NaN goes through the series
}

@compute @workgroup_size(LANES)
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let blocks = (VALUE_DIM + LANES - 1u) / LANES;
  let head = group.x / blocks;
  let column = group.x % blocks * LANES + lane;
  let key_head = head / (HEADS / KEY_HEADS);
  let end = starts[group.y + 1u];
  var state: array<vec4<f32>, QUADS>;
  for (var row = starts[group.y]; row < end; row += 1u) {
    workgroupBarrier();
    for (var i = lane; i < QUADS; i += LANES) {
      let at = (row * KEY_HEADS + key_head) * QUADS + i;
      query[i] = queries[at];
      key[i] = keys[at];
    }
    workgroupBarrier();
    if (column < VALUE_DIM) {
      let of_head = row * HEADS + head;
      let decay = exp(parameters[head] * softplus(decays[of_head] + parameters[HEADS + head]));
      let asked = nan_where_overflown(strengths[of_head]);
      // exp(88) is the largest power of a whole number; a NaN is not less, so it stays.
      let strength = 1.0 / (1.0 + exp(select(-asked, 88.0, asked < -88.0)));
      var known = vec4<f32>(0.0);
      for (var i = 0u; i < QUADS; i += 1u) {
        state[i] *= decay;
        known += state[i] * key[i];
      }
      let at = of_head * VALUE_DIM + column;
      let change = (values[at] - (known.x + known.y + known.z + known.w)) * strength;
      var sum = vec4<f32>(0.0);
      for (var i = 0u; i < QUADS; i += 1u) {
        state[i] += key[i] * change;
        sum += state[i] * query[i];
      }
      output[at] = sum.x + sum.y + sum.z + sum.w;
    }
  }
}
