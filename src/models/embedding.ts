import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { toFloat32 } from "../checkpoint/tensor.ts";
import { AssayError } from "../error.ts";

/** Host memory for embedding rows that were read before. */
const cacheBytes = 128 * 2 ** 20;

/**
 * Gathers embedding rows from the checkpoint on the host: the matrix is a large part of a model
 * (1 GiB in an 8B Llama) of which a pack needs a few thousand rows, so it never goes to the device
 * whole.
 */
export class Embedding {
  readonly #rows = new Map<number, Float32Array>();

  constructor(
    readonly checkpoint: Checkpoint,
    /** Name of the matrix, [vocabulary, hidden]. */
    readonly name: string,
    readonly vocabularySize: number,
    readonly hiddenSize: number,
  ) {}

  /**
   * The rows of `ids`, one after another.
   *
   * @throws {AssayError} `models/token-out-of-range` for a token that the matrix has no row for.
   */
  async gather(ids: Uint32Array): Promise<Float32Array<ArrayBuffer>> {
    const { hiddenSize, vocabularySize } = this;
    const missing = [...new Set(ids)].filter((id) => !this.#rows.has(id)).sort((a, b) => a - b);
    const largest = missing.at(-1) ?? 0;
    if (largest >= vocabularySize) {
      throw new AssayError(
        "models/token-out-of-range",
        `Cannot embed token ${largest}: expected less than the ${vocabularySize} rows of ` +
          `"${this.name}"; the tokenizer and the weights do not belong together`,
      );
    }
    const kept = Math.max(1, Math.floor(cacheBytes / (4 * hiddenSize)));
    if (this.#rows.size + missing.length > kept) {
      const wanted = new Set(ids);
      for (const id of this.#rows.keys()) if (!wanted.has(id)) this.#rows.delete(id);
    }
    if (missing.length > 0) {
      const read = toFloat32(await this.checkpoint.gatherRows(this.name, missing));
      missing.forEach((id, i) => {
        this.#rows.set(id, read.slice(i * hiddenSize, (i + 1) * hiddenSize));
      });
    }
    const gathered = new Float32Array(ids.length * hiddenSize);
    ids.forEach((id, i) => gathered.set(this.#rows.get(id)!, i * hiddenSize));
    return gathered;
  }
}
