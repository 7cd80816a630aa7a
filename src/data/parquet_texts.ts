import { release } from "./parquet_codecs.ts";

/**
 * The texts of a page, as bytes until their rows are taken. A page holds thousands, and strings that
 * wait for their turn among the pages of other columns would outlive the short life that the
 * collector of garbage is quick with.
 */
export class PageTexts {
  readonly #bytes: Uint8Array;
  /** Where each text begins, and where the last one ends. */
  readonly #offsets: Uint32Array;
  readonly #isOwned: boolean;
  readonly #decode: (bytes: Uint8Array) => unknown;

  /**
   * @param bytes A page's bytes.
   * @param start Where the texts begin: each is its length in four bytes, then its bytes.
   * @param count How many there are.
   * @param decode What makes a value of a text's bytes.
   * @param isOwned Whether nothing else has the page's bytes.
   * @throws {Error} Where the page ends before its texts.
   */
  constructor(
    bytes: Uint8Array,
    start: number,
    count: number,
    decode: (bytes: Uint8Array) => unknown,
    isOwned: boolean,
  ) {
    this.#isOwned = isOwned;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#bytes = bytes;
    this.#offsets = new Uint32Array(count + 1);
    this.#decode = decode;
    let at = start;
    for (let i = 0; i < count; i++) {
      this.#offsets[i] = at;
      if (at + 4 > bytes.length) throw new Error(`expected ${count} texts, found ${i}`);
      at += 4 + view.getUint32(at, true);
    }
    if (at > bytes.length) {
      throw new Error("expected a text inside of its page, found a longer one");
    }
    this.#offsets[count] = at;
  }

  /** Some of the texts. */
  slice(start: number, end: number): unknown[] {
    return Array.from({ length: end - start }, (_, index) => {
      const place = start + index;
      return this.#decode(
        this.#bytes.subarray(this.#offsets[place]! + 4, this.#offsets[place + 1]!),
      );
    });
  }

  /** Gives the page's memory back; {@linkcode slice} is of no use afterwards. */
  release(): void {
    if (this.#isOwned) release(this.#bytes);
  }
}
