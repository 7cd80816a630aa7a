// Conversions between the 16-bit float formats and 32-bit floats, on bit patterns, so that NaNs keep
// their payload and no engine support is needed. Typed arrays have the machine's byte order; every
// machine that runs WebGPU is little endian, as the safetensors format is.

/**
 * bfloat16 to 32-bit floats, exactly: a bfloat16 is the upper half of a 32-bit float.
 *
 * @param halves Bit patterns of bfloat16 values.
 */
export function bf16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16;
  return new Float32Array(bits.buffer);
}

let f16Table: Uint32Array | undefined;

/** Bit pattern of the 32-bit float that equals the IEEE binary16 with bit pattern `half`. */
function f16Bits(half: number): number {
  const sign = (half & 0x8000) << 16;
  const exponent = (half >>> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return sign | 0x7f800000 | (fraction << 13); // infinity or NaN
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (fraction << 13);
  if (fraction === 0) return sign;
  // Subnormal, fraction · 2^-24: shift the leading one up to where it is implied.
  const shift = Math.clz32(fraction) - 21;
  return sign | ((113 - shift) << 23) | (((fraction << shift) & 0x3ff) << 13);
}

/**
 * IEEE binary16 to 32-bit floats, exactly, subnormals, infinities and NaN payloads included.
 *
 * @param halves Bit patterns of binary16 values.
 */
export function f16ToFloat32(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const table = f16Table ??= Uint32Array.from({ length: 65536 }, (_, half) => f16Bits(half));
  const bits = new Uint32Array(halves.length);
  for (let i = 0; i < halves.length; i++) bits[i] = table[halves[i]!]!;
  return new Float32Array(bits.buffer);
}

function bitsOf(values: Float32Array<ArrayBuffer>): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/**
 * 32-bit floats to the nearest bfloat16, ties to even; NaNs stay NaNs.
 *
 * @returns Bit patterns of bfloat16 values.
 */
export function float32ToBf16(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const bits = bitsOf(values);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    halves[i] = (word & 0x7fffffff) > 0x7f800000
      ? (word >>> 16) | 0x40 // a quiet NaN: rounding could carry its payload into infinity
      : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return halves;
}

/**
 * 32-bit floats to the nearest IEEE binary16, ties to even; beyond its range infinity, NaNs stay NaNs.
 *
 * @returns Bit patterns of binary16 values.
 */
export function float32ToF16(values: Float32Array<ArrayBuffer>): Uint16Array<ArrayBuffer> {
  const bits = bitsOf(values);
  const halves = new Uint16Array(bits.length);
  for (let i = 0; i < bits.length; i++) {
    const word = bits[i]!;
    const sign = (word >>> 16) & 0x8000;
    const magnitude = word & 0x7fffffff;
    let half: number;
    if (magnitude > 0x7f800000) {
      half = 0x7e00 | ((magnitude >>> 13) & 0x3ff); // NaN
    } else if (magnitude >= 0x47800000) {
      half = 0x7c00; // 2^16 and more, infinity among them
    } else if (magnitude >= 0x38800000) {
      // Normal: rebias the exponent by -112; a carry out of the fraction rounds up to infinity rightly.
      half = (magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13;
    } else if (magnitude > 0x33000000) {
      // Subnormal: the fraction with its leading one, shifted to units of 2^-24.
      const fraction = (magnitude & 0x7fffff) | 0x800000;
      const shift = 126 - (magnitude >>> 23);
      half = (fraction + (1 << (shift - 1)) - 1 + ((fraction >>> shift) & 1)) >>> shift;
    } else {
      half = 0; // at most half of the smallest subnormal, and the tie goes to even
    }
    halves[i] = sign | half;
  }
  return halves;
}
