import {
  blockInner,
  blockPlaces,
  blockProductModule,
  blockRows,
  blockStride,
} from "./block_product_module.ts";

/** Some rows of a matrix, at most {@link blockRows} of them. */
export interface BlockOfRows {
  /** Numbers in which they lie. */
  readonly numbers: Float64Array;
  /** Where a row of the matrix begins. */
  readonly startOf: (row: number) => number;
  /** The first of them. */
  readonly first: number;
  /** How many there are. */
  readonly count: number;
}

const { exports } = new WebAssembly.Instance(new WebAssembly.Module(blockProductModule()));
const { buffer } = exports.memory as WebAssembly.Memory;
const add = exports.add as (leftEnd: number, rightEnd: number, innerBytes: number) => void;
const sides = {
  left: new Float64Array(buffer, blockPlaces.left, blockRows * blockStride),
  right: new Float64Array(buffer, blockPlaces.right, blockRows * blockStride),
};

/** What {@link setBlockProducts} left: the product of left row i and right row j at `blockRows` · i + j. */
export const blockProducts: Readonly<Float64Array> = new Float64Array(
  buffer,
  blockPlaces.products,
  blockRows ** 2,
);

/**
 * The dot product of every left row with every right row, in 64-bit floats, into
 * {@link blockProducts}: the packed inner block of a blocked matrix product (GEMM). Everything of this
 * room that is a product of matrices comes down to it.
 *
 * @param left Rows of the left matrix.
 * @param right Rows of the right one, as long.
 * @param inner Numbers of a row that are multiplied, from its beginning on.
 */
export function setBlockProducts(left: BlockOfRows, right: BlockOfRows, inner: number): void {
  (blockProducts as Float64Array).fill(0);
  for (let from = 0; from < inner; from += blockInner) {
    const length = Math.min(blockInner, inner - from);
    copyRows(sides.left, left, from, length);
    copyRows(sides.right, right, from, length);
    add(
      blockPlaces.left + 8 * blockStride * left.count,
      blockPlaces.right + 8 * blockStride * right.count,
      8 * length,
    );
  }
}

function copyRows(side: Float64Array, rows: BlockOfRows, from: number, length: number): void {
  const { numbers, startOf, first, count } = rows;
  for (let row = 0, to = 0; row < count; row++, to += blockStride) {
    const start = startOf(first + row) + from;
    side.set(numbers.subarray(start, start + length), to);
    side.fill(0, to + length, to + length + 3); // the module multiplies four at a time
  }
}
