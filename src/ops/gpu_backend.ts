import type { Precision } from "../gpu/precision.ts";
import { AssayError } from "../error.ts";
import { adapterName } from "../gpu/adapter.ts";
import type { Device } from "../gpu/device.ts";
import { chooseKernelSet, expectShuffles, type KernelSet } from "../gpu/kernel_set.ts";
import { Recorder } from "../gpu/recorder.ts";
import { mostTextureRows } from "../gpu/texture_pool.ts";
import { queriesPerBlock } from "./query_blocks.ts";
import { Indices, Matrix } from "./matrix.ts";
import { matmul } from "./matmul.ts";
import type { Backend, KernelsName, MatrixUse, ProductsAhead, Readback } from "./backend.ts";
import type { Operation } from "./operation.ts";
import { ProductTuner } from "./products/product_tuner.ts";
import { recordTextureToRows } from "./texture_copies.ts";
import {
  fitsTexture,
  type StoredWeight,
  uploadConstant,
  uploadToBuffers,
  uploadToTexture,
} from "./upload_weight.ts";
import { checkWeight, Weight, type WeightPart, type WeightType } from "./weight.ts";

const storageUsage = 0x80 | 0x08 | 0x04; // STORAGE | COPY_DST | COPY_SRC

/** Runs the kernels on a WebGPU device, which it owns. */
export class GpuBackend implements Backend {
  readonly kind = "gpu";
  readonly computesAtOnce = false;
  readonly memoryLimit = Infinity;
  readonly #recorder: Recorder;
  #constantBytes = 0;

  /**
   * @param device The device; disposed of with this backend.
   * @param kernelSet Which kernels to use; by default those that are fast on the device.
   * @param maxMatrixBytes Largest part of a weight or matrix; smaller than the device's own limit
   *   only in tests.
   * @param tuner Chooses the tiles of products.
   * @param precision In what numbers products multiply.
   * @throws {AssayError} `gpu/no-f16` where the device or the kernels lack the precision;
   *   `gpu/no-shuffles` where the device lacks what the kernels compute with.
   */
  constructor(
    readonly device: Device,
    readonly kernelSet: KernelSet = chooseKernelSet(device),
    readonly maxMatrixBytes: number = device.maxBindingBytes,
    readonly tuner: ProductTuner = new ProductTuner(device, kernelSet),
    readonly precision: Precision = "f32",
  ) {
    if (precision === "f16") expectHalf(device, kernelSet);
    expectShuffles(device, kernelSet);
    this.#recorder = new Recorder(device, kernelSet, (product) => tuner.choose(product));
    device.onFull = () => this.#recorder.submit();
  }

  /** See {@link Backend.kernels}. */
  get kernels(): KernelsName {
    const { adapter: { webgpu }, matrixUnit } = this.device;
    if (matrixUnit !== undefined && this.precision === "f16") return "matrix-dawn";
    return webgpu === undefined ? this.kernelSet : `${this.kernelSet}-${webgpu}`;
  }

  /** See {@link Backend.adapter}. */
  get adapter(): string {
    return adapterName(this.device.adapter);
  }

  /** See {@link Backend.maxMatrixRows}. */
  get maxMatrixRows(): number {
    const { maxTextureDimension2D } = this.device.limits;
    return this.kernelSet === "texture" ? mostTextureRows(maxTextureDimension2D) : Infinity;
  }

  /** See {@link Backend.queriesPerBlock}. */
  get queriesPerBlock(): number {
    return queriesPerBlock[this.kernelSet];
  }

  /** Bytes of device memory held now. */
  get bytes(): number {
    return this.device.pool.bytes + this.device.textures.bytes + this.#constantBytes;
  }

  /** See {@link Backend.limitMatrices}. */
  limitMatrices(bytes: number): void {
    this.device.pooledLimit = bytes;
  }

  /** See {@link Backend.matrix}. */
  matrix(rows: number, columns: number, use: MatrixUse = "rows"): Matrix {
    if (use === "operand" && this.kernelSet === "texture") {
      return new Matrix(rows, columns, this.device.textures.acquire(columns / 4, rows));
    }
    return this.#rows(rows, columns, "record");
  }

