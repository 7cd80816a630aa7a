import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import type { Compressors } from "hyparquet";
import { compressors as portable } from "hyparquet-compressors";

/**
 * What unpacks a page, by codec. None makes more bytes than the page's header claims; the claim
 * itself is bounded by the caller.
 *
 * Where the runtime has a codec of its own it is used: it is faster, and stops at the claim, where
 * the package's Zstandard believes the data.
 */
export const pageCodecs: Compressors = {
  ...portable,
  SNAPPY: (input, length) => {
    // The package gives as many bytes as it is asked for, whatever the data makes.
    const told = snappyLength(input);
    if (told !== length) throw new Error(`expected ${length} bytes of Snappy, found ${told}`);
    return portable.SNAPPY!(input, length);
  },
  GZIP: (input, length) => native(gunzipSync, input, length),
  BROTLI: (input, length) => native(brotliDecompressSync, input, length),
  ZSTD: (input, length) => native(zstdDecompressSync, input, length),
};

type Decompress = (input: Uint8Array, options: { maxOutputLength: number }) => Uint8Array;

function native(decompress: Decompress, input: Uint8Array, length: number): Uint8Array {
  if (length === 0) return new Uint8Array(0);
  const bytes = decompress(input, { maxOutputLength: length });
  // A plain array: a Buffer may share its memory with others.
  return new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
}

/** How many bytes Snappy data says that it makes. */
function snappyLength(input: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = input[i] ?? 0;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) break;
  }
  return length;
}

/**
 * Gives the memory of bytes back at once, where they have it for themselves. Pages come faster than
 * the collector of garbage looks for them; nothing may hold the bytes any more.
 */
export function release(bytes: Uint8Array): void {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) buffer.transfer(0);
}
