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
  readonly #free = new Map<number, GPUBuffer[]>();
  /** Those of {@link #free} with their sizes, given back longest ago first. */
  readonly #idle = new Map<GPUBuffer, number>();
  readonly #sizes = new Map<GPUBuffer, number>();
  /** Buffers given back since the last submission. */
  readonly #recording = new Set<GPUBuffer>();

  constructor(readonly create: (size: number, usage: GPUBufferUsageFlags) => GPUBuffer) {}

  /** Bytes of all buffers that the pool has made and not destroyed. */
  get bytes(): number {
    let bytes = 0;
    for (const size of this.#sizes.values()) bytes += size;
    return bytes;
  }

  /** A buffer of at least `size` bytes, its content undefined. */
  acquire(size: number, purpose: "record" | "upload"): GPUBuffer {
    const rounded = sizeClass(size);
    const free = this.#free.get(rounded) ?? [];
    const index = purpose === "record"
      ? free.length - 1
      : free.findLastIndex((buffer) => !this.#recording.has(buffer));
    const [found] = index >= 0 ? free.splice(index, 1) : [];
    const buffer = found ?? this.create(rounded, storageUsage);
    this.#idle.delete(buffer);
    this.#sizes.set(buffer, rounded);
    return buffer;
  }

  /** Gives a buffer back; commands recorded so far still see its content. */
  release(buffer: GPUBuffer): void {
    const size = this.#sizes.get(buffer);
    if (size === undefined) return;
    this.#recording.add(buffer); // its last readers may be recorded and not yet submitted
    this.#idle.set(buffer, size);
    const free = this.#free.get(size);
    if (free === undefined) this.#free.set(size, [buffer]);
    else free.push(buffer);
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
      const free = this.#free.get(size)!;
      free.splice(free.indexOf(buffer), 1);
      this.#idle.delete(buffer);
      this.#sizes.delete(buffer);
      buffer.destroy();
      freed += size;
    }
    return freed;
  }

  /** Takes every buffer back, after an error left some of them held. */
  reclaim(): void {
    this.#free.clear();
    this.#idle.clear();
    for (const buffer of this.#sizes.keys()) this.release(buffer);
    this.#recording.clear();
  }

  /** Destroys every buffer, held or not. */
  destroy(): void {
    for (const buffer of this.#sizes.keys()) buffer.destroy();
    this.#sizes.clear();
    this.#free.clear();
    this.#idle.clear();
    this.#recording.clear();
  }
}

/** Rounds up to one of eight steps between powers of two: at most an eighth is wasted. */
function sizeClass(size: number): number {
  const step = Math.max(256, 2 ** Math.floor(Math.log2(size)) / 8);
  return Math.ceil(size / step) * step;
}
