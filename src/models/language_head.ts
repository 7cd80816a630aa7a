import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import { logSoftmaxSlice } from "../ops/log_softmax_slice.ts";
import { asStored, laidOut, padded } from "../ops/layout.ts";
import { matmul } from "../ops/matmul.ts";
import { type Matrix, rowAlignment } from "../ops/matrix.ts";
import type { Backend } from "../ops/backend.ts";
import type { Weight, WeightType } from "../ops/weight.ts";
import type { BackbonePlan, ModelFacts } from "./family.ts";

/** Tokens of the vocabulary whose logits are computed at once. */
const sliceTokens = 4096;
/** Hidden states that they are computed for at once. */
const sliceRows = 8 * rowAlignment;

/**
 * The name of a causal model's output matrix, [vocabulary, hidden]: its own, or the embedding where the
 * two are tied.
 *
 * @throws {AssayError} `models/no-language-head`.
 */
export function languageHeadName(
  { name, tensors, config }: ModelFacts,
  { causal, family, languageHeadName: own, embeddingName, tiedByDefault = false }: BackbonePlan,
): string {
  if (!causal) {
    throw new AssayError(
      "models/no-language-head",
      `Cannot compute log-probabilities with ${name}: expected a causal model, found an encoder ` +
        `(${family.modelType}), whose tokens see the ones that they would foretell`,
    );
  }
  if (tensors.has(own)) return own;
  if ((config.tie_word_embeddings ?? tiedByDefault) === true) return embeddingName;
  throw new AssayError(
    "models/no-language-head",
    `Cannot compute log-probabilities with ${name}: expected a causal model with ` +
      `"${own}", or "tie_word_embeddings" in config.json, found neither`,
  );
}

/** Log-probabilities of tokens, in slices of the vocabulary, so that logits are never stored whole. */
export class LanguageHead implements Disposable {
  private constructor(
    readonly backend: Backend,
    readonly slices: readonly Weight[],
    readonly scale: number | undefined,
    readonly softcap: number | undefined,
  ) {}

  /**
   * Loads the output matrix, slice by slice.
   *
   * @throws {AssayError} `models/no-language-head`, `checkpoint/wrong-shape`.
   */
  static async load(
    checkpoint: Checkpoint,
    backend: Backend,
    plan: BackbonePlan,
  ): Promise<LanguageHead> {
    const { vocabularySize, hiddenSize } = plan;
    const name = languageHeadName(checkpoint, plan);
    const { shape } = checkpoint.tensors.get(name)!;
    if (shape[0] !== vocabularySize || shape[1] !== hiddenSize) {
      throw new AssayError(
        "checkpoint/wrong-shape",
        `Cannot load ${checkpoint.name}: expected the tensor "${name}" to have the shape ` +
          `[${vocabularySize},${hiddenSize}], found [${shape}]`,
      );
    }
    const slices: Weight[] = [];
    for (let first = 0; first < vocabularySize; first += sliceTokens) {
      const count = Math.min(sliceTokens, vocabularySize - first);
      const { dtype, bytes } = await checkpoint.readRows(name, first, count);
      const columns = padded(hiddenSize);
      const bytesEach = bytes.byteLength / (count * hiddenSize);
      const stored = { rows: count, columns: hiddenSize, bytesEach };
      const numbers = laidOut(bytes, stored, asStored(count), columns);
      slices.push(backend.weight(count, columns.size, dtype as WeightType, numbers));
    }
    return new LanguageHead(backend, slices, plan.logitScale, plan.logitSoftcap);
  }

  /**
   * Records log p of a token after each hidden state, log-sum-exp over the whole vocabulary. What it
   * returns is to be read back, then given to {@link LanguageHead.logProbabilities}.
   *
   * @param hidden Final hidden states, [rows, hidden].
   * @param targets A token for each row.
   */
  record(hidden: Matrix, targets: Uint32Array<ArrayBuffer>): Matrix[] {
    const states: Matrix[] = [];
    for (let first = 0; first < hidden.rows; first += sliceRows) {
      const count = Math.min(sliceRows, hidden.rows - first);
      const state = this.backend.matrix(count, 4);
      this.#record(hidden.view(first, count), targets.slice(first, first + count), state);
      states.push(state);
    }
    return states;
  }

  /** log p of each row's token, from what was read back. */
  logProbabilities(read: readonly Float32Array[]): Float64Array {
    const numbers = read.flatMap((of) =>
      Array.from({ length: of.length / 4 }, (_, row) => {
        const [highest, sum, target] = of.subarray(4 * row, 4 * row + 3);
        return target! - highest! - Math.log(sum!);
      })
    );
    return Float64Array.from(numbers);
  }

  #record(input: Matrix, tokens: Uint32Array<ArrayBuffer>, state: Matrix): void {
    const { backend, scale, softcap } = this;
    const targets = backend.uploadIndices(tokens);
    let first = 0;
    for (const weight of this.slices) {
      const logits = backend.matrix(input.rows, weight.rows);
      const slice = backend.uploadIndices(Uint32Array.of(first, weight.rows));
      backend.run(matmul, { input, weight, output: logits });
      backend.run(logSoftmaxSlice, { logits, targets, slice, scale, softcap, state });
      backend.release(logits, slice);
      first += weight.rows;
    }
    backend.release(targets);
  }

  /** Frees the matrix. */
  [Symbol.dispose](): void {
    for (const slice of this.slices) slice[Symbol.dispose]();
  }
}
