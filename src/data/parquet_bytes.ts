import type { AsyncBuffer } from "hyparquet";

/** Bytes read at a time where no page asks for more. */
const largestPiece = 2 ** 20;
const smallestPiece = 2 ** 14;
/** Bytes that the pieces of all columns may have in memory together, where there are many columns. */
const allPieces = 2 ** 25;

/** The bytes of one column chunk from its beginning to its end, a piece in memory at a time. */
export class ChunkBytes {
  readonly #file: AsyncBuffer;
  readonly #piece: number;
  readonly #end: number;
  /** Where in the file `#bytes` ends. */
  #read: number;
  #bytes: Uint8Array = new Uint8Array(0);

  /**
   * @param file The file.
   * @param start Where the chunk begins.
   * @param end Where it ends.
   * @param columns How many chunks are read side by side.
   */
  constructor(file: AsyncBuffer, start: number, end: number, columns: number) {
    this.#file = file;
    this.#read = start;
    this.#end = end;
    this.#piece = Math.max(smallestPiece, Math.min(largestPiece, Math.floor(allPieces / columns)));
  }

  /** How many bytes have not been taken. */
  get left(): number {
    return this.#end - this.#read + this.#bytes.length;
  }

  /** At least so many of the next bytes, and all that are in memory; fewer only at the chunk's end. */
  async peek(count: number): Promise<Uint8Array> {
    const missing = count - this.#bytes.length;
    if (missing > 0 && this.#read < this.#end) {
      const from = this.#read;
      const to = Math.min(this.#end, from + Math.max(missing, this.#piece));
      const more = new Uint8Array(await this.#file.slice(from, to));
      if (more.length !== to - from) throw new Error("the file ends before its data");
      this.#read = to;
      if (this.#bytes.length === 0) {
        this.#bytes = more;
      } else {
        const joined = new Uint8Array(this.#bytes.length + more.length);
        joined.set(this.#bytes);
        joined.set(more, this.#bytes.length);
        this.#bytes = joined;
      }
    }
    return this.#bytes;
  }

  /** Takes the next bytes. */
  async take(count: number): Promise<Uint8Array> {
    const taken = (await this.peek(count)).subarray(0, count);
    this.#bytes = this.#bytes.subarray(count);
    return taken;
  }
}
