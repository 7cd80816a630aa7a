import { seededRandom } from "../numbers/seeded_random.ts";
import { preferenceLoss } from "../voting/preference_losses.ts";
import { AdamW, cosineRate } from "./adamw.ts";
import type { HeadLearner } from "./linear_head.ts";
import { batchOfPairs, checkPairs, drawPairs, type PreferencePairs } from "./preference_pairs.ts";
import { checkTrainingOptions } from "./check_training.ts";

/** How to train a head. */
export interface TrainingOptions {
  /** Steps of the training. */
  readonly steps: number;
  /** Pairs in a step, drawn with replacement. */
  readonly batchSize: number;
  /** Learning rate at the start; it falls to 0 along a cosine. */
  readonly rate: number;
  /** Weight decay; 0 by default. */
  readonly weightDecay?: number | undefined;
  /** Seed of the pairs drawn. */
  readonly seed: number;
  /** Pairs to measure by; the step with the least loss on them is kept. Without, the last is. */
  readonly validation?: PreferencePairs | undefined;
  /** Steps between two measurements; 50 by default. */
  readonly measureEvery?: number | undefined;
  /** Told after each measurement how many steps are done. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number }) => void)
    | undefined;
  /** Ends the training early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What a head makes of some pairs; means over all, or over a mixture of their sources. */
export interface PairFigures {
  /** Mean plain Bradley–Terry loss. */
  readonly loss: number;
  /** Share of pairs whose chosen response has the higher score; a tie counts half. */
  readonly accuracy: number;
}

/** A measurement during training. */
export interface Measurement extends PairFigures {
  /** Steps done. */
  readonly step: number;
}

/** A trained head. */
export interface TrainedHead {
  /** [dimension]: score = weight · features. */
  readonly weight: Float64Array;
  /** Loss of each step's batch before the step. */
  readonly losses: Float64Array;
  /** Figures on the validation pairs, by step. */
  readonly measurements: readonly Measurement[];
  /** The step whose head this is. */
  readonly step: number;
}

/**
 * Trains a head on pairs of frozen features with AdamW and a cosine schedule. The same seed gives the
 * same head to the last bit.
 *
 * @param learner What is learnt, and by which loss.
 * @param pairs The pairs to learn from.
 * @param options Steps, rates, the seed and what is held back.
 * @throws {AssayError} `fitting/no-pairs`, `fitting/wrong-rows`, `fitting/not-finite`.
 *
 * @example
 * ```ts
 * import { linearHead, trainHead } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * const features = Float32Array.of(1, 0, 0, 1); // two responses; the first is preferred
 * const pairs = { dimension: 2, features, pairs: Uint32Array.of(0, 1) };
 * const { weight } = await trainHead(linearHead(2), pairs, {
 *   steps: 20,
 *   batchSize: 4,
 *   rate: 0.1,
 *   seed: 1,
 * });
 * assert(weight[0]! > 0.5 && weight[1]! < -0.5);
 * ```
 */
export async function trainHead(
  learner: HeadLearner,
  pairs: PreferencePairs,
  options: TrainingOptions,
): Promise<TrainedHead> {
  checkTrainingOptions(options);
  checkPairs(pairs);
  if (options.validation !== undefined) checkPairs(options.validation);
  const { steps, batchSize, rate, weightDecay = 0, validation, measureEvery = 50 } = options;
  const optimizer = new AdamW(learner.parameters, { weightDecay });
  const random = seededRandom(options.seed);
  const count = pairs.pairs.length / 2;
  const losses = new Float64Array(steps);
  const measurements: Measurement[] = [];
  let best: { loss: number; weight: Float64Array; step: number } | undefined;
  for (let step = 0; step < steps; step++) {
    options.signal?.throwIfAborted();
    const batch = batchOfPairs(pairs, drawPairs(count, batchSize, random, pairs.mixture));
    optimizer.clear();
    losses[step] = learner.accumulate(batch);
    optimizer.step(cosineRate(rate, step, steps));
    const done = step + 1;
    if (done % measureEvery !== 0 && done !== steps) continue;
    if (validation !== undefined) {
      const weight = learner.weight();
      const figures = measureHead(weight, validation);
      measurements.push({ step: done, ...figures });
      if (best === undefined || figures.loss < best.loss) {
        best = { loss: figures.loss, weight, step: done };
      }
    }
    options.onProgress?.({ done, total: steps });
    await new Promise((resolve) => setTimeout(resolve)); // signals and writes have their turn
  }
  const { weight, step } = best ?? { weight: learner.weight(), step: steps };
  return { weight, losses, measurements, step };
}

/** Loss and accuracy of a linear head on pairs, in the mixture of their sources. */
export function measureHead(weight: Float64Array, pairs: PreferencePairs): PairFigures {
  const { dimension, features } = pairs;
  const scores = Float64Array.from({ length: features.length / dimension }, (_, row) => {
    let sum = 0;
    for (let k = 0; k < dimension; k++) sum += weight[k]! * features[row * dimension + k]!;
    return sum;
  });
  const count = pairs.pairs.length / 2;
  let [loss, right] = [0, 0];
  for (let pair = 0; pair < count; pair++) {
    const delta = scores[pairs.pairs[2 * pair]!]! - scores[pairs.pairs[2 * pair + 1]!]!;
    const weight = pairs.mixture?.weights[pair] ?? 1 / count;
    loss += weight * preferenceLoss(delta);
    right += weight * (delta > 0 ? 1 : delta === 0 ? 0.5 : 0);
  }
  return { loss, accuracy: right };
}
