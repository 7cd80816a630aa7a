const magic = 0x184d2204;
/** Bytes of a block at most, by the frame's descriptor. */
const blockBytes: readonly (number | undefined)[] = [
  ...new Array<undefined>(4),
  2 ** 16,
  2 ** 18,
  2 ** 20,
  2 ** 22,
];

/**
 * Decodes one LZ4 frame, as Arrow packs its buffers (LZ4 frame format 1.6.1; a block may refer to those
 * before it). Checksums are skipped: Arrow's writers make none.
 *
 * A byte makes 255 at most, so that no small frame takes all memory.
 *
 * @throws {Error} Where the frame is damaged or cut short.
 */
export function decodeLz4Frame(frame: Uint8Array): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 11 || view.getUint32(0, true) !== magic) throw new Error("it is no LZ4 frame");
  const flags = frame[4]!;
  const most = blockBytes[(frame[5]! >> 4) & 7];
  if (flags >> 6 !== 1 || most === undefined) {
    throw new Error("it is an LZ4 frame of another version");
  }
  if ((flags & 1) !== 0) throw new Error("its LZ4 frame needs a dictionary");
  let at = 7 + ((flags & 8) !== 0 ? 8 : 0);
  const checksumBytes = (flags & 16) !== 0 ? 4 : 0;
  const output = new Output();
  while (true) {
    if (at + 4 > frame.length) throw new Error("its LZ4 frame is cut short");
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) return output.bytes;
    const size = word & 0x7fffffff;
    const block = frame.subarray(at, at + size);
    if (block.length < size || size > most) {
      throw new Error("its LZ4 frame is cut short or damaged");
    }
    at += size + checksumBytes;
    const end = output.size + most;
    if (word >>> 31 === 1) output.append(block);
    else decodeBlock(block, output);
    if (output.size > end) throw new Error("its LZ4 frame is damaged");
  }
}

/** Bytes that grow at their end. */
class Output {
  size = 0;
  #bytes = new Uint8Array(2 ** 16);

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.size);
    this.size += bytes.length;
  }

  /** Appends bytes that stand `distance` before the end; they may be among those appended. */
  repeat(distance: number, count: number): void {
    if (distance === 0 || distance > this.size) throw new Error("its LZ4 frame is damaged");
    this.#reserve(count);
    const from = this.size - distance;
    if (distance >= count) this.#bytes.copyWithin(this.size, from, from + count);
    else for (let i = 0; i < count; i++) this.#bytes[this.size + i] = this.#bytes[from + i]!;
    this.size += count;
  }

  #reserve(count: number): void {
    if (this.size + count <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.size + count));
    larger.set(this.bytes);
    this.#bytes = larger;
  }
}

/** Decodes a block: runs of literal bytes, each but the last with a match behind it. */
function decodeBlock(block: Uint8Array, output: Output): void {
  let at = 0;
  const next = (): number => {
    if (at >= block.length) throw new Error("its LZ4 frame is cut short");
    return block[at++]!;
  };
  /** A length of four bits, and what follows it where all of them are set. */
  const lengthOf = (bits: number): number => {
    let length = bits;
    if (bits < 15) return length;
    for (let byte = 255; byte === 255;) length += byte = next();
    return length;
  };
  while (at < block.length) {
    const token = next();
    const literals = lengthOf(token >> 4);
    if (at + literals > block.length) throw new Error("its LZ4 frame is cut short");
    output.append(block.subarray(at, at + literals));
    at += literals;
    if (at === block.length) return;
    const distance = next() + 256 * next();
    output.repeat(distance, lengthOf(token & 15) + 4);
  }
}
