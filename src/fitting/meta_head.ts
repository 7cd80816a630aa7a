import { seededRandom } from "../numbers/seeded_random.ts";
import { AssayError } from "../error.ts";
import { parameter } from "./adamw.ts";
import {
  addWeightedRows,
  type HeadLearner,
  linearPreferenceLoss,
  linearScores,
} from "./linear_head.ts";
import { responseDifference } from "./meta_reward.ts";

/** Responses without labels, several to a prompt, from the policy that the head is to follow. */
export interface MetaSet {
  /** Features of the responses, [rows, dimension]. */
  readonly features: Float32Array;
  /** Rows of the responses to each prompt. */
  readonly prompts: readonly (readonly number[])[];
}

/** Settings of {@link metaHead}. */
export interface MetaOptions {
  /** Prompts of the meta set in a step. */
  readonly promptsPerStep: number;
  /** η, the rate of the ascent on J. */
  readonly ascentRate: number;
  /** Seed of the prompts drawn. */
  readonly seed: number;
  /** Head to start from, [dimension]; 0 by default. */
  readonly start?: Float64Array | undefined;
}

/**
 * Learns a linear head as MetaRM does (arXiv 2401.06080, section 4.1). A step is:
 *
 *     1. θ' = θ + η ∇J(θ) over prompts of the meta set     tells their responses further apart
 *     2. g = ∇L(θ') over labelled pairs                    the Bradley–Terry loss, seen from there
 *     3. θ ← θ − α g                                       by the optimiser, from where it stood
 *
 * with J of {@link responseDifference}, averaged over the prompts. No second derivatives.
 *
 * @param dimension Features of an example.
 * @param meta The meta set.
 * @param options η, and how many prompts a step takes.
 * @throws {AssayError} `fitting/no-meta-set` for a set without a prompt of two responses.
 */
export function metaHead(dimension: number, meta: MetaSet, options: MetaOptions): HeadLearner {
  if (!meta.prompts.some((rows) => rows.length > 1)) {
    throw new AssayError(
      "fitting/no-meta-set",
      "Cannot fit a MetaRM head: expected a meta set with at least two responses to a prompt",
    );
  }
  const head = parameter(options.start?.slice() ?? new Float64Array(dimension));
  const random = seededRandom(options.seed);
  const rowsOf = (prompt: readonly number[]): Float64Array => {
    const rows = new Float64Array(prompt.length * dimension);
    prompt.forEach((row, i) => {
      rows.set(meta.features.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    });
    return rows;
  };
  const ascended = (): Float64Array => {
    const weight = head.value.slice();
    const ascent = new Float64Array(dimension);
    for (let i = 0; i < options.promptsPerStep; i++) {
      const prompt = meta.prompts[Math.floor(random() * meta.prompts.length)]!;
      const rows = rowsOf(prompt);
      addWeightedRows(ascent, rows, responseDifference(linearScores(rows, weight)).slopes);
    }
    const rate = options.ascentRate / options.promptsPerStep;
    return weight.map((x, k) => x + rate * ascent[k]!);
  };
  return {
    parameters: [head],
    accumulate: (batch) => linearPreferenceLoss(batch, ascended(), head.gradient),
    weight: () => head.value.slice(),
  };
}
