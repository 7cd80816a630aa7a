/**
 * Sixteen dot products of four rows with four rows. Each number read serves four products, which is
 * what makes long sums fast without vector instructions; everything of this room that is a product of
 * matrices comes down to it.
 *
 * @param a Numbers in which the first four rows lie.
 * @param aAt Where each of them begins.
 * @param b Numbers in which the other four rows lie.
 * @param bAt Where each of them begins.
 * @param length Numbers in a row.
 * @param sums The products, `sums[4 i + j]` of row i of `a` and row j of `b`; replaced.
 */
function dots4x4(
  a: Float64Array,
  aAt: Uint32Array,
  b: Float64Array,
  bAt: Uint32Array,
  length: number,
  sums: Float64Array,
): void {
  const [a0, a1, a2, a3] = [aAt[0]!, aAt[1]!, aAt[2]!, aAt[3]!];
  const [b0, b1, b2, b3] = [bAt[0]!, bAt[1]!, bAt[2]!, bAt[3]!];
  let s00 = 0, s01 = 0, s02 = 0, s03 = 0, s10 = 0, s11 = 0, s12 = 0, s13 = 0;
  let s20 = 0, s21 = 0, s22 = 0, s23 = 0, s30 = 0, s31 = 0, s32 = 0, s33 = 0;
  for (let k = 0; k < length; k++) {
    const y0 = b[b0 + k]!, y1 = b[b1 + k]!, y2 = b[b2 + k]!, y3 = b[b3 + k]!;
    const x0 = a[a0 + k]!;
    s00 += x0 * y0, s01 += x0 * y1, s02 += x0 * y2, s03 += x0 * y3;
    const x1 = a[a1 + k]!;
    s10 += x1 * y0, s11 += x1 * y1, s12 += x1 * y2, s13 += x1 * y3;
    const x2 = a[a2 + k]!;
    s20 += x2 * y0, s21 += x2 * y1, s22 += x2 * y2, s23 += x2 * y3;
    const x3 = a[a3 + k]!;
    s30 += x3 * y0, s31 += x3 * y1, s32 += x3 * y2, s33 += x3 * y3;
  }
  sums[0] = s00, sums[1] = s01, sums[2] = s02, sums[3] = s03;
  sums[4] = s10, sums[5] = s11, sums[6] = s12, sums[7] = s13;
  sums[8] = s20, sums[9] = s21, sums[10] = s22, sums[11] = s23;
  sums[12] = s30, sums[13] = s31, sums[14] = s32, sums[15] = s33;
}

/** Where rows `first` to `first` + 3 begin; past the last row that row again, whose sums nobody reads. */
function place(
  starts: Uint32Array,
  first: number,
  rows: number,
  rowStart: (row: number) => number,
): void {
  for (let i = 0; i < 4; i++) starts[i] = rowStart(Math.min(first + i, rows - 1));
}

const aStarts = new Uint32Array(4);
const bStarts = new Uint32Array(4);
const tile = new Float64Array(16);

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
  for (let i = 0; i < rows; i += 4) {
    place(aStarts, i, rows, startOf);
    for (let j = 0; j < columns; j += 4) {
      place(bStarts, j, columns, startOf);
      dots4x4(a, aStarts, b, bStarts, inner, tile);
      for (let m = i; m < Math.min(i + 4, rows); m++) {
        for (let n = j; n < Math.min(j + 4, columns); n++) {
          result[m * columns + n]! += tile[4 * (m - i) + n - j]!;
        }
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
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) result[j * rows + i] = matrix[i * columns + j]!;
  }
  return result;
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
  const panel = 64; // rows that stay in the cache while all others pass by
  for (let first = 0; first < count; first += panel) {
    const end = Math.min(first + panel, count);
    for (let i = first; i < count; i += 4) {
      place(aStarts, i, count, startOf);
      for (let j = first; j < end && j <= i + 3; j += 4) {
        place(bStarts, j, count, startOf);
        dots4x4(rows, aStarts, rows, bStarts, inner, tile);
        for (let m = i; m < Math.min(i + 4, count); m++) {
          const at = packedRow(m);
          for (let n = j; n < j + 4 && n <= m; n++) packed[at + n]! += tile[4 * (m - i) + n - j]!;
        }
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
  for (let i = 0; i < count; i += 4) {
    place(aStarts, i, count, packedRow);
    for (let j = 0; j <= i; j += 4) {
      place(bStarts, j, count, packedRow);
      dots4x4(packed, aStarts, packed, bStarts, j, tile);
      for (let m = i; m < Math.min(i + 4, count); m++) {
        const row = packedRow(m);
        for (let n = j; n < j + 4 && n <= m; n++) {
          const other = packedRow(n);
          let rest = packed[row + n]! - tile[4 * (m - i) + n - j]!;
          for (let k = j; k < n; k++) rest -= packed[row + k]! * packed[other + k]!;
          if (m === n && !(rest > 0)) return false;
          packed[row + n] = m === n ? Math.sqrt(rest) : rest / packed[other + n]!;
        }
      }
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
