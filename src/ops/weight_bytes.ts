import { AssayError } from "../error.ts";
import type { WeightType } from "./weight.ts";

/** Bytes of one number of each weight type. */
export const bytesPerWeight: Readonly<Record<WeightType, number>> = { F32: 4, F16: 2, BF16: 2 };

/** Checks a weight's shape against its bytes and against what the kernels take. */
export function checkWeight(
  rows: number,
  columns: number,
  type: WeightType,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const expected = rows * columns * bytesPerWeight[type];
  if (rows < 1 || columns < 8 || columns % 8 !== 0 || bytes.byteLength !== expected) {
    throw new AssayError(
      "ops/shape",
      `Cannot use a ${rows} × ${columns} weight of type ${type} in ${bytes.byteLength} bytes: ` +
        `expected at least one row, columns in multiples of 8, and ${expected} bytes`,
    );
  }
}
