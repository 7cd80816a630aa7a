import { packWeightsShader } from "../../shaders/shaders.ts";
import { AssayError } from "../error.ts";
import type { Device } from "../gpu/device.ts";
import { chooseFamily, type KernelFamily } from "../gpu/kernel_family.ts";
import { type Binding, Recorder } from "../gpu/recorder.ts";
import {
  type BufferPart,
  Indices,
  Matrix,
  type TexturePart,
  Weight,
  type WeightPart,
  type WeightType,
} from "./matrix.ts";
import type { Backend, Operation } from "./operation.ts";
import { bytesPerWeight, checkWeight } from "./weight_bytes.ts";
import { workgroupsFor } from "./workgroups.ts";

const storageUsage = 0x80 | 0x08; // STORAGE | COPY_DST
const uniformUsage = 0x40 | 0x08; // UNIFORM | COPY_DST

/** Runs the kernels on a WebGPU device, which it owns. */
export class GpuBackend implements Backend {
  readonly kind = "gpu";
  readonly #recorder: Recorder;
  #constantBytes = 0;

  /** Stands in for the bias of products without one. */
  readonly #zeros: Binding;

  /**
   * @param device The device; disposed of with this backend.
   * @param family Which kernels to use; by default those that are fast on the device.
   * @param maxMatrixBytes Largest part of a weight or matrix; smaller than the device's own limit
   *   only in tests.
   */
  constructor(
    readonly device: Device,
    readonly family: KernelFamily = chooseFamily(device),
    readonly maxMatrixBytes: number = device.maxBindingBytes,
  ) {
    this.#recorder = new Recorder(device, family);
    this.#zeros = this.#constant(new Float32Array(4), storageUsage);
  }

  /** Bytes of device memory held now. */
  get bytes(): number {
    return this.device.pool.bytes + this.device.textures.bytes + this.#constantBytes;
  }

  /** See {@link Backend.matrix}. */
  matrix(rows: number, columns: number): Matrix {
    return this.#matrix(rows, columns, "record");
  }

