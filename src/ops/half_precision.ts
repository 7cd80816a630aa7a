import { f16ToFloat32, float32ToF16 } from "../checkpoint/half_floats.ts";

/**
 * Numbers as products in f16 take them, as in `f16_operands.wgsl`: the nearest that f16 has, ties to
 * even; NaN where it has none but infinity, from 65520 on.
 */
export function roundedToHalf(numbers: Float32Array<ArrayBuffer>): Float32Array<ArrayBuffer> {
  return f16ToFloat32(float32ToF16(numbers)).map((x) => Math.abs(x) === Infinity ? NaN : x);
}
