/** What a {@linkcode ZstdFrames} waits for next, and how many bytes of it. */
type Part = "magic" | "descriptor" | "header" | "block" | "checksum" | "size" | "skipped";

const magic = 0xfd2fb528;

/**
 * Follows the frames of a Zstandard stream by their headers (RFC 8878), without decoding them: tells
 * where each ends, and whether the stream ends where a frame does. Deno's decoder takes the end of a
 * file that was cut short for the end of the data, and loses frames behind the first, in silence.
 */
export class ZstdFrames {
  #part: Part = "magic";
  #needed = 4;
  #field: number[] = [];
  #skip = 0;
  #hasChecksum = false;

  /** Whether the bytes so far end with a frame. */
  get isWhole(): boolean {
    return this.#part === "magic" && this.#field.length === 0 && this.#skip === 0;
  }

  /**
   * Takes in the bytes that follow, as far as the end of a frame.
   *
   * @returns Where in them the frame ends; `undefined` where it does not.
   */
  push(bytes: Uint8Array): number | undefined {
    for (let at = 0; at < bytes.length;) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
        if (this.#skip === 0 && this.#part === "skipped") this.#expect("magic", 4);
      } else {
        this.#field.push(bytes[at++]!);
        if (this.#field.length === this.#needed) this.#finish();
      }
      if (this.isWhole) return at;
    }
    return undefined;
  }

  /** A field is complete: says what comes next. */
  #finish(): void {
    const value = this.#field.reduceRight((sum, byte) => sum * 256 + byte, 0);
    switch (this.#part) {
      case "magic":
        if (value === magic) this.#expect("descriptor", 1);
        else this.#expect("size", 4); // a skippable frame; the decoder refuses anything else
        break;
      case "size":
        this.#expect(value === 0 ? "magic" : "skipped", 4);
        this.#skip = value;
        break;
      case "descriptor":
        this.#hasChecksum = (value & 4) !== 0;
        this.#expect("header", headerBytes(value));
        break;
      case "header":
        this.#expect("block", 3);
        break;
      case "block": {
        const isRun = ((value >> 1) & 3) === 1;
        const isLast = (value & 1) === 1;
        this.#expect(isLast ? this.#hasChecksum ? "checksum" : "magic" : "block", isLast ? 4 : 3);
        this.#skip = isRun ? 1 : value >> 3;
        break;
      }
      default:
        this.#expect("magic", 4);
    }
  }

  #expect(part: Part, needed: number): void {
    this.#part = part;
    this.#needed = needed;
    this.#field = [];
    if (needed === 0) this.#finish();
  }
}

/** Bytes of a frame's header after its descriptor: window, dictionary, size of the content. */
function headerBytes(descriptor: number): number {
  const isSingleSegment = (descriptor & 32) !== 0;
  const sizeFlag = descriptor >> 6;
  const size = sizeFlag === 0 ? (isSingleSegment ? 1 : 0) : 1 << sizeFlag;
  const dictionary = [0, 1, 2, 4][descriptor & 3]!;
  return (isSingleSegment ? 0 : 1) + dictionary + size;
}
