import { AssayError } from "../error.ts";
import type { Device } from "../gpu/device.ts";
import { type Binding, Recorder } from "../gpu/recorder.ts";
import { Indices, Matrix, Weight, type WeightPart, type WeightType } from "./matrix.ts";
import type { Backend, Operation } from "./operation.ts";
import { bytesPerWeight, checkWeight } from "./weight_bytes.ts";

const storageUsage = 0x80 | 0x08; // STORAGE | COPY_DST
const uniformUsage = 0x40 | 0x08; // UNIFORM | COPY_DST

/** Runs the kernels on a WebGPU device, which it owns. */
export class GpuBackend implements Backend {
  readonly kind = "gpu";
  readonly #recorder: Recorder;
  #constantBytes = 0;

  /**
   * @param device The device; disposed of with this backend.
   * @param maxBindingBytes Largest part of a weight or matrix; smaller than the device's own limit
   *   only in tests.
   */
  constructor(readonly device: Device, readonly maxMatrixBytes: number = device.maxBindingBytes) {
    this.#recorder = new Recorder(device);
  }

  /** Bytes of device memory held now. */
  get bytes(): number {
    return this.device.pool.bytes + this.#constantBytes;
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

  /** See {@link Backend.weight}. Split by rows where it is larger than one binding. */
  weight(
    rows: number,
    columns: number,
    type: WeightType,
    bytes: Uint8Array<ArrayBuffer>,
  ): Weight {
    checkWeight(rows, columns, type, bytes);
    const rowBytes = columns * bytesPerWeight[type];
    const rowsPerPart = Math.floor(this.maxMatrixBytes / rowBytes);
    if (rowsPerPart === 0) {
      throw new AssayError(
        "gpu/weight-size",
        `Cannot hold a weight with rows of ${rowBytes} bytes: this adapter binds at most ` +
          `${this.maxMatrixBytes} bytes`,
      );
    }
    const parts: WeightPart[] = [];
    for (let first = 0; first < rows; first += rowsPerPart) {
      const count = Math.min(rowsPerPart, rows - first);
      parts.push({
        weight: this.#constant(
          bytes.subarray(first * rowBytes, (first + count) * rowBytes),
          storageUsage,
        ),
        part: this.#constant(new Uint32Array([columns, first, rows, 0]), uniformUsage),
        rows: count,
      });
    }
    return new CountedWeight(rows, columns, type, parts, () => {
      this.#constantBytes -= bytes.byteLength + parts.length * 16;
    });
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
