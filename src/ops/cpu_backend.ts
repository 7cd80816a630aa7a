import { toFloat32 } from "../checkpoint/tensor.ts";
import { Indices, Matrix } from "./matrix.ts";
import { checkWeight, Weight, type WeightType } from "./weight.ts";
import type { Backend, Readback } from "./backend.ts";
import type { Operation } from "./operation.ts";
import { isQuantized, widenRowsWithScales } from "./quantization/quantized_rows.ts";

/** Runs the CPU twins: for machines with no adapter, and as the reference of the kernels. */
export class CpuBackend implements Backend {
  readonly kind = "cpu";
  readonly computesAtOnce: boolean = true;
  readonly kernels = "cpu";
  readonly precision = "f32";
  readonly maxMatrixBytes = 2 ** 31;
  readonly maxMatrixRows = Infinity;
  readonly queriesPerBlock = 1;
  readonly bytes = 0;
  readonly memoryLimit = Infinity;

  /** There are no kernels to compile. */
  rehearse(): void {}

  /** Nothing to limit: no memory is kept for later. */
  limitMatrices(): void {}

  /** See {@link Backend.matrix}. */
  matrix(rows: number, columns: number): Matrix {
    return new Matrix(rows, columns, new Float32Array(rows * columns));
  }

  /** See {@link Backend.upload}. */
  upload(rows: number, columns: number, numbers: Float32Array<ArrayBuffer>): Matrix {
    return new Matrix(rows, columns, numbers.slice());
  }

  /** See {@link Backend.uploadIndices}. */
  uploadIndices(numbers: Uint32Array<ArrayBuffer>): Indices {
    return new Indices(numbers.length, numbers.slice());
  }

  /** Nothing to give back: host memory is collected. */
  release(): void {}

  /** See {@link Backend.weight}. */
  weight(
    rows: number,
    columns: number,
    type: WeightType,
    bytes: Uint8Array<ArrayBuffer>,
  ): Weight {
    checkWeight(rows, columns, type, bytes);
    const numbers = isQuantized(type)
      ? widenRowsWithScales(bytes, columns, type)
      : toFloat32({ name: "weight", dtype: type, shape: [rows, columns], bytes });
    return new Weight(rows, columns, type, numbers);
  }

  /** See {@link Backend.vector}. */
  vector(numbers: Float32Array<ArrayBuffer>, padding?: number): Matrix {
    return new Matrix(1, numbers.length, numbers.slice(), padding);
  }

  /** See {@link Backend.lasting}. */
  lasting(rows: number, columns: number): Matrix {
    return this.matrix(rows, columns);
  }

  /** Nothing to free: host memory is collected. */
  free(): void {}

  /** Nothing to choose from. */
  prepare(): Promise<void> {
    return Promise.resolve();
  }

  /** See {@link Backend.run}. */
  run<Arguments>(operation: Operation<Arguments>, operands: Arguments): void {
    operation.check(operands);
    operation.onCpu(operands);
  }

  /** Nothing waits: operations run at once. */
  start(): void {}

  /** See {@link Backend.submit}. */
  submit(matrices: readonly Matrix[]): Readback {
    const numbers = matrices.map((matrix) => matrix.host.slice());
    return { numbers: () => Promise.resolve(numbers), [Symbol.dispose]: () => {} };
  }

  /** See {@link Backend.read}. */
  read(matrices: readonly Matrix[]): Promise<Float32Array<ArrayBuffer>[]> {
    return this.submit(matrices).numbers();
  }

  /** See {@link Backend.finish}. */
  finish(): Promise<void> {
    return Promise.resolve();
  }

  /** Nothing to forget: operations run at once. */
  discard(): void {}

  [Symbol.dispose](): void {}
}
