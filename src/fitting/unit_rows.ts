/** Rows scaled to length 1, a row of zeros staying one, and how to go back. */
export interface UnitRows {
  /** [rows, width] */
  readonly unit: Float64Array;
  readonly lengths: Float64Array;
}

/** Scales every row of a matrix [rows, width] to Euclidean length 1. */
export function unitRows(matrix: Float64Array, width: number): UnitRows {
  const unit = matrix.slice();
  const lengths = Float64Array.from({ length: matrix.length / width }, (_, row) => {
    const of = unit.subarray(row * width, (row + 1) * width);
    const length = Math.sqrt(of.reduce((sum, x) => sum + x * x, 0));
    if (length > 0) of.forEach((x, i) => of[i] = x / length);
    return length;
  });
  return { unit, lengths };
}

/** Gradient by the rows as they were, from that by the unit rows: (g − u (u · g)) / length. */
export function unitRowsGradient(
  { unit, lengths }: UnitRows,
  gradient: Float64Array,
): Float64Array {
  const width = unit.length / lengths.length;
  const result = new Float64Array(unit.length);
  lengths.forEach((length, row) => {
    if (length === 0) return;
    let along = 0;
    for (let i = row * width; i < (row + 1) * width; i++) along += unit[i]! * gradient[i]!;
    for (let i = row * width; i < (row + 1) * width; i++) {
      result[i] = (gradient[i]! - unit[i]! * along) / length;
    }
  });
  return result;
}
