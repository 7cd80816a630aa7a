import { f16ToFloat32 } from "../checkpoint/half_floats.ts";
import type { FloatDtype, Tensor } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { asStored, laidOut, type Layout } from "./layout.ts";
import {
  type GroupForm,
  groupsOf,
  type QuantizedRows,
  widenRows,
} from "./quantization/group_quantization.ts";
import { quantizedRowBytes, quantizedType, rowsWithScales } from "./quantization/quantized_rows.ts";
import type { WeightType } from "./weight.ts";

/** A linear map's weight, [rows, columns], as a checkpoint has it. */
export type StoredMap =
  & { readonly rows: number; readonly columns: number }
  & (
    | { readonly type: FloatDtype; readonly bytes: Uint8Array<ArrayBuffer> }
    | { readonly type: GroupForm; readonly quantized: QuantizedRows }
  );

/**
 * A quantized weight of its two tensors.
 *
 * @param stored Columns of its tensor: int8 as many as it has, of int4 half as many.
 * @throws {AssayError} `ops/shape` where the two tensors don't fit together.
 */
export function quantizedMap(
  rows: number,
  stored: number,
  quants: Uint8Array<ArrayBuffer>,
  { name, dtype, shape, bytes }: Tensor,
  bits: 8 | 4,
): StoredMap {
  const columns = bits === 8 ? stored : 2 * stored;
  const group = ([32, 128] as const).find((group) =>
    dtype === "F16" && shape[0] === rows && shape[1] === groupsOf(columns, { bits, group })
  );
  const scales = new Uint16Array(bytes.slice().buffer);
  if (group === undefined || !f16ToFloat32(scales).every(Number.isFinite)) {
    throw new AssayError(
      "ops/shape",
      `Cannot use the scales "${name}" of a ${rows} × ${columns} weight: expected finite numbers in F16, ` +
        `one for each 32 or 128 inputs, found ${dtype} [${shape}]; quantize the model again`,
    );
  }
  return { rows, columns, type: { bits, group }, quantized: { quants, scales } };
}

/** Whether a layout keeps numbers where they are, and adds zeros at the end at most. */
function isPrefix({ runs: [first, ...others] }: Layout, stored: number): boolean {
  return others.length === 0 && first?.from === 0 && first.to === 0 && first.count === stored;
}

/**
 * A weight laid out for a backend. Quantized ones stay so where their groups stay together; where zeros go
 * between their inputs, as in heads of an odd size, they are widened to f32, which is exact.
 */
export function laidOutMap(
  map: StoredMap,
  rows: Layout,
  columns: Layout,
): { readonly type: WeightType; readonly bytes: Uint8Array<ArrayBuffer> } {
  if (!("quantized" in map)) {
    const stored = { ...map, bytesEach: map.bytes.byteLength / (map.rows * map.columns) };
    return { type: map.type, bytes: laidOut(map.bytes, stored, rows, columns) };
  }
  if (!isPrefix(columns, map.columns)) {
    const numbers = widenRows(map.quantized, map.columns, map.type);
    const stored = { rows: map.rows, columns: map.columns, bytesEach: 4 };
    return { type: "F32", bytes: laidOut(new Uint8Array(numbers.buffer), stored, rows, columns) };
  }
  const type = quantizedType(map.type);
  const bytes = rowsWithScales(map.quantized, map.columns, columns.size, type);
  const rowBytes = quantizedRowBytes(columns.size, type);
  const stored = { rows: map.rows, columns: rowBytes, bytesEach: 1 };
  return { type, bytes: laidOut(bytes, stored, rows, asStored(rowBytes)) };
}
