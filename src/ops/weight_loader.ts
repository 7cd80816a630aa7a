import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";
import type { Matrix } from "./matrix.ts";
import type { Weight, WeightType } from "./weight.ts";
import type { Backend } from "./backend.ts";

/** A linear map: input · weightᵀ + bias. */
export interface Linear {
  readonly weight: Weight;
  readonly bias: Matrix | undefined;
}

/** Puts tensors of a checkpoint on a backend and remembers what to free. */
export class WeightLoader implements Disposable {
  readonly #weights: Weight[] = [];
  readonly #vectors: Matrix[] = [];

  constructor(readonly checkpoint: Checkpoint, readonly backend: Backend) {}

  /**
   * A norm weight or bias as one f32 row; widening bf16 and f16 is exact.
   *
   * @param plus Added to each number in f32, for norms that are stored as what they differ from 1 by.
   */
  async vector(name: string, plus = 0): Promise<Matrix> {
    const numbers = toFloat32(await this.checkpoint.read(name));
    const vector = this.backend.vector(plus === 0 ? numbers : numbers.map((x) => x + plus));
    this.#vectors.push(vector);
    return vector;
  }

  /** A weight matrix in its stored type. */
  async weight(name: string): Promise<Weight> {
    const { dtype, shape, bytes } = await this.checkpoint.read(name);
    const weight = this.#named(
      name,
      () => this.backend.weight(shape[0]!, shape[1]!, dtype as WeightType, bytes),
    );
    this.#weights.push(weight);
    return weight;
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
  async linear(name: string, bias: boolean): Promise<Linear> {
    return {
      weight: await this.weight(`${name}.weight`),
      bias: bias ? await this.vector(`${name}.bias`) : undefined,
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
