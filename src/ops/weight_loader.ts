import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { type FloatDtype, isFloatDtype, toFloat32 } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import { asStored, type LayOut, padded } from "./layout.ts";
import type { Matrix } from "./matrix.ts";
import { laidOutMap, quantizedMap, type StoredMap } from "./stored_map.ts";
import type { Weight } from "./weight.ts";
import type { Backend } from "./backend.ts";

/** A linear map: input · weightᵀ + bias. */
export interface Linear {
  readonly weight: Weight;
  readonly bias: Matrix | undefined;
}

/** Numbers of a linear map, not as a checkpoint stores them. */
export interface ComputedMap {
  readonly rows: number;
  readonly columns: number;
  /** [rows, columns] */
  readonly weight: Float32Array<ArrayBuffer>;
  /** [rows] */
  readonly bias: Float32Array<ArrayBuffer>;
}

/** Where tensors are read from. */
export type TensorReader = Pick<Checkpoint, "name" | "read" | "gatherRows">;

/** How a linear map lies on a backend: the same numbers, with zeros where sizes are padded. */
export interface MapLayout {
  /** Of its outputs, and its bias; as the loader was told by default. */
  readonly outputs?: LayOut | undefined;
  /** Of its inputs: by default zeros at the end, up to a multiple of 8. */
  readonly inputs?: LayOut | undefined;
}

/**
 * Puts tensors of a checkpoint on a backend and remembers what to free. Sizes that are no multiple of 8
 * are padded on the way, with zeros, which change no result.
 */
export class WeightLoader implements Disposable {
  readonly #weights: Weight[] = [];
  readonly #vectors: Matrix[] = [];

  /**
   * @param outputs How outputs and vectors are laid out where nothing else is said. A backbone's are
   *   `padded`; a head's are as stored, since each of them means something.
   */
  constructor(
    readonly checkpoint: TensorReader,
    readonly backend: Backend,
    readonly outputs: LayOut = asStored,
  ) {}

  /**
   * A norm weight or bias as one f32 row; widening bf16 and f16 is exact.
   *
   * @param plus Added to each number in f32, for norms that are stored as what they differ from 1 by.
   * @param layOut How it is laid out, where not as the loader was told.
   */
  async vector(name: string, plus = 0, layOut: LayOut = this.outputs): Promise<Matrix> {
    const stored = toFloat32(await this.checkpoint.read(name));
    return this.#vector(plus === 0 ? stored : stored.map((x) => x + plus), layOut);
  }

  #vector(stored: Float32Array<ArrayBuffer>, layOut: LayOut): Matrix {
    const { size, runs } = layOut(stored.length);
    const numbers = new Float32Array(size);
    for (const { from, to, count } of runs) numbers.set(stored.subarray(from, from + count), to);
    const held = runs.reduce((sum, { count }) => sum + count, 0);
    const vector = this.backend.vector(numbers, size - held);
    this.#vectors.push(vector);
    return vector;
  }

  /** A row of numbers that are made of tensors', or of none. */
  constant(numbers: Float32Array<ArrayBuffer>): Matrix {
    const vector = this.backend.vector(numbers);
    this.#vectors.push(vector);
    return vector;
  }

  /** A weight matrix in its stored type. */
  async weight(name: string, layout: MapLayout = {}): Promise<Weight> {
    return this.#weight(name, await this.#read(name), layout);
  }

  /** A weight as it is stored, with its scales where it is quantized. */
  async #read(name: string): Promise<StoredMap> {
    const { dtype, shape, bytes } = await this.checkpoint.read(name);
    const [rows, columns] = shape as [number, number];
    if (isFloatDtype(dtype)) return { rows, columns, type: dtype, bytes };
    const scales = await this.checkpoint.read(`${name}_scale`);
    return this.#named(
      name,
      () => quantizedMap(rows, columns, bytes, scales, dtype === "I8" ? 8 : 4),
    );
  }

  #weight(
    name: string,
    stored: StoredMap,
    { outputs = this.outputs, inputs = padded }: MapLayout,
  ): Weight {
    const weight = this.#named(name, () => {
      const laid = [outputs(stored.rows), inputs(stored.columns)] as const;
      const { type, bytes } = laidOutMap(stored, ...laid);
      return this.backend.weight(laid[0].size, laid[1].size, type, bytes);
    });
    this.#weights.push(weight);
    return weight;
  }

  /** Some rows of a weight matrix, in the order of `rows`, in its stored type; the others are not read. */
  async rows(name: string, rows: readonly number[]): Promise<Weight> {
    const { dtype, shape, bytes } = await this.checkpoint.gatherRows(name, rows);
    const [count, columns] = shape as [number, number];
    const stored = { rows: count, columns, type: dtype as FloatDtype, bytes };
    return this.#weight(name, stored, { outputs: asStored });
  }

  /** Says which tensor of which checkpoint no kernel takes. */
  #named<Result>(name: string, make: () => Result): Result {
    try {
      return make();
    } catch (cause) {
      if (!(cause instanceof AssayError) || cause.code !== "ops/shape") throw cause;
      throw new AssayError(
        "ops/shape",
        `Cannot load the tensor "${name}" of ${this.checkpoint.name}: ${cause.message}`,
        { cause },
      );
    }
  }

  /** The linear map `name`.weight, with `name`.bias where there is one. */
  async linear(name: string, bias: boolean, layout: MapLayout = {}): Promise<Linear> {
    const { whole } = await this.linears(name, bias, { whole: layout });
    return whole;
  }

  /** Several linear maps that are stored as one, which is read once; each layout chooses its rows. */
  async linears<Name extends string>(
    name: string,
    bias: boolean,
    layouts: Readonly<Record<Name, MapLayout>>,
  ): Promise<Record<Name, Linear>> {
    const weights = await this.#read(`${name}.weight`);
    const biases = bias ? toFloat32(await this.checkpoint.read(`${name}.bias`)) : undefined;
    const maps = Object.entries<MapLayout>(layouts).map(([part, layout]) => [part, {
      weight: this.#weight(`${name}.weight`, weights, layout),
      bias: biases && this.#vector(biases, layout.outputs ?? this.outputs),
    }]);
    return Object.fromEntries(maps) as Record<Name, Linear>;
  }

  /** A linear map that was computed from the checkpoint's, as one with a norm folded into it. */
  computed(name: string, map: ComputedMap, layout: MapLayout = {}): Linear {
    const { rows, columns, weight, bias } = map;
    const stored: StoredMap = { rows, columns, type: "F32", bytes: new Uint8Array(weight.buffer) };
    return {
      weight: this.#weight(name, stored, layout),
      bias: this.#vector(bias, layout.outputs ?? this.outputs),
    };
  }

  /** Frees everything that was loaded. */
  [Symbol.dispose](): void {
    for (const weight of this.#weights) weight[Symbol.dispose]();
    for (const vector of this.#vectors) this.backend.free(vector);
    this.#weights.length = 0;
    this.#vectors.length = 0;
  }
}
