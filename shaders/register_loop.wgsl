// What an adapter gives at most: multiply-adds over registers alone, in chains that are independent of one
// another, enough of them to hide the latency.
//
// results  [1 + lanes of all workgroups]  f32, the first of them 0: the compiler can't know it

const LANES: u32 = 64u;
const CHAINS: u32 = 12u;
const UNROLLED: u32 = 4u; // more of them, and LLVM lays one chain after the other
const TURNS: u32 = 1024u;

@group(0) @binding(0) var<storage, read_write> results: array<f32>;

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let factor = 0.999 + results[0];
  let term = 0.001;
  var sums: array<f32, CHAINS>;
  // @unroll
  for (var i = 0u; i < CHAINS; i += 1u) {
    sums[i] = f32(id.x + i);
  }
  for (var turn = 0u; turn < TURNS; turn += 1u) {
    // @unroll
    for (var step = 0u; step < UNROLLED; step += 1u) {
      // @unroll
      for (var i = 0u; i < CHAINS; i += 1u) {
        sums[i] = sums[i] * factor + term;
      }
    }
  }
  var sum = 0.0;
  // @unroll
  for (var i = 0u; i < CHAINS; i += 1u) {
    sum += sums[i];
  }
  results[id.x + 1u] = sum;
}
