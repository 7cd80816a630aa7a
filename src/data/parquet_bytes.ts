import type { AsyncBuffer } from "hyparquet";
import { release } from "./parquet_codecs.ts";

/** Bytes read at a time where no page asks for more. */
const largestPiece = 2 ** 18;
const smallestPiece = 2 ** 14;
/** Bytes that the pieces of all columns may have in memory together, where there are many columns. */
const allPieces = 2 ** 25;

/** The bytes of one column chunk from its beginning to its end, a piece in memory at a time. */
export class ChunkBytes {
  readonly #file: AsyncBuffer;
  readonly #size: number;
  readonly #end: number;
  /** Where in the file `#bytes` ends. */
  #read: number;
  #piece = new Uint8Array(0);
  #bytes: Uint8Array = this.#piece;
  readonly #isHeld: boolean;

  /**
   * @param file The file.
   * @param start Where the chunk begins.
   * @param end Where it ends.
   * @param columns How many chunks are read side by side.
   * @param isHeld Whether bytes that were taken are still in use when others are asked for.
   */
  constructor(
    file: AsyncBuffer,
    [start, end]: readonly [number, number],
    columns: number,
    isHeld: boolean,
  ) {
    this.#isHeld = isHeld;
    this.#file = file;
    this.#read = start;
    this.#end = end;
    this.#size = Math.max(smallestPiece, Math.min(largestPiece, Math.floor(allPieces / columns)));
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
      const to = Math.min(this.#end, from + Math.max(missing, this.#size));
      const more = new Uint8Array(await this.#file.slice(from, to));
      if (more.length !== to - from) throw new Error("the file ends before its data");
      this.#read = to;
      let piece = more;
      if (this.#bytes.length > 0) {
        piece = new Uint8Array(this.#bytes.length + more.length);
        piece.set(this.#bytes);
        piece.set(more, this.#bytes.length);
        release(more);
      }
      if (!this.#isHeld) release(this.#piece);
      this.#piece = this.#bytes = piece;
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
