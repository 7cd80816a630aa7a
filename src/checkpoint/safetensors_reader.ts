import { AssayError } from "../error.ts";
import { allocateBytes, type ByteSource } from "./byte_source.ts";
import { type PlacedTensor, readSafetensorsHeader } from "./safetensors_header.ts";
import type { Tensor, TensorInfo } from "./tensor.ts";

/** Reads nearer to each other than this many bytes are coalesced: a read costs more than them. */
const gapBytes = 64 * 1024;
/** Most bytes that rows read together span, where one row alone is not longer. */
const runBytes = 4 * 1024 * 1024;
/** Reads under way at once, so that gathering over HTTP does not wait for each answer in turn. */
const readsAtOnce = 8;

/**
 * One safetensors file: its checked header in memory, its tensors read when asked for.
 *
 * @example
 * ```ts
 * import { blobSource, SafetensorsReader, writeSafetensors } from "@assay/assay/checkpoint";
 * import assert from "node:assert/strict";
 *
 * const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
 * const written = new Response(readable).blob();
 * const bytes = new Uint8Array([1, 2, 3, 4, 5, 6]);
 * await writeSafetensors(writable, [{ name: "codes", dtype: "U8", shape: [3, 2], bytes: [bytes] }]);
 *
 * using reader = await SafetensorsReader.open(blobSource("codes.safetensors", await written));
 * const rows = await reader.gatherRows("codes", [2, 0]);
 * assert.deepEqual([...rows.bytes], [5, 6, 1, 2]);
 * ```
 */
export class SafetensorsReader implements Disposable {
  /** The tensors by name, in the order of their bytes in the file. */
  readonly tensors: ReadonlyMap<string, TensorInfo>;
  /** The free-form `__metadata__` of the file, often `{format: "pt"}`. */
  readonly metadata: ReadonlyMap<string, string>;
  readonly #source: ByteSource;
  readonly #placed: ReadonlyMap<string, PlacedTensor>;

  private constructor(
    source: ByteSource,
    placed: ReadonlyMap<string, PlacedTensor>,
    metadata: ReadonlyMap<string, string>,
  ) {
    this.#source = source;
    this.#placed = placed;
    this.tensors = placed;
    this.metadata = metadata;
  }

  /**
   * Reads and checks the header.
   *
   * @param source The file; the reader owns it from here on, and closes it even where this throws.
   * @param file Name that the tensors carry as their `file`.
   * @throws {AssayError} As {@linkcode readSafetensorsHeader}.
   */
  static async open(source: ByteSource, file: string = source.name): Promise<SafetensorsReader> {
    try {
      const { tensors, metadata } = await readSafetensorsHeader(source, file);
      return new SafetensorsReader(source, tensors, metadata);
    } catch (error) {
      source[Symbol.dispose]();
      throw error;
    }
  }

