/** Structs inside of one another at most; Parquet's own headers have eight. */
const deepest = 24;
/** Bytes of a number of 64 bits. */
const longestNumber = 10;

/**
 * Checks a struct of Thrift's compact protocol, as Parquet's footer and page headers are, before it
 * is decoded: numbers that end, lists that fit, no endless nesting.
 *
 * @returns Where the struct ends; `undefined` where the bytes end first.
 * @throws {Error} Where the bytes are no such struct.
 */
export function endOfThrift(bytes: Uint8Array, start: number): number | undefined {
  const walk = new ThriftWalk(bytes, start);
  try {
    walk.struct(0);
    return walk.at;
  } catch (error) {
    if (error instanceof BytesEnd) return undefined;
    throw error;
  }
}

class BytesEnd extends Error {}

class ThriftWalk {
  at: number;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array, start: number) {
    this.#bytes = bytes;
    this.at = start;
  }

  struct(depth: number): void {
    if (depth > deepest) throw new Error(`a header of more than ${deepest} levels`);
    for (;;) {
      const head = this.#byte();
      if ((head & 0x0f) === 0) return;
      if (head >> 4 === 0) this.#number();
      this.#value(head & 0x0f, depth);
    }
  }

  #value(type: number, depth: number): void {
    switch (type) {
      case 1: // true
      case 2: // false
        return;
      case 3: // a byte
        return this.#skip(1);
      case 4:
      case 5:
      case 6: // whole numbers
        this.#number();
        return;
      case 7: // a double
        return this.#skip(8);
      case 8: // bytes
        return this.#skip(this.#number());
      case 9:
        return this.#list(depth);
      case 12:
        return this.struct(depth + 1);
      default:
        throw new Error(`a header with a value of type ${type}, which Parquet has not`);
    }
  }

  #list(depth: number): void {
    const head = this.#byte();
    const size = head >> 4 === 15 ? this.#number() : head >> 4;
    const type = head & 0x0f;
    // Every element takes a byte at least.
    if (size > this.#bytes.length - this.at) throw new BytesEnd();
    for (let i = 0; i < size; i++) {
      // A truth value in a list takes a byte.
      if (type <= 2) this.#skip(1);
      else this.#value(type, depth + 1);
    }
  }

  #byte(): number {
    const byte = this.#bytes[this.at++];
    if (byte === undefined) throw new BytesEnd();
    return byte;
  }

  #skip(count: number): void {
    this.at += count;
    if (this.at > this.#bytes.length) throw new BytesEnd();
  }

  #number(): number {
    let value = 0;
    for (let length = 0; length < longestNumber; length++) {
      const byte = this.#byte();
      value += (byte & 0x7f) * 2 ** (7 * length);
      if (byte < 0x80) return value;
    }
    throw new Error(`a header with a number of more than ${longestNumber} bytes`);
  }
}
