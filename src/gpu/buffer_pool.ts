/** Storage buffers hold matrices and indices; they are written by uploads and read back by copies. */
const storageUsage = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC

/**
 * Reuses the buffers of matrices that live for a few kernels.
 *
 * A buffer released while commands that read it wait to be submitted may be written by a later
 * command (commands keep their order), but not by an upload, which runs before all of them. So
 * {@link BufferPool.acquire} for an upload passes over buffers given back since the last submission.
 */
export class BufferPool {
  /** Buffers that nobody holds, with their sizes, given back longest ago first. */
  readonly #idle = new Map<GPUBuffer, number>();
  readonly #sizes = new Map<GPUBuffer, number>();
  /** Buffers given back since the last submission. */
  readonly #recording = new Set<GPUBuffer>();

  /**
   * @param create Makes a buffer.
   * @param onEvict Told of a buffer before it is destroyed.
   */
  constructor(
    readonly create: (size: number, usage: GPUBufferUsageFlags) => GPUBuffer,
    readonly onEvict: (buffer: GPUBuffer) => void = () => {},
  ) {}

  /** Bytes of all buffers that the pool has made and not destroyed. */
  get bytes(): number {
    let bytes = 0;
    for (const size of this.#sizes.values()) bytes += size;
    return bytes;
  }

  /**
   * A buffer of at least `size` bytes, its content undefined: the smallest idle one that is not far
   * too large, the latest given back of equals, else a new one.
   */
  acquire(size: number, purpose: "record" | "upload"): GPUBuffer {
    const rounded = sizeClass(size);
    let found: GPUBuffer | undefined;
    let least = mostTooLarge * rounded;
    for (const [buffer, held] of this.#idle) {
      if (held < rounded || held > least) continue;
      if (purpose === "upload" && this.#recording.has(buffer)) continue;
      [found, least] = [buffer, held];
    }
    if (found === undefined) {
      found = this.create(rounded, storageUsage);
      this.#sizes.set(found, rounded);
    }
    this.#idle.delete(found);
    return found;
  }

  /** Gives a buffer back; commands recorded so far still see its content. */
  release(buffer: GPUBuffer): void {
    const size = this.#sizes.get(buffer);
    if (size === undefined) return;
    this.#recording.add(buffer); // its last readers may be recorded and not yet submitted
    this.#idle.set(buffer, size);
  }

  /** Tells the pool that all commands recorded so far were submitted. */
  submitted(): void {
    this.#recording.clear();
  }

  /**
   * Destroys idle buffers until so many bytes are free, but none that recorded, unsubmitted commands
   * use.
   *
   * @returns The bytes freed.
   */
  evict(bytes: number): number {
    let freed = 0;
    for (const [buffer, size] of this.#idle) {
      if (freed >= bytes) break;
      if (this.#recording.has(buffer)) continue;
      this.#idle.delete(buffer);
      this.#sizes.delete(buffer);
      this.onEvict(buffer);
      buffer.destroy();
      freed += size;
    }
    return freed;
  }

  /** Takes every buffer back, after an error left some of them held. */
  reclaim(): void {
    this.#idle.clear();
    for (const buffer of this.#sizes.keys()) this.release(buffer);
    this.#recording.clear();
  }

  /** Destroys every buffer, held or not. */
  destroy(): void {
    for (const buffer of this.#sizes.keys()) buffer.destroy();
    this.#sizes.clear();
    this.#idle.clear();
    this.#recording.clear();
  }
}

/**
 * A buffer may have so many times the size that is wanted: a small pack uses a large one's memory,
 * but a list of indices does not take that of the hidden states.
 */
const mostTooLarge = 8;

/** Rounds up to one of eight steps between powers of two: at most an eighth is wasted. */
function sizeClass(size: number): number {
  const step = Math.max(256, 2 ** Math.floor(Math.log2(size)) / 8);
  return Math.ceil(size / step) * step;
}
