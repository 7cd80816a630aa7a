import { type AsyncBuffer, type FileMetaData, parquetMetadataAsync } from "hyparquet";
import { endOfThrift } from "./parquet_thrift.ts";

/** Bytes of a footer at most: 10,000 row groups of 20 columns take half of it. */
const longestFooter = 2 ** 26;

/**
 * Reads what a Parquet file says of itself, and checks it before it is decoded.
 *
 * @throws {Error} Where the file is no Parquet, or its footer is damaged or too long.
 */
export async function readFooter(file: AsyncBuffer): Promise<FileMetaData> {
  const { byteLength } = file;
  if (byteLength < 12) throw new Error("expected Parquet, found a file too short for it");
  const tail = new DataView(await file.slice(byteLength - 8, byteLength));
  if (tail.getUint32(4, true) !== 0x31524150) {
    throw new Error('expected "PAR1" at the end, found something else');
  }
  const length = tail.getUint32(0, true);
  const start = byteLength - 8 - length;
  if (start < 4 || length > longestFooter) {
    throw new Error(`expected a footer of at most ${longestFooter} bytes, found ${length}`);
  }
  const footer = await file.slice(start, byteLength);
  const end = endOfThrift(new Uint8Array(footer, 0, length), 0);
  if (end === undefined) throw new Error("expected a footer that ends, found one that does not");
  const held: AsyncBuffer = {
    byteLength: footer.byteLength,
    slice: (from, to) => footer.slice(from, to),
  };
  // Geometry columns stay as they are stored.
  return await parquetMetadataAsync(held, { geoparquet: false });
}
