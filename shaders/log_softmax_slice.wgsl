// One slice of the vocabulary in a log-softmax over all of it, by row:
//   state[m] = (h, Σ_j exp(z[m, j] - h), z of the row's target), h the highest z so far
// with z[m, j] the logit, multiplied by SCALE and softly capped where a cap is set (soft_cap.wgsl).
//
// logits   [rows, columns], the logits of tokens first to first + columns - 1
// targets  [rows], the token whose probability is wanted
// slice    first, columns
// state    [rows, 4]; the fourth number is not used. The first slice starts it.
// One workgroup per row.

// @include soft_cap.wgsl
// @include overflow.wgsl

const SCALE: f32 = 1.0;
const LANES: u32 = 64u;
// Lower than any logit; -infinity can't be written alike for every compiler.
const LOWEST: f32 = -3.4028234e38;

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> slice: array<u32>;
@group(0) @binding(3) var<storage, read_write> state: array<vec4<f32>>;

var<workgroup> partial: array<f32, LANES>;

fn logit(at: u32) -> f32 {
  return soft_capped(vec4<f32>(SCALE * nan_where_overflown(logits[at]))).x;
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let first = slice[0];
  let columns = slice[1];
  let start = row * columns;

  var highest = LOWEST;
  for (var j = lane; j < columns; j += LANES) {
    highest = max(highest, logit(start + j));
  }
  partial[lane] = highest;
  workgroupBarrier();
  for (var width = LANES / 2u; width > 0u; width /= 2u) {
    if (lane < width) {
      partial[lane] = max(partial[lane], partial[lane + width]);
    }
    workgroupBarrier();
  }
  highest = partial[0];
  workgroupBarrier();

  var sum = 0.0;
  for (var j = lane; j < columns; j += LANES) {
    sum += exp(logit(start + j) - highest);
  }
  partial[lane] = sum;
  workgroupBarrier();
  for (var width = LANES / 2u; width > 0u; width /= 2u) {
    if (lane < width) {
      partial[lane] += partial[lane + width];
    }
    workgroupBarrier();
  }

  if (lane == 0u) {
    var before = vec4<f32>(LOWEST, 0.0, 0.0, 0.0);
    if (first > 0u) {
      before = state[row];
    }
    let top = max(before.x, highest);
    var after = vec4<f32>(top, partial[0] * exp(highest - top), before.z, 0.0);
    if (first > 0u) {
      after.y += before.y * exp(before.x - top);
    }
    let target_token = targets[row];
    if (target_token >= first && target_token < first + columns) {
      after.z = logit(start + target_token - first);
    }
    state[row] = after;
  }
}
