import { AssayError } from "../error.ts";

/** A kind of file that is no rows as text: its first bytes, its name, and what to do with it. */
interface InputKind {
  readonly name: string;
  readonly start: string;
  /** Where the bytes stand; at the beginning by default. */
  readonly at?: number;
  readonly advice: string;
}

const unpack = (command: string) => `unpack it first, for example \`${command} FILE | assay …\``;
const convert = "save it as JSON Lines, CSV, Parquet or Arrow first";
const nameIt = (format: string) => `name the format (${format}), or name the file *.${format}`;

/** Latin-1 text of the first bytes, as the formats' own descriptions give them. */
const kinds: readonly InputKind[] = [
  { name: "bzip2 data", start: "1AY&SY", at: 4, advice: unpack("bzip2 -dc") },
  { name: "xz data", start: "\xfd7zXZ\0", advice: unpack("xz -dc") },
  { name: "lz4 data", start: "\x04\x22\x4d\x18", advice: unpack("lz4 -dc") },
  { name: "a zip archive", start: "PK\x03\x04", advice: unpack("unzip -p") },
  { name: "an empty zip archive", start: "PK\x05\x06", advice: unpack("unzip -p") },
  { name: "a 7z archive", start: "7z\xbc\xaf\x27\x1c", advice: unpack("7z x -so") },
  { name: "a rar archive", start: "Rar!\x1a\x07", advice: unpack("unrar p -inul") },
  { name: "compress data", start: "\x1f\x9d", advice: unpack("uncompress -c") },
  { name: "gzip data", start: "\x1f\x8b", advice: unpack("gzip -dc") },
  { name: "Zstandard data", start: "\x28\xb5\x2f\xfd", advice: unpack("zstd -dc") },
  { name: "a tar archive", start: "ustar", at: 257, advice: unpack("tar -xOf") },
  { name: "Arrow", start: "ARROW1\0", advice: nameIt("arrow") },
  { name: "Arrow", start: "\xff\xff\xff\xff", advice: nameIt("arrow") },
  { name: "Feather of version 1", start: "FEA1", advice: convert },
  { name: "Avro", start: "Obj\x01", advice: convert },
  { name: "an SQLite database", start: "SQLite format 3\0", advice: convert },
  { name: "HDF5", start: "\x89HDF", advice: convert },
  { name: "a NumPy file", start: "\x93NUMPY", advice: convert },
  { name: "a pickle of Python", start: "\x80\x04\x95", advice: convert },
  { name: "a pickle of Python", start: "\x80\x05\x95", advice: convert },
  { name: "a PDF", start: "%PDF-", advice: convert },
  { name: "an old Excel file", start: "\xd0\xcf\x11\xe0", advice: convert },
  {
    name: "Parquet",
    start: "PAR1",
    advice: nameIt("parquet"),
  },
];

/** Bytes that are needed to tell a kind, where a file has as many. */
export const kindBytes = 262;

/**
 * Refuses a file that is no text, or no UTF-8, by its first bytes, and says what it is.
 *
 * @param name What error messages call the file.
 * @param head Its first bytes.
 * @throws {AssayError} `data/bad-file`.
 */
export function checkText(name: string, head: Uint8Array): void {
  const kind = kinds.find(({ start, at = 0 }) =>
    [...start].every((character, index) => head[at + index] === character.charCodeAt(0))
  );
  if (kind !== undefined) {
    throw new AssayError(
      "data/bad-file",
      `Cannot read ${name} as text: it is ${kind.name}; ${kind.advice}`,
    );
  }
  const mark = (head[0]! << 8) | (head[1] ?? 0);
  const isMarked = mark === 0xfffe || mark === 0xfeff;
  const isUnmarked = head.length > 3 && (head[0] === 0) !== (head[1] === 0);
  if (!isMarked && !isUnmarked) return;
  throw new AssayError(
    "data/bad-file",
    `Cannot read ${name}: expected UTF-8, found ${
      isMarked ? "a UTF-16 byte-order mark" : "what looks like UTF-16"
    }; convert it with \`iconv -f UTF-16 -t UTF-8\``,
  );
}
