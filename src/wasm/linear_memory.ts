import { AssayError } from "../error.ts";

/** Bytes of a page, by which the memory grows. */
const pageBytes = 65536;
/** All addresses are multiples of it: a cache line. */
const alignment = 64;
/** The team's control block lies before the first address that is given out. */
const firstAddress = 1024;

/** Numbers in an engine's memory. */
export interface Place {
  readonly memory: LinearMemory;
  /** Where they begin, in bytes. */
  readonly address: number;
  /** The address that was allocated for them, or for what they are a part of. */
  readonly block: number;
}

interface Gap {
  readonly address: number;
  readonly bytes: number;
}

/** Gives out parts of a WebAssembly memory, which grows where they don't suffice, and never shrinks. */
export class LinearMemory {
  /** What is free, by address; no two gaps touch. */
  #gaps: Gap[];
  readonly #sizes = new Map<number, number>();
  #bytes = 0;

  /** @param memory Its first KiB is not given out. */
  constructor(readonly memory: WebAssembly.Memory) {
    const { byteLength } = memory.buffer;
    this.#gaps = [{ address: firstAddress, bytes: byteLength - firstAddress }];
  }

  /** Bytes that are given out now. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * The address of so many bytes, their content undefined.
   *
   * @throws {AssayError} `wasm/memory` where the runtime gives no more memory.
   */
  allocate(bytes: number): number {
    const size = Math.max(alignment, Math.ceil(bytes / alignment) * alignment);
    let best = this.#bestGap(size);
    if (best === undefined) {
      this.#grow(size);
      best = this.#bestGap(size)!;
    }
    const { address, bytes: room } = this.#gaps[best]!;
    if (room === size) this.#gaps.splice(best, 1);
    else this.#gaps[best] = { address: address + size, bytes: room - size };
    this.#sizes.set(address, size);
    this.#bytes += size;
    return address;
  }

  /** The smallest gap that is large enough. */
  #bestGap(size: number): number | undefined {
    let best: number | undefined;
    this.#gaps.forEach(({ bytes }, i) => {
      if (bytes >= size && (best === undefined || bytes < this.#gaps[best]!.bytes)) best = i;
    });
    return best;
  }

  #grow(size: number): void {
    const end = this.memory.buffer.byteLength;
    const last = this.#gaps.at(-1);
    const spare = last !== undefined && last.address + last.bytes === end ? last.bytes : 0;
    const pages = Math.ceil((size - spare) / pageBytes);
    try {
      this.memory.grow(pages);
    } catch {
      throw new AssayError(
        "wasm/memory",
        `Cannot hold ${size} more bytes: the WebAssembly engine has ${this.#bytes} in use, and the runtime ` +
          "gives it no more memory than the " +
          `${end} bytes that it has; set a lower memory budget ` +
          "(--memory-budget, the option memoryBudget), within which layers are streamed, or take shorter " +
          "conversations",
      );
    }
    this.#addGap({ address: end, bytes: pages * pageBytes });
  }

  /** Takes back what {@link LinearMemory.allocate} gave. */
  free(address: number): void {
    const bytes = this.#sizes.get(address);
    if (bytes === undefined) return;
    this.#sizes.delete(address);
    this.#bytes -= bytes;
    this.#addGap({ address, bytes });
  }

  #addGap(gap: Gap): void {
    let at = this.#gaps.findIndex(({ address }) => address > gap.address);
    if (at < 0) at = this.#gaps.length;
    const [before, after] = [this.#gaps[at - 1], this.#gaps[at]];
    const joinsBefore = before !== undefined && before.address + before.bytes === gap.address;
    const joinsAfter = after !== undefined && gap.address + gap.bytes === after.address;
    const address = joinsBefore ? before.address : gap.address;
    const end = joinsAfter ? after.address + after.bytes : gap.address + gap.bytes;
    const first = joinsBefore ? at - 1 : at;
    const count = (joinsBefore ? 1 : 0) + (joinsAfter ? 1 : 0);
    this.#gaps.splice(first, count, { address, bytes: end - address });
  }

  /** All addresses that are given out, for a backend that takes everything back. */
  get addresses(): readonly number[] {
    return [...this.#sizes.keys()];
  }

  /** Numbers at an address; a view that is good until the memory grows. */
  float32(address: number, count: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer as ArrayBuffer, address, count);
  }

  /** As {@link LinearMemory.float32}, of u32 numbers. */
  uint32(address: number, count: number): Uint32Array<ArrayBuffer> {
    return new Uint32Array(this.memory.buffer as ArrayBuffer, address, count);
  }

  /** As {@link LinearMemory.float32}, of bytes. */
  uint8(address: number, count: number): Uint8Array<ArrayBuffer> {
    return new Uint8Array(this.memory.buffer as ArrayBuffer, address, count);
  }
}
