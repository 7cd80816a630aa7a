import { AssayError } from "../error.ts";

/**
 * Random access to the bytes of one file, wherever it lies: on disk, behind HTTP, in a `Blob`.
 *
 * A source never holds the whole file. `read` answers with an array of its own, whose `byteOffset`
 * is 0, so that any typed array may view it.
 */
export interface ByteSource extends Disposable {
  /** What messages call the file: its path or address. */
  readonly name: string;
  /** Length of the file in bytes, as found when the source was opened. */
  readonly byteLength: number;
  /**
   * Reads exactly `length` bytes from `offset` on, as one allocation.
   *
   * @throws {AssayError} `checkpoint/out-of-range`, `checkpoint/read-failed`, or a code of the
   * source's own, such as `checkpoint/http-status`.
   */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/**
 * Refuses a range that is not inside `source`; to be called before anything is allocated for it.
 *
 * @throws {AssayError} `checkpoint/out-of-range`.
 */
export function checkRange(
  source: { readonly name: string; readonly byteLength: number },
  offset: number,
  length: number,
): void {
  const valid = Number.isSafeInteger(offset) && Number.isSafeInteger(length) &&
    offset >= 0 && length >= 0 && offset + length <= source.byteLength;
  if (!valid) {
    throw new AssayError(
      "checkpoint/out-of-range",
      `Cannot read ${source.name}: expected a range inside its ${source.byteLength} bytes, ` +
        `found ${length} bytes from ${offset} on`,
    );
  }
}

/**
 * An array of `length` zero bytes.
 *
 * @param length Number of bytes, already checked against the size of the file they come from.
 * @param what What the bytes are for, as messages say it.
 * @throws {AssayError} `checkpoint/out-of-memory` where the engine has no such array.
 */
export function allocateBytes(length: number, what: string): Uint8Array<ArrayBuffer> {
  try {
    return new Uint8Array(length);
  } catch (cause) {
    throw new AssayError(
      "checkpoint/out-of-memory",
      `Cannot read ${what}: expected memory for ${length} bytes in one piece, found too little; ` +
        `read fewer rows at once`,
      { cause },
    );
  }
}
