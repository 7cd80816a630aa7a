import {
  type GroupForm,
  groupsOf,
  quantBytes,
  type QuantizedRows,
  widenRows,
} from "./group_quantization.ts";

/** Types of quantized weights: bits, and inputs of a group. */
export type QuantizedType = "I8x32" | "I8x128" | "I4x32" | "I4x128";

/** What each type says. */
export const quantizedForms: Readonly<Record<QuantizedType, GroupForm>> = {
  I8x32: { bits: 8, group: 32 },
  I8x128: { bits: 8, group: 128 },
  I4x32: { bits: 4, group: 32 },
  I4x128: { bits: 4, group: 128 },
};

/** Whether a type is one of quantized weights. */
export function isQuantized(type: string): type is QuantizedType {
  return Object.hasOwn(quantizedForms, type);
}

/** The type of a form. */
export function quantizedType({ bits, group }: GroupForm): QuantizedType {
  return `I${bits}x${group}`;
}

/** Kernels read 16 bytes at a time. */
const together = 16;

function rounded(bytes: number): number {
  return Math.ceil(bytes / together) * together;
}

/** Bytes of a row's whole numbers on a backend, with zeros at their end; its scales follow. */
export function paddedQuantBytes(columns: number, type: QuantizedType): number {
  return rounded(quantBytes(columns, quantizedForms[type]));
}

/** Bytes of a row on a backend: whole numbers, then scales in f16, both rounded up to 16 bytes. */
export function quantizedRowBytes(columns: number, type: QuantizedType): number {
  return paddedQuantBytes(columns, type) + rounded(2 * groupsOf(columns, quantizedForms[type]));
}

/**
 * Quantized rows as backends take them, each with its scales.
 *
 * @param stored Inputs of the rows.
 * @param columns Inputs on the backend, not fewer; the weights of those that are added are zeros.
 */
export function rowsWithScales(
  { quants, scales }: QuantizedRows,
  stored: number,
  columns: number,
  type: QuantizedType,
): Uint8Array<ArrayBuffer> {
  const form = quantizedForms[type];
  const [groups, bytes] = [groupsOf(stored, form), quantBytes(stored, form)];
  const [scalesAt, rowBytes] = [paddedQuantBytes(columns, type), quantizedRowBytes(columns, type)];
  const rows = scales.length / groups;
  const scaleBytes = new Uint8Array(scales.buffer, scales.byteOffset, scales.byteLength);
  const laid = new Uint8Array(rows * rowBytes);
  for (let row = 0; row < rows; row++) {
    laid.set(quants.subarray(row * bytes, (row + 1) * bytes), row * rowBytes);
    const own = scaleBytes.subarray(2 * row * groups, 2 * (row + 1) * groups);
    laid.set(own, row * rowBytes + scalesAt);
  }
  return laid;
}

/** The weights of rows as backends take them, in f32, which is exact. */
export function widenRowsWithScales(
  laid: Uint8Array<ArrayBuffer>,
  columns: number,
  type: QuantizedType,
): Float32Array<ArrayBuffer> {
  const form = quantizedForms[type];
  const [groups, bytes] = [groupsOf(columns, form), quantBytes(columns, form)];
  const [scalesAt, rowBytes] = [paddedQuantBytes(columns, type), quantizedRowBytes(columns, type)];
  const rows = laid.byteLength / rowBytes;
  const quants = new Uint8Array(rows * bytes);
  const scales = new Uint16Array(rows * groups);
  const scaleBytes = new Uint8Array(scales.buffer);
  for (let row = 0; row < rows; row++) {
    const at = row * rowBytes;
    quants.set(laid.subarray(at, at + bytes), row * bytes);
    scaleBytes.set(laid.subarray(at + scalesAt, at + scalesAt + 2 * groups), 2 * row * groups);
  }
  return widenRows({ quants, scales }, columns, form);
}
