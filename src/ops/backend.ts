import type { WebGpuName } from "../gpu/adapter.ts";
import type { Precision } from "../gpu/precision.ts";
import type { KernelSet } from "../gpu/kernel_set.ts";
import type { Indices, Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import type { Weight, WeightType } from "./weight.ts";

/**
 * What a matrix is for. `rows` (the default): anything. `operand`: it is written whole by one
 * operation and read only as the input of products or attention, so that kernels may keep it in the
 * form that they read fastest; it has no views and no other shape.
 */
export type MatrixUse = "rows" | "operand";

/** Where operations run: a WebGPU adapter, the WebAssembly engine, or plain loops on the processor. */
export type BackendKind = "gpu" | "wasm" | "cpu";

/**
 * What computes: a kernel set of the GPU backend, or one of the others by its name. `wasm-strict` is the
 * WebAssembly engine where a product and its sum are rounded apart; `tiled-dawn` is a kernel set that
 * another implementation of WebGPU compiled than the runtime's own, `matrix-dawn` the set `tiled` with
 * products on a matrix unit.
 */
export type KernelsName =
  | KernelSet
  | `${KernelSet}-${WebGpuName}`
  | "matrix-dawn"
  | "wasm"
  | "wasm-strict"
  | "cpu";

/** Numbers on their way from the device. Disposing of them gives up the wait. */
export interface Readback extends Disposable {
  /**
   * Waits for the device; to be called once. Under Deno the call itself blocks until everything
   * submitted so far is done, and the promise takes some 10 ms more: who submits the next operations
   * between the two keeps the device busy.
   */
  numbers(): Promise<Float32Array<ArrayBuffer>[]>;
}

/** Matrix products that are about to be run. */
export interface ProductsAhead {
  /** The weights; one of each type and shape is enough. */
  readonly weights: readonly Weight[];
  /** Rows of the largest input. */
  readonly rows: number;
  /** Multiplications and additions in all of them together. */
  readonly operations: number;
}

/** What the rooms above need of a device: memory, uploads, operations, one readback. */
export interface Backend extends Disposable {
  readonly kind: BackendKind;
  /**
   * The kernels that compute: a kernel set, `wasm` for the WebAssembly engine's, or `cpu` for the twins.
   * Scores may differ between them in their last bits.
   */
  readonly kernels: KernelsName;
  /** The GPU's adapter with its driver, where there is one: another may differ in a score's last bits. */
  readonly adapter?: string | undefined;
  /** In what numbers a backbone's products are to multiply; sums, norms, attention and heads are f32. */
  readonly precision: Precision;
  /**
   * Whether an operation is computed as it is run: then nothing is won by running the next ones before
   * numbers are read, and a small pack's are there soon.
   */
  readonly computesAtOnce: boolean;
  /** Largest number of bytes that one matrix may take. */
  readonly maxMatrixBytes: number;
  /** Largest number of rows that one matrix may have. */
  readonly maxMatrixRows: number;
  /** Queries that attention takes together, in blocks of one conversation's neighbours. */
  readonly queriesPerBlock: number;
  /** Bytes of device memory held now. */
  readonly bytes: number;
  /**
   * Most bytes that weights and matrices may take together, by the backend's own bounds; infinite
   * where only the device knows.
   */
  readonly memoryLimit: number;
  /** Keeps matrices, in use and waiting to be used again, within so many bytes where the work allows. */
  limitMatrices(bytes: number): void;
  /** A matrix for intermediate results, its content undefined; give it back with `release`. */
  matrix(rows: number, columns: number, use?: MatrixUse): Matrix;
  /** A matrix with the given numbers; give it back with `release`. */
  upload(rows: number, columns: number, numbers: Float32Array<ArrayBuffer>): Matrix;
  /** A list with the given numbers; give it back with `release`. */
  uploadIndices(numbers: Uint32Array<ArrayBuffer>): Indices;
  /** Gives memory back; operations run so far still see the content. */
  release(...values: (Matrix | Indices)[]): void;
  /**
   * A weight matrix [rows, columns] from its stored bytes (little endian, row major); quantized ones are
   * rows with their scales, as `quantized_rows.ts` lays them out.
   *
   * @throws {AssayError} `ops/shape` where `columns` is not a multiple of 8.
   */
  weight(rows: number, columns: number, type: WeightType, bytes: Uint8Array<ArrayBuffer>): Weight;
  /**
   * A constant row of f32 numbers (a norm's weight, a bias); the caller frees it.
   *
   * @param padding How many of them are zeros that stand there as padding.
   */
  vector(numbers: Float32Array<ArrayBuffer>, padding?: number): Matrix;
  /**
   * A persistent matrix: one that outlives the work it is made in, its content undefined; the caller
   * frees it.
   */
  lasting(rows: number, columns: number): Matrix;
  /** Frees what {@link Backend.vector} or {@link Backend.lasting} made, once its readers are submitted. */
  free(matrix: Matrix): void;
  /**
   * Told of products to come, before they are run. Where they are much work the backend may time
   * variants of its kernels first (autotuning); no result depends on it.
   */
  prepare(ahead: ProductsAhead): Promise<void>;
  /**
   * The warm-up: has the kernels compiled that `work` runs, without waiting and without running them,
   * so that its operands' content does not matter. A backend without kernels does not call it.
   */
  rehearse(work: () => void): void;
  /**
   * Runs, or records, an operation.
   *
   * @throws {AssayError} `ops/shape` where its operands don't belong together.
   */
  run<Arguments>(operation: Operation<Arguments>, operands: Arguments): void;
  /** Lets the device begin with everything run so far, without waiting. */
  start(): void;
  /** Lets the device begin with everything run so far, and with reading the matrices, without waiting. */
  submit(matrices: readonly Matrix[]): Readback;
  /** Finishes everything run so far and reads the matrices, in one readback. */
  read(matrices: readonly Matrix[]): Promise<Float32Array<ArrayBuffer>[]>;
  /** Finishes everything run so far, so that weights may be freed. */
  finish(): Promise<void>;
  /** After an error: forgets operations not yet finished and takes all matrices back. */
  discard(): void;
}
