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
