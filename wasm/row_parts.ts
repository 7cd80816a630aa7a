/**
 * Work on rows, each by itself: it is divided into parts of so many neighbours that a part is worth
 * handing to another thread.
 */

/** Numbers of a part: some 10 µs of work. */
const NUMBERS: u32 = 16384;

/** Rows of a part. */
// @ts-ignore: decorator
@inline
export function rowsTogether(columns: u32): u32 {
  return max<u32>(1, NUMBERS / columns);
}

/** Parts of so many rows. */
// @ts-ignore: decorator
@inline
export function rowParts(rows: u32, columns: u32): u32 {
  const together = rowsTogether(columns);
  return (rows + together - 1) / together;
}
