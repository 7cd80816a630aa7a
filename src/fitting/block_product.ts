import { blockProductModule } from "../wasm/block_product_module.ts";

/** What `wasm/block_product.ts` exports. */
interface BlockProduct {
  readonly memory: WebAssembly.Memory;
  readonly ROWS: WebAssembly.Global;
  readonly INNER: WebAssembly.Global;
  readonly STRIDE: WebAssembly.Global;
  readonly LEFT: WebAssembly.Global;
  readonly RIGHT: WebAssembly.Global;
  readonly PRODUCTS: WebAssembly.Global;
  add(left: number, right: number, inner: number): void;
}

const bytes = Uint8Array.from(atob(blockProductModule), (text) => text.charCodeAt(0));
const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes));
const { memory: { buffer }, add, ...places } = exports as unknown as BlockProduct;

/** Most rows of either side of a block product. */
export const blockRows: number = places.ROWS.value;

/** Most numbers of a row that are multiplied in one go. */
export const blockInner: number = places.INNER.value;

/** Numbers from a row to the next. */
const blockStride: number = places.STRIDE.value;

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

const sides = {
  left: new Float64Array(buffer, places.LEFT.value, blockRows * blockStride),
  right: new Float64Array(buffer, places.RIGHT.value, blockRows * blockStride),
};

/** What {@link setBlockProducts} left: the product of left row i and right row j at `blockRows` · i + j. */
export const blockProducts: Readonly<Float64Array> = new Float64Array(
  buffer,
  places.PRODUCTS.value,
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
    add(left.count, right.count, length);
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
