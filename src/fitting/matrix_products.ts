import { blockProducts, blockRows, setBlockProducts } from "./block_product.ts";

/**
 * a · bᵀ, in 64-bit floats.
 *
 * @param a Matrix [rows, inner], row major.
 * @param b Matrix [columns, inner], row major: the rows of both are what is multiplied.
 * @param inner Numbers in a row of either.
 * @param output Matrix [rows, columns] to add to; a new one by default.
 * @returns `output`.
 */
export function multiplyTransposed(
  a: Float64Array,
  b: Float64Array,
  inner: number,
  output?: Float64Array,
): Float64Array {
  const rows = a.length / inner;
  const columns = b.length / inner;
  const result = output ?? new Float64Array(rows * columns);
  const startOf = (row: number): number => row * inner;
  for (let i = 0; i < rows; i += blockRows) {
    const left = { numbers: a, startOf, first: i, count: Math.min(blockRows, rows - i) };
    for (let j = 0; j < columns; j += blockRows) {
      const right = { numbers: b, startOf, first: j, count: Math.min(blockRows, columns - j) };
      setBlockProducts(left, right, inner);
      for (let m = 0; m < left.count; m++) {
        const at = (i + m) * columns + j;
        for (let n = 0; n < right.count; n++) result[at + n]! += blockProducts[m * blockRows + n]!;
      }
    }
  }
  return result;
}

/**
 * The transposed matrix.
 *
 * @param matrix Matrix [rows, columns], row major.
 * @param columns Numbers in a row.
 * @returns Matrix [columns, rows].
 */
export function transposed(matrix: Float64Array, columns: number): Float64Array {
  const rows = matrix.length / columns;
  const result = new Float64Array(matrix.length);
  const tile = 32; // whose reads and writes stay in the cache together
  for (let first = 0; first < rows; first += tile) {
    const end = Math.min(first + tile, rows);
    for (let j = 0; j < columns; j++) {
      for (let i = first; i < end; i++) result[j * rows + i] = matrix[i * columns + j]!;
    }
  }
  return result;
}

/** Σ a_i b_i. */
export function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, i) => sum + value * b[i]!, 0);
}

/** Where row `row` of a packed lower triangle begins: row i holds i + 1 numbers. */
export function packedRow(row: number): number {
  return row * (row + 1) / 2;
}

/**
 * Adds the products of every two rows to a packed lower triangle: the Gram matrix, of features where a
 * row holds one feature of many examples, of examples where it holds one example.
 *
 * @param packed Triangle of `count` rows, added to.
 * @param rows Numbers in which the rows lie.
 * @param count How many rows.
 * @param inner Numbers of a row that count.
 * @param stride From the beginning of a row to that of the next.
 */
export function addGram(
  packed: Float64Array,
  rows: Float64Array,
  count: number,
  inner: number,
  stride: number,
): void {
  const startOf = (row: number): number => row * stride;
  for (let j = 0; j < count; j += blockRows) {
    const right = { numbers: rows, startOf, first: j, count: Math.min(blockRows, count - j) };
    for (let i = j; i < count; i += blockRows) {
      const left = { numbers: rows, startOf, first: i, count: Math.min(blockRows, count - i) };
      setBlockProducts(left, right, inner);
      for (let m = 0; m < left.count; m++) {
        const at = packedRow(i + m) + j;
        const end = Math.min(right.count, i + m - j + 1);
        for (let n = 0; n < end; n++) packed[at + n]! += blockProducts[m * blockRows + n]!;
      }
    }
  }
}

/**
 * Factorises A = L Lᵀ in place, in 64-bit floats.
 *
 * @param packed Lower triangle of A, replaced by L.
 * @param count Rows of A.
 * @returns Whether it could: `false` where A is not positive definite to the precision of its numbers.
 */
export function factorize(packed: Float64Array, count: number): boolean {
  const block = (first: number) => ({
    numbers: packed,
    startOf: packedRow,
    first,
    count: Math.min(blockRows, count - first),
  });
  for (let j = 0; j < count; j += blockRows) {
    for (let i = j; i < count; i += blockRows) {
      setBlockProducts(block(i), block(j), j);
      if (!finishBlock(packed, i, j, count)) return false;
    }
  }
  return true;
}

/** Takes from a block of A what `blockProducts` says the columns before it account for, and solves the rest. */
function finishBlock(packed: Float64Array, i: number, j: number, count: number): boolean {
  for (let m = i; m < Math.min(i + blockRows, count); m++) {
    const row = packedRow(m);
    for (let n = j; n < Math.min(j + blockRows, m + 1); n++) {
      const other = packedRow(n);
      let rest = packed[row + n]! - blockProducts[(m - i) * blockRows + n - j]!;
      for (let k = j; k < n; k++) rest -= packed[row + k]! * packed[other + k]!;
      if (m === n && !(rest > 0)) return false;
      packed[row + n] = m === n ? Math.sqrt(rest) : rest / packed[other + n]!;
    }
  }
  return true;
}

/**
 * Solves L Lᵀ x = b.
 *
 * @param factor The packed triangle that {@link factorize} left.
 * @param right b.
 * @returns x.
 */
export function solveFactorized(factor: Float64Array, right: Float64Array): Float64Array {
  const count = right.length;
  const x = right.slice();
  for (let i = 0; i < count; i++) {
    const row = packedRow(i);
    let rest = x[i]!;
    for (let k = 0; k < i; k++) rest -= factor[row + k]! * x[k]!;
    x[i] = rest / factor[row + i]!;
  }
  for (let i = count - 1; i >= 0; i--) {
    const row = packedRow(i);
    const solved = x[i]! / factor[row + i]!;
    x[i] = solved;
    for (let k = 0; k < i; k++) x[k]! -= factor[row + k]! * solved;
  }
  return x;
}
