// Matrix product with weights as they are stored:
//   output[m, n] = activation(sum over k of input[m, k] * weight[n, k] + bias[n])  (+ output[m, n])
//
// input   [rows, k]        f32, k a multiple of 8
// weight  [columns, k]     f32, or pairs of f16 or bf16 packed in words; a part of a larger matrix
// bias    [total columns]  f32, read where HAS_BIAS
// output  [rows, total columns]  f32
// shape   (k, first column of this part in output, total columns, unused)
//
// Each invocation makes ROWS x COLUMNS outputs in registers; there are no barriers. Every output is
// one sum over k in steps of 8 in one order, whatever the number of rows.

const F32: u32 = 0u;
const F16: u32 = 1u;
const BF16: u32 = 2u;

const WEIGHT_TYPE: u32 = 2u;
const HAS_BIAS: bool = false;
const RELU: bool = false;
const ACCUMULATE: bool = false;
const ROWS: u32 = 4u;
const COLUMNS: u32 = 4u;
const LANES: u32 = 64u;

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> weight: array<vec4<u32>>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> output: array<f32>;
@group(0) @binding(4) var<uniform> shape: vec4<u32>;

struct Eight {
  low: vec4<f32>,
  high: vec4<f32>,
}

fn unpack_bf16(words: vec2<u32>) -> vec4<f32> {
  return bitcast<vec4<f32>>(vec4<u32>(
    words.x << 16u, words.x & 0xffff0000u, words.y << 16u, words.y & 0xffff0000u));
}

// Weights n, 8 * step to 8 * step + 7.
fn eight_weights(n: u32, step: u32, steps: u32) -> Eight {
  if (WEIGHT_TYPE == F32) {
    let at = (n * steps + step) * 2u;
    return Eight(bitcast<vec4<f32>>(weight[at]), bitcast<vec4<f32>>(weight[at + 1u]));
  }
  let words = weight[n * steps + step];
  if (WEIGHT_TYPE == BF16) {
    return Eight(unpack_bf16(words.xy), unpack_bf16(words.zw));
  }
  return Eight(
    vec4<f32>(unpack2x16float(words.x), unpack2x16float(words.y)),
    vec4<f32>(unpack2x16float(words.z), unpack2x16float(words.w)));
}

@compute @workgroup_size(LANES)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let steps = shape.x / 8u;
  let first_column = shape.y;
  let total_columns = shape.z;
  let rows = arrayLength(&input) / (shape.x / 4u);
  let words_per_row = select(shape.x / 8u, shape.x / 4u, WEIGHT_TYPE == F32);
  let columns = arrayLength(&weight) / words_per_row;
  // Neighbouring lanes make neighbouring columns, COLUMNS apart in steps of the lane count.
  let n0 = id.x * COLUMNS;
  let m0 = id.y * ROWS;
  if (n0 >= columns) {
    return;
  }

  var sums: array<f32, ROWS * COLUMNS>;
  for (var step = 0u; step < steps; step += 1u) {
    var weights: array<Eight, COLUMNS>;
    // @unroll
    for (var j = 0u; j < COLUMNS; j += 1u) {
      weights[j] = eight_weights(min(n0 + j, columns - 1u), step, steps);
    }
    // @unroll
    for (var i = 0u; i < ROWS; i += 1u) {
      let at = min(m0 + i, rows - 1u) * steps * 2u + step * 2u;
      let low = input[at];
      let high = input[at + 1u];
      // @unroll
      for (var j = 0u; j < COLUMNS; j += 1u) {
        sums[i * COLUMNS + j] += dot(low, weights[j].low) + dot(high, weights[j].high);
      }
    }
  }

  // @unroll
  for (var i = 0u; i < ROWS; i += 1u) {
    // @unroll
    for (var j = 0u; j < COLUMNS; j += 1u) {
      let m = m0 + i;
      let n = n0 + j;
      if (m < rows && n < columns) {
        let at = m * total_columns + first_column + n;
        var value = sums[i * COLUMNS + j];
        if (HAS_BIAS) {
          value += bias[first_column + n];
        }
        if (RELU) {
          value = max(value, 0.0);
        }
        if (ACCUMULATE) {
          value += output[at];
        }
        output[at] = value;
      }
    }
  }
}