  #rows(rows: number, columns: number, purpose: "record" | "upload"): Matrix {
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
    const matrix = this.#rows(rows, columns, "upload");
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
    for (const value of values) {
      const texture = value instanceof Matrix ? value.texture : undefined;
      if (texture !== undefined) this.device.textures.release(texture);
      else this.device.pool.release(value.device.buffer);
    }
  }

  /** See {@link Backend.weight}. */
  weight(
    rows: number,
    columns: number,
    type: WeightType,
    bytes: Uint8Array<ArrayBuffer>,
  ): Weight {
    checkWeight(rows, columns, type, bytes);
    const { device, maxMatrixBytes } = this;
    const stored: StoredWeight = { rows, columns, type, bytes };
    const parts = this.kernelSet === "texture" && fitsTexture(device, stored)
      ? [uploadToTexture(this.#recorder, stored, maxMatrixBytes)]
      : uploadToBuffers(device, stored, maxMatrixBytes);
    const held = parts.reduce((sum, part) => sum + bytesOf(part), 0);
    this.#constantBytes += held;
    return new CountedWeight(rows, columns, type, parts, () => {
      this.#constantBytes -= held;
      for (const part of parts) this.#forget(part);
    });
  }

  /** See {@link Backend.vector}. */
  vector(numbers: Float32Array<ArrayBuffer>, padding?: number): Matrix {
    this.#constantBytes += numbers.byteLength;
    return new Matrix(1, numbers.length, uploadConstant(this.device, numbers), padding);
  }

  /** See {@link Backend.lasting}. */
  lasting(rows: number, columns: number): Matrix {
    const size = rows * columns * 4;
    const buffer = this.device.createBuffer(size, storageUsage);
    this.#constantBytes += size;
    return new Matrix(rows, columns, { buffer, offset: 0, size });
  }

  /** Lets the bind groups of a weight go. */
  #forget(part: WeightPart): void {
    const { groups } = this.device;
    groups.forget(part.shape.buffer);
    groups.forget(part.layout === "texture" ? part.view : part.weight.buffer);
  }

  /** See {@link Backend.free}. */
  free(matrix: Matrix): void {
    this.device.groups.forget(matrix.device.buffer);
    matrix.device.buffer.destroy();
    this.#constantBytes -= matrix.device.size;
  }

  /** See {@link Backend.prepare}. */
  prepare(ahead: ProductsAhead): Promise<void> {
    return this.tuner.consider(ahead, (weights, rows) => this.#timeProducts(weights, rows));
  }

  /** What the operands hold does not matter to the time. */
  #timeProducts(weights: readonly Weight[], rows: number): Promise<readonly number[]> {
    return this.#recorder.time(weights.map((weight) => () => {
      const input = this.matrix(rows, weight.columns, "operand");
      const output = this.matrix(rows, weight.rows);
      this.run(matmul, { input, weight, precision: this.precision, output });
      this.release(input, output);
    }));
  }

  /** See {@link Backend.rehearse}. */
  rehearse(work: () => void): void {
    this.#recorder.rehearse(work);
  }

  /** See {@link Backend.run}. */
  run<Arguments>(operation: Operation<Arguments>, operands: Arguments): void {
    operation.check(operands);
    operation.onGpu(this.#recorder, operands);
  }

  /** See {@link Backend.start}. */
  start(): void {
    this.#recorder.submit();
  }

  /** See {@link Backend.submit}. */
  submit(matrices: readonly Matrix[]): Readback {
    const copies: Matrix[] = [];
    const ranges = matrices.map((matrix) => {
      if (matrix.texture === undefined) return matrix.device;
      const copy = this.matrix(matrix.rows, matrix.columns);
      copies.push(copy);
      recordTextureToRows(this.#recorder, matrix.texture, copy);
      return copy.device;
    });
    const pending = this.#recorder.submitReading(ranges);
    this.release(...copies);
    return {
      numbers: async () => (await pending.bytes()).map((bytes) => new Float32Array(bytes.buffer)),
      [Symbol.dispose]: () => pending[Symbol.dispose](),
    };
  }

  /** See {@link Backend.read}. */
  async read(matrices: readonly Matrix[]): Promise<Float32Array<ArrayBuffer>[]> {
    using readback = this.submit(matrices);
    return await readback.numbers();
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
    this.device.textures.reclaim();
  }

  [Symbol.dispose](): void {
    this.device[Symbol.dispose]();
  }
}

/** Half precision is a feature of its own, and one of the `tiled` kernels. */
function expectHalf({ adapter, hasHalf }: Device, kernels: KernelSet): void {
  if (kernels === "tiled" && hasHalf) return;
  const name = adapter.description || adapter.device || "the adapter";
  throw new AssayError(
    "gpu/no-f16",
    'Cannot compute with the precision "f16": expected ' +
      (hasHalf
        ? `the kernel set "tiled", found "${kernels}"`
        : `an adapter with "shader-f16", which ${name} lacks`) +
      '; compute with the precision "f32"',
  );
}

function bytesOf(part: WeightPart): number {
  return part.shape.size + (part.layout === "texture" ? part.bytes : part.weight.size);
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