  /**
   * Reads a whole tensor, as one allocation.
   *
   * @throws {AssayError} `checkpoint/missing-tensor`, and what the source throws.
   */
  async read(name: string): Promise<Tensor> {
    const { dtype, shape, offset, byteLength } = this.#find(name);
    return { name, dtype, shape, bytes: await this.#bytes(name, offset, byteLength) };
  }

  /**
   * Reads `count` rows from row `start` on; a row is what the first dimension counts.
   *
   * @returns A tensor of shape `[count, ...rest]`.
   * @throws {AssayError} `checkpoint/missing-tensor`, `checkpoint/no-rows`,
   * `checkpoint/row-out-of-range`, and what the source throws.
   */
  async readRows(name: string, start: number, count: number): Promise<Tensor> {
    const { tensor, rows, rowBytes } = this.#rows(name);
    const valid = Number.isSafeInteger(start) && Number.isSafeInteger(count) && start >= 0 &&
      count >= 0 && start + count <= rows;
    if (!valid) {
      throw new AssayError(
        "checkpoint/row-out-of-range",
        `Cannot read rows of tensor ${name}: expected a range inside its ${rows} rows, ` +
          `found ${count} rows from ${start} on`,
      );
    }
    const bytes = await this.#bytes(name, tensor.offset + start * rowBytes, count * rowBytes);
    return { name, dtype: tensor.dtype, shape: [count, ...tensor.shape.slice(1)], bytes };
  }

  /**
   * Reads single rows, in the order asked for; a row may be asked for more than once. Rows that lie
   * close together are read together.
   *
   * @param name Name of the tensor.
   * @param rows Row numbers, from 0.
   * @returns A tensor of shape `[rows.length, ...rest]`.
   * @throws {AssayError} `checkpoint/missing-tensor`, `checkpoint/no-rows`,
   * `checkpoint/row-out-of-range`, and what the source throws.
   */
  async gatherRows(name: string, rows: ArrayLike<number>): Promise<Tensor> {
    const { tensor, rows: rowCount, rowBytes } = this.#rows(name);
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (!Number.isInteger(row) || row < 0 || row >= rowCount) {
        throw new AssayError(
          "checkpoint/row-out-of-range",
          `Cannot gather rows of tensor ${name}: expected rows from 0 to ${rowCount - 1}, ` +
            `found ${row} at index ${i}`,
        );
      }
    }
    const bytes = allocateBytes(rows.length * rowBytes, `rows of tensor ${name}`);
    const runs = rowBytes === 0 ? [] : planRuns(rows, rowBytes);
    const gather = async ({ first, count, places }: Run): Promise<void> => {
      const run = await this.#bytes(name, tensor.offset + first * rowBytes, count * rowBytes);
      for (const place of places) {
        const start = (rows[place]! - first) * rowBytes;
        bytes.set(run.subarray(start, start + rowBytes), place * rowBytes);
      }
    };
    for (let i = 0; i < runs.length; i += readsAtOnce) {
      await Promise.all(runs.slice(i, i + readsAtOnce).map(gather));
    }
    return { name, dtype: tensor.dtype, shape: [rows.length, ...tensor.shape.slice(1)], bytes };
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#source[Symbol.dispose]();
  }

  /** Reads bytes of a tensor, which an error names. */
  async #bytes(name: string, offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    try {
      return await this.#source.read(offset, length);
    } catch (cause) {
      if (!(cause instanceof AssayError)) throw cause;
      throw new AssayError(cause.code, `Cannot read tensor ${name}: ${cause.message}`, { cause });
    }
  }

  #find(name: string): PlacedTensor {
    const tensor = this.#placed.get(name);
    if (tensor === undefined) {
      throw new AssayError(
        "checkpoint/missing-tensor",
        `Cannot read tensor ${name}: expected it in ${this.#source.name}, ` +
          `found none of that name among ${this.#placed.size} tensors`,
      );
    }
    return tensor;
  }

  #rows(name: string): { tensor: PlacedTensor; rows: number; rowBytes: number } {
    const tensor = this.#find(name);
    const rows = tensor.shape[0];
    const rowBytes = rows ? tensor.byteLength / rows : 0;
    if (rows === undefined || !Number.isInteger(rowBytes)) {
      throw new AssayError(
        "checkpoint/no-rows",
        `Cannot read rows of tensor ${name}: expected a first dimension of rows in whole bytes, ` +
          `found ${tensor.dtype} [${tensor.shape}]; read the whole tensor`,
      );
    }
    return { tensor, rows, rowBytes };
  }
}

/** Rows that are read together, and the places in the output that need one of them. */
interface Run {
  readonly first: number;
  readonly count: number;
  readonly places: Uint32Array;
}

function planRuns(rows: ArrayLike<number>, rowBytes: number): Run[] {
  const places = Uint32Array.from({ length: rows.length }, (_, place) => place);
  places.sort((a, b) => rows[a]! - rows[b]!);
  const runs: Run[] = [];
  for (let begin = 0, end = 0; begin < places.length; begin = end) {
    const first = rows[places[begin]!]!;
    let last = first;
    for (; end < places.length; end++) {
      const row = rows[places[end]!]!;
      const near = row === last || (row - last - 1) * rowBytes <= gapBytes &&
          (row - first + 1) * rowBytes <= runBytes;
      if (!near) break;
      last = row;
    }
    runs.push({ first, count: last - first + 1, places: places.subarray(begin, end) });
  }
  return runs;
}
