import { AssayError } from "../error.ts";
import type { Binding } from "../gpu/bind_group_cache.ts";
import type { PooledTexture } from "../gpu/texture_pool.ts";
import type { Place } from "../wasm/linear_memory.ts";

type HostNumbers = Float32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Where numbers lie: in host memory, in a range of a buffer, in a texture, in an engine's memory. */
export type Storage<Numbers extends HostNumbers> = Numbers | Binding | PooledTexture | Place;

function inHost<Numbers extends HostNumbers>(storage: Storage<Numbers>): storage is Numbers {
  return ArrayBuffer.isView(storage);
}

function memoryOf(storage: Storage<HostNumbers>): unknown {
  if (inHost(storage) || "buffer" in storage) return storage.buffer;
  return "texture" in storage ? storage.texture : storage.block;
}

function elsewhere(what: string, expected: string, storage: Storage<HostNumbers>): AssayError {
  const found = inHost(storage)
    ? "in host memory"
    : "texture" in storage
    ? "in a texture"
    : "address" in storage
    ? "in an engine's memory"
    : "in a buffer";
  return new AssayError(
    "ops/wrong-backend",
    `Cannot use ${what}: expected it ${expected}, found it ${found}`,
  );
}

/** A row-major f32 matrix: activations, norm weights, biases. */
export class Matrix {
  constructor(
    readonly rows: number,
    readonly columns: number,
    readonly storage: Storage<Float32Array<ArrayBuffer>>,
    /** How many of the columns hold nothing but zeros, since kernels take no other sizes. */
    readonly padding: number = 0,
  ) {}

  /** The numbers in host memory (CPU backend). */
  get host(): Float32Array<ArrayBuffer> {
    if (inHost(this.storage)) return this.storage;
    throw elsewhere(this.#name, "in host memory", this.storage);
  }

  /** The range of a buffer (GPU backend). */
  get device(): Binding {
    if (!inHost(this.storage) && "buffer" in this.storage) return this.storage;
    throw elsewhere(this.#name, "in a buffer", this.storage);
  }

  /** The texture, four columns to a texel, or `undefined` where the numbers lie elsewhere. */
  get texture(): PooledTexture | undefined {
    return !inHost(this.storage) && "texture" in this.storage ? this.storage : undefined;
  }

  /** Its address in the engine's memory (WebAssembly backend). */
  get address(): number {
    if (!inHost(this.storage) && "address" in this.storage) return this.storage.address;
    throw elsewhere(this.#name, "in an engine's memory", this.storage);
  }

  /** Whether both lie in the same memory, be it in other parts of it. */
  sharesMemory({ storage }: Matrix): boolean {
    return memoryOf(this.storage) === memoryOf(storage);
  }

  get #name(): string {
    return `a ${this.rows} × ${this.columns} matrix`;
  }

  /** The same numbers as rows of another length; not of a texture. */
  reshape(rows: number, columns: number): Matrix {
    if (rows * columns !== this.rows * this.columns || this.texture !== undefined) {
      throw new AssayError("ops/shape", `Cannot reshape ${this.#name} to ${rows} × ${columns}`);
    }
    return new Matrix(rows, columns, this.storage);
  }

  /**
   * Some of the rows, not copied; not of a texture. On the device, `first` must be a multiple of
   * {@link rowAlignment}.
   */
  view(first: number, count: number): Matrix {
    const { rows, columns, storage } = this;
    if (first < 0 || count < 0 || first + count > rows) {
      throw new AssayError("ops/shape", `Cannot view rows ${first} + ${count} of ${this.#name}`);
    }
    if (inHost(storage)) {
      const numbers = storage.subarray(first * columns, (first + count) * columns);
      return new Matrix(count, columns, numbers);
    }
    if ("address" in storage) {
      return new Matrix(count, columns, {
        ...storage,
        address: storage.address + 4 * first * columns,
      });
    }
    const { buffer, offset } = this.device;
    const size = count * columns * 4;
    return new Matrix(count, columns, { buffer, offset: offset + first * columns * 4, size });
  }
}

/** Rows of a view start at a multiple of this: a binding's offset is a multiple of 256 bytes. */
export const rowAlignment = 64;

/** A list of u32 numbers: rows to gather, spans of keys. */
export class Indices {
  constructor(readonly length: number, readonly storage: Storage<Uint32Array<ArrayBuffer>>) {}

  /** The numbers in host memory (CPU backend). */
  get host(): Uint32Array<ArrayBuffer> {
    if (inHost(this.storage)) return this.storage;
    throw elsewhere(`a list of ${this.length} indices`, "in host memory", this.storage);
  }

  /** The range of a buffer (GPU backend). */
  get device(): Binding {
    if (!inHost(this.storage) && "buffer" in this.storage) return this.storage;
    throw elsewhere(`a list of ${this.length} indices`, "in a buffer", this.storage);
  }

  /** Its address in the engine's memory (WebAssembly backend). */
  get address(): number {
    if (!inHost(this.storage) && "address" in this.storage) return this.storage.address;
    throw elsewhere(`a list of ${this.length} indices`, "in an engine's memory", this.storage);
  }

  /** Some of the numbers, not copied. On the device, `first` must be a multiple of {@link rowAlignment}. */
  view(first: number, count: number): Indices {
    if (first < 0 || count < 0 || first + count > this.length) {
      throw new AssayError(
        "ops/shape",
        `Cannot view numbers ${first} + ${count} of a list of ${this.length} indices`,
      );
    }
    if (inHost(this.storage)) {
      return new Indices(count, this.storage.subarray(first, first + count));
    }
    if ("address" in this.storage) {
      return new Indices(count, { ...this.storage, address: this.storage.address + 4 * first });
    }
    const { buffer, offset } = this.device;
    return new Indices(count, { buffer, offset: offset + 4 * first, size: 4 * count });
  }
}
