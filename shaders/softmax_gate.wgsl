// ArmoRM's gate over objectives, in place: logits[m, j] <- softmax_j(logits[m, j] / TEMPERATURE) * LOGIT_SCALE
//
// logits  [rows, OBJECTIVES]
// One invocation per row; a row has a few dozen values.

// @include overflow.wgsl

const OBJECTIVES: u32 = 19u;
const TEMPERATURE: f32 = 10.0;
const LOGIT_SCALE: f32 = 1.0;
const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let start = id.x * OBJECTIVES;
  if (start >= arrayLength(&logits)) {
    return;
  }
  var highest = logits[start];
  for (var j = 1u; j < OBJECTIVES; j += 1u) {
    highest = max(highest, logits[start + j]);
  }
  var total = 0.0;
  for (var j = 0u; j < OBJECTIVES; j += 1u) {
    let share = exp((nan_where_overflown(logits[start + j]) - highest) / TEMPERATURE);
    logits[start + j] = share;
    total += share;
  }
  for (var j = 0u; j < OBJECTIVES; j += 1u) {
    logits[start + j] = logits[start + j] / total * LOGIT_SCALE;
  }
}
