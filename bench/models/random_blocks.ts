import { type FloatDtype, fromFloat32 } from "../../src/checkpoint/tensor.ts";
import { seededRandom } from "../../src/numbers/seeded_random.ts";

/** Numbers of a block that is drawn once. */
const drawn = 1 << 22;
/** Most numbers of a piece, copied from somewhere in a block. */
const mostOfPiece = 1 << 20;

/** What numbers are drawn: evenly spread, with this mean and deviation. */
export interface Spread {
  readonly dtype: FloatDtype;
  readonly mean: number;
  readonly deviation: number;
}

/**
 * Random numbers by the gigabyte: a block of each spread is drawn once, and tensors are put together of
 * pieces from random places in it. Equal seeds give equal numbers.
 */
export class RandomBlocks {
  readonly #blocks = new Map<string, Uint8Array<ArrayBuffer>>();
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  /** So many numbers, in pieces. */
  *bytes(count: number, spread: Spread): Generator<Uint8Array<ArrayBuffer>> {
    const block = this.#block(spread);
    const size = block.byteLength / drawn;
    for (let done = 0; done < count;) {
      const piece = Math.min(mostOfPiece, count - done);
      const first = Math.floor(this.#random() * (drawn - piece));
      yield block.subarray(first * size, (first + piece) * size);
      done += piece;
    }
  }

  #block(spread: Spread): Uint8Array<ArrayBuffer> {
    const { dtype, mean, deviation } = spread;
    const key = JSON.stringify(spread);
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    const half = Math.sqrt(3) * deviation; // half the width of an even spread with this deviation
    const numbers = new Float32Array(drawn);
    for (let i = 0; i < drawn; i++) numbers[i] = mean + half * (2 * this.#random() - 1);
    const block = fromFloat32(numbers, dtype);
    this.#blocks.set(key, block);
    return block;
  }
}
