import { AssayError } from "../error.ts";
import type { Binding } from "../gpu/bind_group_cache.ts";
import type { Place } from "../wasm/linear_memory.ts";
import type { FloatDtype } from "../checkpoint/tensor.ts";
import {
  isQuantized,
  quantizedRowBytes,
  type QuantizedType,
} from "./quantization/quantized_rows.ts";

/** The number types in which weights are stored and used. */
export type WeightType = FloatDtype | QuantizedType;

/** Bytes of one number of each type of plain weights. */
export const bytesPerWeight: Readonly<Record<FloatDtype, number>> = { F32: 4, F16: 2, BF16: 2 };

/** All types of weights. */
export const weightTypes: readonly WeightType[] = [
  ...["F32", "F16", "BF16"] as const,
  ...["I8x32", "I8x128", "I4x32", "I4x128"] as const,
];

/** Whether kernels take weights of a type. */
export function isWeightType(type: string): type is WeightType {
  return (weightTypes as readonly string[]).includes(type);
}

/** Bytes of a weight's row; of a quantized one with its scales. */
export function rowBytesOf(columns: number, type: WeightType): number {
  return isQuantized(type) ? quantizedRowBytes(columns, type) : columns * bytesPerWeight[type];
}

/** A range of a weight's rows as stored, in one buffer: a weight may be larger than one binding. */
export interface BufferPart {
  readonly layout: "buffer";
  readonly weight: Binding;
  /** (inputs, first output column, output columns, 0), for the kernel. */
  readonly shape: Binding;
  readonly rows: number;
}

/** A whole weight, laid out by `writeTexels()`, or where quantized by `pack_quantized_weights.wgsl`. */
export interface TexturePart {
  readonly layout: "texture";
  readonly texture: GPUTexture;
  readonly view: GPUTextureView;
  /** (inputs, output columns, steps per segment, 0), for the kernel. */
  readonly shape: Binding;
  readonly bytes: number;
}

/** Where a weight lies on the device. */
export type WeightPart = BufferPart | TexturePart;

/** A weight matrix [outputs, inputs] in the type it is used in; constant for its life. */
export class Weight implements Disposable {
  /**
   * @param rows Outputs.
   * @param columns Inputs.
   * @param type The type that it is used in. On the host the numbers are widened to f32, which is exact.
   * @param storage The f32 numbers (CPU backend), the parts on the device (GPU backend), or panels in the
   *   engine's memory (WebAssembly backend).
   */
  constructor(
    readonly rows: number,
    readonly columns: number,
    readonly type: WeightType,
    readonly storage: Float32Array<ArrayBuffer> | readonly WeightPart[] | Place,
  ) {}

  /** The numbers in host memory (CPU backend). */
  get host(): Float32Array<ArrayBuffer> {
    if (this.storage instanceof Float32Array) return this.storage;
    throw this.#elsewhere("in host memory");
  }

  /** The parts on the device (GPU backend). */
  get parts(): readonly WeightPart[] {
    if (Array.isArray(this.storage)) return this.storage;
    throw this.#elsewhere("on the device");
  }

  /** The address of its panels in the engine's memory (WebAssembly backend). */
  get address(): number {
    if ("address" in this.storage) return this.storage.address;
    throw this.#elsewhere("in an engine's memory");
  }

  #elsewhere(expected: string): AssayError {
    const found = this.storage instanceof Float32Array
      ? "in host memory"
      : "address" in this.storage
      ? "in an engine's memory"
      : "on the device";
    return new AssayError(
      "ops/wrong-backend",
      `Cannot use a ${this.rows} × ${this.columns} weight: expected it ${expected}, found it ${found}; ` +
        "a backend computes with its own weights",
    );
  }

  /** Frees the device memory. */
  [Symbol.dispose](): void {
    if (this.storage instanceof Float32Array) return;
    if ("address" in this.storage) {
      this.storage.memory.free(this.storage.address);
      return;
    }
    for (const part of this.storage) {
      if (part.layout === "texture") part.texture.destroy();
      else part.weight.buffer.destroy();
      part.shape.buffer.destroy();
    }
  }
}

/** Checks a weight's shape against its bytes and against what the kernels take. */
export function checkWeight(
  rows: number,
  columns: number,
  type: WeightType,
  bytes: Uint8Array<ArrayBuffer>,
): void {
  const expected = rows * rowBytesOf(columns, type);
  if (rows < 1 || columns < 8 || columns % 8 !== 0 || bytes.byteLength !== expected) {
    throw new AssayError(
      "ops/shape",
      `Cannot use a ${rows} × ${columns} weight of type ${type} in ${bytes.byteLength} bytes: ` +
        `expected at least one row, columns in multiples of 8, and ${expected} bytes`,
    );
  }
}
