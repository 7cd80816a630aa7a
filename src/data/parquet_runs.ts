/** Where a list of runs stands in a page's bytes, and what it should hold. */
export interface RunsPlace {
  /** What error messages call it. */
  readonly what: string;
  readonly start: number;
  readonly end: number;
  /** Bits of one value. */
  readonly width: number;
  /** How many values there are. */
  readonly count: number;
}

/** Packed values come in eights, and writers fill up the last of them. */
const packedPadding = 504;

/**
 * Checks a list of runs (run lengths and packed bits, as levels and dictionary indices are stored)
 * by its headers, before it is decoded: hyparquet would write a run of 2³⁰ values as it is told.
 *
 * @throws {Error} Where a run is longer than what is wanted, or runs end before their values.
 */
export function checkRuns(bytes: Uint8Array, place: RunsPlace): void {
  const { what, start, end, width, count } = place;
  if (width > 32) throw new Error(`${what}: expected at most 32 bits for a value, found ${width}`);
  if (start < 0 || end > bytes.length || start > end) {
    throw new Error(`${what}: expected them inside of their page, found a length beyond it`);
  }
  let at = start;
  let seen = 0;
  while (seen < count && at < end) {
    let header = 0;
    for (let shift = 0;; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined || shift > 28) {
        throw new Error(`${what}: expected the length of a run, found a number without end`);
      }
      header += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    const isPacked = header % 2 === 1;
    const length = Math.floor(header / 2) * (isPacked ? 8 : 1);
    if (seen + length > count + (isPacked ? packedPadding : 0)) {
      throw new Error(`${what}: expected ${count} values, found a run of ${length} after ${seen}`);
    }
    seen += length;
    at += isPacked ? length / 8 * width : Math.ceil(width / 8);
  }
  // The padding of the last packed run may be left out.
  if (seen < count || at > end + Math.ceil(packedPadding / 8) * width) {
    throw new Error(`${what}: expected ${count} values, found an end after ${seen}`);
  }
}
