/** A texture for intermediate results, with the view that kernels bind. */
export interface PooledTexture {
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  readonly bytes: number;
}

/** Heights are rounded up to a multiple of this, so that packs of about one size share textures. */
const rowStep = 256;

/**
 * Texels that a side has to spare. lavapipe compiles a kernel anew for textures with a side that is a
 * power of two; an odd side never is.
 */
export const spareTexels = 1;

/** Largest number of rows that a texture holds whose sides may have `most` texels. */
export function mostTextureRows(most: number): number {
  return Math.floor((most - spareTexels) / rowStep) * rowStep;
}

/**
 * Reuses the f32 textures that kernels read activations from. Only commands write them, in order, so
 * a texture may be handed on as soon as its last reader is recorded.
 */
export class TexturePool {
  readonly #all = new Set<PooledTexture>();
  /** Textures that nobody holds, given back longest ago first. */
  readonly #idle = new Set<PooledTexture>();
  /** Textures given back since the last submission. */
  readonly #recording = new Set<PooledTexture>();

  /**
   * @param create Makes a texture.
   * @param onEvict Told of a texture before it is destroyed.
   */
  constructor(
    readonly create: (width: number, height: number) => PooledTexture,
    readonly onEvict: (texture: PooledTexture) => void = () => {},
  ) {}

  /** Bytes of all textures that the pool has made. */
  get bytes(): number {
    let bytes = 0;
    for (const texture of this.#all) bytes += texture.bytes;
    return bytes;
  }

  /**
   * A texture for rows of so many texels, one wider than these and higher, its content undefined: the
   * lowest idle one, the latest given back of equals, else a new one.
   */
  acquire(texels: number, rows: number): PooledTexture {
    const width = texels + spareTexels;
    const height = Math.ceil(rows / rowStep) * rowStep + spareTexels;
    let found: PooledTexture | undefined;
    for (const idle of this.#idle) {
      if (idle.texture.width !== width || idle.texture.height < height) continue;
      if (found === undefined || idle.texture.height <= found.texture.height) found = idle;
    }
    if (found === undefined) {
      found = this.create(width, height);
      this.#all.add(found);
    }
    this.#idle.delete(found);
    return found;
  }

  /** Gives a texture back; commands recorded so far still see its content. */
  release(texture: PooledTexture): void {
    this.#recording.add(texture);
    this.#idle.add(texture);
  }

  /** Tells the pool that all commands recorded so far were submitted. */
  submitted(): void {
    this.#recording.clear();
  }

  /**
   * Destroys idle textures until so many bytes are free, but none that recorded, unsubmitted
   * commands use.
   *
   * @returns The bytes freed.
   */
  evict(bytes: number): number {
    let freed = 0;
    for (const texture of this.#idle) {
      if (freed >= bytes) break;
      if (this.#recording.has(texture)) continue;
      this.#idle.delete(texture);
      this.#all.delete(texture);
      this.onEvict(texture);
      texture.texture.destroy();
      freed += texture.bytes;
    }
    return freed;
  }

  /** Takes every texture back, after an error left some of them held. */
  reclaim(): void {
    this.#idle.clear();
    for (const texture of this.#all) this.release(texture);
    this.#recording.clear();
  }

  /** Destroys every texture. */
  destroy(): void {
    for (const { texture } of this.#all) texture.destroy();
    this.#all.clear();
    this.#idle.clear();
    this.#recording.clear();
  }
}
