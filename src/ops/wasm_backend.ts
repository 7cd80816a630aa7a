import type { Engine } from "../wasm/engine.ts";
import type { Place } from "../wasm/linear_memory.ts";
import type { Backend, ProductsAhead, Readback } from "./backend.ts";
import { Indices, Matrix } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import { queriesPerBlock } from "./query_blocks.ts";
import { groupsOf, quantBytes } from "./quantization/group_quantization.ts";
import {
  isQuantized,
  paddedQuantBytes,
  quantizedForms,
  quantizedRowBytes,
} from "./quantization/quantized_rows.ts";
import { wasmTypes } from "./wasm_types.ts";
import { bytesPerWeight, checkWeight, rowBytesOf, Weight, type WeightType } from "./weight.ts";

/** Bytes of a weight that are copied to the engine and laid out at a time, at the most. */
const largestSlice = 2 ** 22;
/** Part of the memory that is kept for gaps between what is given out. */
const gaps = 1 / 16;

/** Operations from which helpers are worth starting: some 20 ms of work for one thread. */
const worthHelping = 1e9;

/** Runs the WebAssembly engine's kernels, each operation at once. It owns the engine. */
export class WasmBackend implements Backend {
  readonly kind = "wasm";
  readonly precision = "f32";
  readonly computesAtOnce = true;
  readonly memoryLimit: number;
  readonly maxMatrixBytes: number;
  readonly maxMatrixRows = Infinity;
  readonly queriesPerBlock = queriesPerBlock.wasm;
  /** Matrices and lists that `release` has not given back. */
  readonly #passing = new Set<number>();
  readonly #sliceBytes: number;
  #packed = 0;

  /** @param engine Disposed of with this backend. */
  constructor(readonly engine: Engine) {
    const { mostBytes, scratchBytes } = engine;
    this.#sliceBytes = Math.min(largestSlice, Math.floor(mostBytes / 64));
    // Attention may ask for as much again for each thread, and a slice is rounded up to eight rows.
    const room = mostBytes - 2 * scratchBytes - 2 * this.#sliceBytes;
    this.memoryLimit = Math.max(0, Math.floor(room * (1 - gaps)));
    this.maxMatrixBytes = Math.min(2 ** 31, mostBytes);
  }

  /** See {@link Backend.kernels}. */
  get kernels(): "wasm" | "wasm-strict" {
    return this.engine.arithmetic === "relaxed" ? "wasm" : "wasm-strict";
  }

  /** See {@link Backend.bytes}; without the threads' own, some hundred KiB each. */
  get bytes(): number {
    return this.engine.memory.bytes - this.engine.scratchBytes;
  }

  /** There are no kernels to compile. */
  rehearse(): void {}

  /** Nothing to limit: what is given back serves everything else. */
  limitMatrices(): void {}

  #place(bytes: number): Place {
    const { memory } = this.engine;
    const address = memory.allocate(bytes);
    return { memory, address, block: address };
  }

  /** See {@link Backend.matrix}. */
  matrix(rows: number, columns: number): Matrix {
    const place = this.#place(4 * rows * columns);
    this.#passing.add(place.block);
    return new Matrix(rows, columns, place);
  }

  /** See {@link Backend.upload}. */
  upload(rows: number, columns: number, numbers: Float32Array<ArrayBuffer>): Matrix {
    const matrix = this.matrix(rows, columns);
    this.engine.memory.float32(matrix.address, numbers.length).set(numbers);
    return matrix;
  }

  /** See {@link Backend.uploadIndices}. */
  uploadIndices(numbers: Uint32Array<ArrayBuffer>): Indices {
    const place = this.#place(numbers.byteLength);
    this.#passing.add(place.block);
    this.engine.memory.uint32(place.address, numbers.length).set(numbers);
    return new Indices(numbers.length, place);
  }

  /** See {@link Backend.release}. */
  release(...values: (Matrix | Indices)[]): void {
    for (const { address } of values) {
      this.#passing.delete(address);
      this.engine.memory.free(address);
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
    const { memory, team } = this.engine;
    const rowBytes = rowBytesOf(columns, type);
    if ((this.#packed += bytes.byteLength) > 4 * largestSlice) team.assemble();
    const panelBytes = panelBytesOf(columns, type);
    const place = this.#place(Math.ceil(rows / 8) * panelBytes);
    const together = Math.max(8, Math.floor(this.#sliceBytes / rowBytes / 8) * 8);
    const slice = memory.allocate(Math.min(rows, together) * rowBytes);
    for (let first = 0; first < rows; first += together) {
      const count = Math.min(together, rows - first);
      const part = bytes.subarray(first * rowBytes, (first + count) * rowBytes);
      memory.uint8(slice, part.byteLength).set(part);
      this.#pack(slice, count, columns, type, place.address + first / 8 * panelBytes);
    }
    memory.free(slice);
    return new Weight(rows, columns, type, place);
  }

  /** Lays rows out in panels. */
  #pack(slice: number, rows: number, columns: number, type: WeightType, target: number): void {
    const { kernels } = this.engine;
    if (!isQuantized(type)) {
      kernels.pack_panels(slice, rows, columns, bytesPerWeight[type], target);
      return;
    }
    const rowBytes = quantizedRowBytes(columns, type);
    const scales = paddedQuantBytes(columns, type);
    kernels.pack_quantized(slice, rows, columns, wasmTypes[type], rowBytes, scales, target);
  }

  /** See {@link Backend.vector}. */
  vector(numbers: Float32Array<ArrayBuffer>, padding?: number): Matrix {
    const place = this.#place(numbers.byteLength);
    this.engine.memory.float32(place.address, numbers.length).set(numbers);
    return new Matrix(1, numbers.length, place, padding);
  }

  /** See {@link Backend.lasting}. */
  lasting(rows: number, columns: number): Matrix {
    return new Matrix(rows, columns, this.#place(4 * rows * columns));
  }

  /** See {@link Backend.free}. */
  free(matrix: Matrix): void {
    this.engine.memory.free(matrix.address);
  }

  /** Has helpers ready where there is work for them. */
  prepare({ operations }: ProductsAhead): Promise<void> {
    if (operations > worthHelping) this.engine.team.assemble();
    return Promise.resolve();
  }

  /** See {@link Backend.run}. */
  run<Arguments>(operation: Operation<Arguments>, operands: Arguments): void {
    operation.check(operands);
    operation.onWasm(this.engine, operands);
  }

  /** Nothing waits: operations run at once. */
  start(): void {}

  /** See {@link Backend.submit}. */
  submit(matrices: readonly Matrix[]): Readback {
    const { memory } = this.engine;
    const numbers = matrices.map(({ rows, columns, address }) =>
      new Float32Array(memory.float32(address, rows * columns))
    );
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

  /** See {@link Backend.discard}. */
  discard(): void {
    for (const address of this.#passing) this.engine.memory.free(address);
    this.#passing.clear();
  }

  [Symbol.dispose](): void {
    this.engine[Symbol.dispose]();
  }
}

/** Bytes of a panel of 8 rows; a quantized one's scales are not rounded up. */
function panelBytesOf(columns: number, type: WeightType): number {
  if (!isQuantized(type)) return 8 * columns * bytesPerWeight[type];
  const form = quantizedForms[type];
  return 8 * quantBytes(columns, form) + 16 * groupsOf(columns, form);
}
