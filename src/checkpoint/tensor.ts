import { AssayError } from "../error.ts";
import { bf16ToFloat32, f16ToFloat32, float32ToBf16, float32ToF16 } from "./half_floats.ts";

/**
 * Element type of a tensor, by its name in the safetensors format. `F32`, `F16`, `BF16`, `I64`,
 * `I32`, `I8` and `U8` are computed with; the others can be read as bytes only.
 */
export type Dtype =
  | "BOOL"
  | "F4"
  | "F6_E2M3"
  | "F6_E3M2"
  | "U8"
  | "I8"
  | "F8_E5M2"
  | "F8_E4M3"
  | "F8_E8M0"
  | "F8_E4M3FNUZ"
  | "F8_E5M2FNUZ"
  | "I16"
  | "U16"
  | "F16"
  | "BF16"
  | "I32"
  | "U32"
  | "F32"
  | "C64"
  | "F64"
  | "I64"
  | "U64";

/**
 * Bits of one element of each dtype.
 *
 * The order is that of the format's reference implementation (`Dtype` in `safetensors/src/tensor.rs`):
 * a file lays its tensors out from the last dtype to the first, so that each stays aligned.
 */
export const dtypeBits: ReadonlyMap<Dtype, number> = new Map<Dtype, number>([
  ["BOOL", 8],
  ["F4", 4],
  ["F6_E2M3", 6],
  ["F6_E3M2", 6],
  ["U8", 8],
  ["I8", 8],
  ["F8_E5M2", 8],
  ["F8_E4M3", 8],
  ["F8_E8M0", 8],
  ["F8_E4M3FNUZ", 8],
  ["F8_E5M2FNUZ", 8],
  ["I16", 16],
  ["U16", 16],
  ["F16", 16],
  ["BF16", 16],
  ["I32", 32],
  ["U32", 32],
  ["F32", 32],
  ["C64", 64],
  ["F64", 64],
  ["I64", 64],
  ["U64", 64],
]);

/** What a file's header says of one tensor. */
export interface TensorInfo {
  /** Name of the tensor, for example `model.norm.weight`. */
  readonly name: string;
  /** Element type. */
  readonly dtype: Dtype;
  /** Sizes, outermost first; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** Bytes of the whole tensor. */
  readonly byteLength: number;
  /** File in which the tensor lies. */
  readonly file: string;
  /**
   * Bits, and inputs that share a scale, of a weight that Assay quantized, where it is told with its scales:
   * then the shape is that of its numbers, and the bytes are those of both. No header says it.
   */
  readonly quantized?: { readonly bits: 8 | 4; readonly group: 32 | 128 } | undefined;
}

/** A tensor, or some of its rows, in memory. */
export interface Tensor {
  /** Name of the tensor. */
  readonly name: string;
  /** Element type. */
  readonly dtype: Dtype;
  /** Sizes, outermost first; `[]` for a scalar. */
  readonly shape: readonly number[];
  /** The elements, little endian, row major; `byteOffset` is a multiple of 8. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** Dtypes that convert to and from 32-bit floats. */
export type FloatDtype = "F32" | "F16" | "BF16";

/** Whether a dtype is one of {@linkcode FloatDtype}. */
export function isFloatDtype(dtype: string): dtype is FloatDtype {
  return dtype === "F32" || dtype === "F16" || dtype === "BF16";
}

/**
 * The elements of a floating-point tensor as 32-bit floats; exact, infinities and NaNs included.
 *
 * @param tensor A tensor of dtype F32, F16 or BF16.
 * @returns One float per element, row major. For F32 it shares the tensor's memory.
 * @throws {AssayError} `checkpoint/not-float`.
 *
 * @example
 * ```ts
 * import { toFloat32 } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * const bytes = new Uint8Array([0x80, 0x3f, 0x00, 0xc0]); // 0x3f80, 0xc000 in bfloat16
 * const values = toFloat32({ name: "bias", dtype: "BF16", shape: [2], bytes });
 * assert.deepEqual([...values], [1, -2]);
 * ```
 */
export function toFloat32(tensor: Tensor): Float32Array<ArrayBuffer> {
  const { dtype, bytes } = tensor;
  // A view needs an aligned offset, which tensors made elsewhere may lack.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  const { buffer, byteOffset, byteLength } = aligned;
  switch (dtype) {
    case "F32":
      return new Float32Array(buffer, byteOffset, byteLength / 4);
    case "BF16":
      return bf16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2));
    case "F16":
      return f16ToFloat32(new Uint16Array(buffer, byteOffset, byteLength / 2));
    default:
      throw new AssayError(
        "checkpoint/not-float",
        `Cannot convert tensor ${tensor.name} to floats: expected dtype F32, F16 or BF16, ` +
          `found ${dtype}`,
      );
  }
}

/**
 * The bytes of a tensor of `dtype` with the given values, rounded to the nearest, ties to even.
 *
 * @param values One float per element, row major.
 * @param dtype Element type of the bytes.
 * @returns Little-endian bytes. For F32 they share the memory of `values`.
 *
 * @example
 * ```ts
 * import { fromFloat32 } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual([...fromFloat32(new Float32Array([1, -2]), "BF16")], [0x80, 0x3f, 0x00, 0xc0]);
 * ```
 */
export function fromFloat32(
  values: Float32Array<ArrayBuffer>,
  dtype: FloatDtype,
): Uint8Array<ArrayBuffer> {
  const elements = dtype === "F32"
    ? values
    : dtype === "BF16"
    ? float32ToBf16(values)
    : float32ToF16(values);
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
}
