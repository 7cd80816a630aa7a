import { deltaBinaryUnpack } from "hyparquet/src/delta.js";

/** Values of one block at most; writers use 128. */
const largestBlock = 2 ** 16;

/**
 * Checks numbers that are stored as differences (DELTA_BINARY_PACKED) by their headers, before they
 * are decoded.
 *
 * @param bytes A page's bytes.
 * @param start Where the numbers begin.
 * @param count How many there must be.
 * @returns Where they end.
 * @throws {Error} Where there are fewer, or the headers contradict themselves.
 */
export function endOfDeltas(bytes: Uint8Array, start: number, count: number): number {
  let at = start;
  const number = (): number => {
    let value = 0;
    for (let length = 0; length < 10; length++) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error("differences: the page ends before its values");
      value += (byte & 0x7f) * 2 ** (7 * length);
      if (byte < 0x80) return value;
    }
    throw new Error("differences: a number of more than 10 bytes");
  };
  const [block, miniblocks, total] = [number(), number(), number()];
  number(); // the first value
  const each = block / miniblocks;
  if (!(block > 0 && block <= largestBlock && Number.isInteger(each) && each % 8 === 0)) {
    throw new Error(`differences: blocks of ${block} values in ${miniblocks} parts`);
  }
  if (total !== count) {
    throw new Error(`differences: expected ${count} values, found ${total}`);
  }
  for (let seen = 1; seen < total;) {
    number(); // the smallest difference
    const widths = bytes.subarray(at, at += miniblocks);
    for (let i = 0; i < miniblocks && seen < total; i++, seen += each) {
      if (widths[i] === undefined || widths[i]! > 64) {
        throw new Error(`differences: a width of ${widths[i]} bits`);
      }
      at += each * widths[i]! / 8;
    }
  }
  if (at > bytes.length) throw new Error("differences: the page ends before its values");
  return at;
}

/**
 * Checks texts of which each repeats the beginning of the one before (DELTA_BYTE_ARRAY): a page of
 * a MiB could otherwise claim texts of a TiB.
 *
 * @throws {Error} Where the texts are longer than `limit` bytes together.
 */
export function checkSharedPrefixes(
  bytes: Uint8Array,
  start: number,
  count: number,
  limit: number,
): void {
  if (count === 0) return;
  const prefixesEnd = endOfDeltas(bytes, start, count);
  const end = endOfDeltas(bytes, prefixesEnd, count);
  const reader = {
    view: new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength),
    offset: start,
  };
  const lengths = [new Int32Array(count), new Int32Array(count)] as const;
  for (const part of lengths) deltaBinaryUnpack(reader, count, part);
  const [prefixes, suffixes] = lengths;
  let previous = 0;
  let all = 0;
  let left = bytes.length - end;
  for (let i = 0; i < count; i++) {
    const [prefix, suffix] = [prefixes[i]!, suffixes[i]!];
    left -= suffix;
    all += prefix + suffix;
    if (prefix < 0 || prefix > previous || suffix < 0 || left < 0) {
      throw new Error(`texts by prefixes: value ${i + 1} of ${prefix} and ${suffix} bytes`);
    }
    if (all > limit) throw new Error(`texts by prefixes: more than ${limit} bytes in a page`);
    previous = prefix + suffix;
  }
}