  #matrix(rows: number, columns: number, purpose: "record" | "upload"): Matrix {
    const size = rows * columns * 4;
    if (size > this.maxMatrixBytes) {
      throw new AssayError(
        "gpu/matrix-size",
        `Cannot hold a ${rows} × ${columns} matrix: its ${size} bytes are over this adapter's ` +
          `limit of ${this.maxMatrixBytes} for one binding; use smaller packs`,
      );
    }
    const buffer = this.device.pool.acquire(size, purpose);
    return new Matrix(rows, columns, { buffer, offset: 0, size });
  }

  /** See {@link Backend.upload}. */
  upload(rows: number, columns: number, numbers: Float32Array<ArrayBuffer>): Matrix {
    const matrix = this.#matrix(rows, columns, "upload");
    this.device.upload(matrix.device.buffer, 0, numbers);
    return matrix;
  }

  /** See {@link Backend.uploadIndices}. */
  uploadIndices(numbers: Uint32Array<ArrayBuffer>): Indices {
    const size = numbers.byteLength;
    const buffer = this.device.pool.acquire(size, "upload");
    this.device.upload(buffer, 0, numbers);
    return new Indices(numbers.length, { buffer, offset: 0, size });
  }

  /** See {@link Backend.release}. */
  release(...values: (Matrix | Indices)[]): void {
    for (const value of values) this.device.pool.release(value.device.buffer);
  }

  /** See {@link Backend.weight}. */
  weight(
    rows: number,
    columns: number,
    type: WeightType,
    bytes: Uint8Array<ArrayBuffer>,
  ): Weight {
    checkWeight(rows, columns, type, bytes);
    const before = this.#constantBytes;
    const parts = this.#fitsTexture(rows, columns, type)
      ? [this.#texturePart(rows, columns, type, bytes)]
      : this.#bufferParts(rows, columns, type, bytes);
    const held = this.#constantBytes - before;
    return new CountedWeight(rows, columns, type, parts, () => this.#constantBytes -= held);
  }

  #fitsTexture(rows: number, columns: number, type: WeightType): boolean {
    const most = this.device.limits.maxTextureDimension2D;
    const { width, height } = textureSize(rows, columns, type);
    return this.family === "texture" && rows % 4 === 0 && width <= most && height <= most &&
      rows * columns * bytesPerWeight[type] <= this.maxMatrixBytes;
  }

  /** Uploads the bytes as stored and has a kernel lay them out. */
  #texturePart(
    rows: number,
    columns: number,
    type: WeightType,
    bytes: Uint8Array<ArrayBuffer>,
  ): TexturePart {
    const { device } = this;
    const { width, height } = textureSize(rows, columns, type);
    const texture = device.createTexture(width, height, "rgba32uint");
    const view = texture.createView();
    this.#constantBytes += width * height * 16;
    const stored = device.createBuffer(bytes.byteLength, storageUsage);
    device.upload(stored, 0, bytes);
    this.#recorder.dispatch({
      shader: packWeightsShader,
      constants: {},
      bindings: [{ buffer: stored, offset: 0, size: bytes.byteLength }, view],
      workgroups: workgroupsFor(width * height, 64),
    });
    this.#recorder.submit();
    stored.destroy(); // once the submitted commands are done with it
    const shape = this.#constant(new Uint32Array([columns, rows, 0, 0]), uniformUsage);
    return { layout: "texture", texture, view, shape, zeros: this.#zeros };
  }

  /** Uploads the bytes as stored, split by rows where they are more than one binding may hold. */
  #bufferParts(
    rows: number,
    columns: number,
    type: WeightType,
    bytes: Uint8Array<ArrayBuffer>,
  ): BufferPart[] {
    const rowBytes = columns * bytesPerWeight[type];
    const rowsPerPart = Math.floor(this.maxMatrixBytes / rowBytes);
    if (rowsPerPart === 0) {
      throw new AssayError(
        "gpu/weight-size",
        `Cannot hold a weight with rows of ${rowBytes} bytes: this adapter binds at most ` +
          `${this.maxMatrixBytes} bytes`,
      );
    }
    const parts: BufferPart[] = [];
    for (let first = 0; first < rows; first += rowsPerPart) {
      const count = Math.min(rowsPerPart, rows - first);
      const stored = bytes.subarray(first * rowBytes, (first + count) * rowBytes);
      parts.push({
        layout: "buffer",
        weight: this.#constant(stored, storageUsage),
        shape: this.#constant(new Uint32Array([columns, first, rows, 0]), uniformUsage),
        rows: count,
      });
    }
    return parts;
  }

  /** See {@link Backend.vector}. */
  vector(numbers: Float32Array<ArrayBuffer>): Matrix {
    return new Matrix(1, numbers.length, this.#constant(numbers, storageUsage));
  }

  /** See {@link Backend.free}. */
  free(vector: Matrix): void {
    vector.device.buffer.destroy();
    this.#constantBytes -= vector.device.size;
  }

  #constant(
    data: Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float32Array<ArrayBuffer>,
    usage: GPUBufferUsageFlags,
  ): Binding {
    const buffer = this.device.createBuffer(data.byteLength, usage);
    this.device.upload(buffer, 0, data);
    this.#constantBytes += data.byteLength;
    return { buffer, offset: 0, size: data.byteLength };
  }

  /** See {@link Backend.run}. */
  run<Arguments>(operation: Operation<Arguments>, operands: Arguments): void {
    operation.onGpu(this.#recorder, operands);
  }

  /** See {@link Backend.read}. */
  async read(matrices: readonly Matrix[]): Promise<Float32Array<ArrayBuffer>[]> {
    const ranges = matrices.map((matrix) => matrix.device);
    const read = await this.#recorder.read(ranges);
    return read.map((bytes) => new Float32Array(bytes.buffer));
  }

  /** See {@link Backend.finish}. */
  async finish(): Promise<void> {
    this.#recorder.submit();
    await this.device.gpu.queue.onSubmittedWorkDone();
    await this.device.settle();
  }

  /** See {@link Backend.discard}. */
  discard(): void {
    this.#recorder.discard();
    this.device.pool.reclaim();
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
  }
}

/** Texels of a weight laid out by `pack_weights.wgsl`. */
function textureSize(
  rows: number,
  columns: number,
  type: WeightType,
): { width: number; height: number } {
  return { width: columns * bytesPerWeight[type] / 2, height: Math.ceil(rows / 32) * 4 };
}

/** A weight that tells its backend when its memory is freed. */
class CountedWeight extends Weight {
  #onFree: (() => void) | undefined;

  constructor(
    rows: number,
    columns: number,
    type: WeightType,
    parts: readonly WeightPart[],
    onFree: () => void,
  ) {
    super(rows, columns, type, parts);
    this.#onFree = onFree;
  }

  override [Symbol.dispose](): void {
    super[Symbol.dispose]();
    this.#onFree?.();
    this.#onFree = undefined;
  }
}
