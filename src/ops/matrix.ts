import type { Binding } from "../gpu/recorder.ts";
import { AssayError } from "../error.ts";

/** Where numbers lie: in host memory, or in a range of a buffer on the device. */
export type Storage<Numbers> = Numbers | Binding;

function hostNumbers<Numbers>(storage: Storage<Numbers>, what: string): Numbers {
  if (isBinding(storage)) throw wrongSide(what, "in host memory", "on the device");
  return storage;
}

function deviceBinding<Numbers>(storage: Storage<Numbers>, what: string): Binding {
  if (!isBinding(storage)) throw wrongSide(what, "on the device", "in host memory");
  return storage;
}

function isBinding(storage: unknown): storage is Binding {
  return typeof storage === "object" && storage !== null && "buffer" in storage &&
    !ArrayBuffer.isView(storage);
}

function wrongSide(what: string, expected: string, found: string): AssayError {
  return new AssayError(
    "ops/wrong-backend",
    `Cannot use ${what}: expected it ${expected}, found it ${found}; a backend runs on its own matrices`,
  );
}

/** A row-major f32 matrix: activations, norm weights, biases. */
export class Matrix {
  constructor(
    readonly rows: number,
    readonly columns: number,
    readonly storage: Storage<Float32Array<ArrayBuffer>>,
  ) {}

  /** The numbers in host memory (CPU backend). */
  get host(): Float32Array<ArrayBuffer> {
    return hostNumbers(this.storage, `a ${this.rows} × ${this.columns} matrix`);
  }

  /** The range on the device (GPU backend). */
  get device(): Binding {
    return deviceBinding(this.storage, `a ${this.rows} × ${this.columns} matrix`);
  }

  /** The same numbers as rows of another length. */
  reshape(rows: number, columns: number): Matrix {
    if (rows * columns !== this.rows * this.columns) {
      throw new AssayError(
        "ops/shape",
        `Cannot reshape ${this.rows} × ${this.columns} to ${rows} × ${columns}`,
      );
    }
    return new Matrix(rows, columns, this.storage);
  }

  /** Some of the rows, not copied. On the device, `first` must be a multiple of {@link rowAlignment}. */
  view(first: number, count: number): Matrix {
    const { rows, columns, storage } = this;
    if (first < 0 || count < 0 || first + count > rows) {
      throw new AssayError("ops/shape", `Cannot view rows ${first}+${count} of ${rows}`);
    }
    if (!isBinding(storage)) {
      const numbers = storage.subarray(first * columns, (first + count) * columns);
      return new Matrix(count, columns, numbers);
    }
    const { buffer, offset } = storage;
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
    return hostNumbers(this.storage, `a list of ${this.length} indices`);
  }

  /** The range on the device (GPU backend). */
  get device(): Binding {
    return deviceBinding(this.storage, `a list of ${this.length} indices`);
  }
}

/** The number types in which weights are stored and used. */
export type WeightType = "F32" | "F16" | "BF16";

/** A range of a weight's rows as stored, in one buffer: a weight may be larger than one binding. */
export interface BufferPart {
  readonly layout: "buffer";
  readonly weight: Binding;
  /** (inputs, first output column, output columns, 0), for the kernel. */
  readonly shape: Binding;
  readonly rows: number;
}

/** A whole weight, laid out for `matmul_texture.wgsl`. */
export interface TexturePart {
  readonly layout: "texture";
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  /** (inputs, output columns, 0, 0), for the kernel. */
  readonly shape: Binding;
  /** Stands in for a bias where there is none. */
  readonly zeros: Binding;
}

/** Where a weight lies on the device. */
export type WeightPart = BufferPart | TexturePart;

/** A weight matrix [outputs, inputs] in the type it was stored in; constant for its life. */
export class Weight implements Disposable {
  /**
   * @param rows Outputs.
   * @param columns Inputs.
   * @param type The stored type. On the host the numbers are widened to f32, which is exact.
   * @param storage The f32 numbers (CPU backend) or the parts on the device (GPU backend).
   */
  constructor(
    readonly rows: number,
    readonly columns: number,
    readonly type: WeightType,
    readonly storage: Float32Array<ArrayBuffer> | readonly WeightPart[],
  ) {}

  /** The numbers in host memory (CPU backend). */
  get host(): Float32Array<ArrayBuffer> {
    if (this.storage instanceof Float32Array) return this.storage;
    throw wrongSide(`a ${this.rows} × ${this.columns} weight`, "in host memory", "on the device");
  }

  /** The parts on the device (GPU backend). */
  get parts(): readonly WeightPart[] {
    if (!(this.storage instanceof Float32Array)) return this.storage;
    throw wrongSide(`a ${this.rows} × ${this.columns} weight`, "on the device", "in host memory");
  }

  /** Frees the device memory. */
  [Symbol.dispose](): void {
    if (this.storage instanceof Float32Array) return;
    for (const part of this.storage) {
      if (part.layout === "texture") part.texture.destroy();
      else part.weight.buffer.destroy();
      part.shape.buffer.destroy();
    }
  }
}
