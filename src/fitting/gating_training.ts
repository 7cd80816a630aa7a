import { seededRandom } from "../numbers/seeded_random.ts";
import { AssayError } from "../error.ts";
import { preferenceLoss } from "../voting/preference_losses.ts";
import { AdamW, cosineRate, parameter } from "./adamw.ts";
import { bradleyTerry } from "./bradley_terry.ts";
import type { GatingNetwork } from "./gating_network.ts";
import type { Measurement, PairFigures } from "./head_training.ts";
import type { PairMixture } from "./pair_mixture.ts";
import { drawPairs } from "./preference_pairs.ts";
import { checkTrainingOptions } from "./check_training.ts";

/** Pairs as a gate sees them: the prompt, and what the responses differ by in each objective. */
export interface GatingPairs {
  /** Numbers of a prompt's hidden state. */
  readonly dimension: number;
  /** Hidden states of the prompts, [prompts, dimension]. */
  readonly prompts: Float32Array;
  /** Prompt of each pair. */
  readonly promptOfPair: Uint32Array;
  /** Debiased rewards of the chosen response less those of the rejected one, [pairs, objectives]. */
  readonly differences: Float64Array;
  /** α of each pair; 0 by default. */
  readonly labelSmoothing?: Float64Array | undefined;
  /** μ̂ of each pair; 0 by default. */
  readonly margin?: Float64Array | undefined;
  /** How the pairs' sources are mixed; without, all pairs count alike. */
  readonly mixture?: PairMixture | undefined;
}

/** How to train a gate; the defaults are those of the released code. */
export interface GatingOptions {
  /** Steps; 2,000 by default. */
  readonly steps?: number | undefined;
  /** Pairs in a step, drawn with replacement; 1,024 by default. */
  readonly batchSize?: number | undefined;
  /** Learning rate at the start; 0.001 by default. It falls to 0 along a cosine. */
  readonly rate?: number | undefined;
  /** Weight decay; 0 by default. */
  readonly weightDecay?: number | undefined;
  /** Dropout of the hidden layers; 0.2 by default. */
  readonly dropout?: number | undefined;
  /** A factor of the margins in the loss that is learnt too, from this number on; fixed at 1 by default. */
  readonly marginScale?: number | undefined;
  /** Seed of the pairs drawn and of the dropout. */
  readonly seed: number;
  /** Pairs to measure by; the step with the least loss on them is kept. */
  readonly validation?: GatingPairs | undefined;
  /** Steps between two measurements; 50 by default. */
  readonly measureEvery?: number | undefined;
  /** Told after each measurement how many steps are done. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number }) => void)
    | undefined;
  /** Ends the training early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a gate's training went. */
export interface GatingResult {
  /** Loss of each step's batch before the step. */
  readonly losses: Float64Array;
  /** Figures on the validation pairs, by step. */
  readonly measurements: readonly Measurement[];
  /** The step whose gate was kept. */
  readonly step: number;
  /** The margins' factor that was learnt; it is part of the gate's logit scale now. */
  readonly marginScale: number;
}

/**
 * Stage 2 of ArmoRM: trains a gate on pairs, everything else frozen, by the Bradley–Terry loss of
 *
 *     Δ = β Σ_j g_j(p) (r'_chosen − r'_rejected)_j
 *
 * with AdamW and a cosine schedule. Two repairs of the released script, whose model is trained so
 * though: the softmax runs over the objectives, and the rewards are the debiased ones. A learnt β goes
 * into the gate's logit scale at the end, so that margins are log odds.
 *
 * @param network The gate; its numbers change.
 * @param pairs Pairs to learn from.
 * @param options Steps, rates and what is held back.
 * @throws {AssayError} `fitting/no-pairs`, `fitting/wrong-rows`.
 */
export async function trainGating(
  network: GatingNetwork,
  pairs: GatingPairs,
  options: GatingOptions,
): Promise<GatingResult> {
  checkTrainingOptions(options);
  const { steps = 2000, batchSize = 1024, rate = 1e-3, measureEvery = 50, validation } = options;
  const { weightDecay = 0, dropout = 0.2 } = options;
  for (const some of validation === undefined ? [pairs] : [pairs, validation]) {
    checkPairs(some, network);
  }
  const scale = parameter(Float64Array.of(options.marginScale ?? 1));
  const learnt = [...network.parameters, ...(options.marginScale === undefined ? [] : [scale])];
  const optimizer = new AdamW(learnt, { weightDecay });
  const random = seededRandom(options.seed);
  const chance = { rate: dropout, random: seededRandom(options.seed + 1) };
  const count = pairs.promptOfPair.length;
  const losses = new Float64Array(steps);
  const measurements: Measurement[] = [];
  let best: { loss: number; step: number; values: Float64Array[] } | undefined;
  for (let step = 0; step < steps; step++) {
    options.signal?.throwIfAborted();
    const batch = drawPairs(count, batchSize, random, pairs.mixture);
    optimizer.clear();
    const pass = network.forward(promptRows(pairs, batch), chance);
    const deltas = deltasOf(pass.gating, pairs, batch);
    const terms = lossTerms(pairs, batch);
    const { loss, slopes } = bradleyTerry(deltas.map((delta) => delta * scale.value[0]!), terms);
    losses[step] = loss;
    const objectives = pass.gating.length / batch.length;
    const byGating = pass.gating.map((_, i) => {
      const pair = Math.floor(i / objectives);
      const at = batch[pair]! * objectives + i % objectives;
      return slopes[pair]! * scale.value[0]! * pairs.differences[at]!;
    });
    slopes.forEach((slope, pair) => scale.gradient[0]! += slope * deltas[pair]!);
    network.backward(pass, byGating);
    optimizer.step(cosineRate(rate, step, steps));
    const done = step + 1;
    if (done % measureEvery !== 0 && done !== steps) continue;
    if (validation !== undefined) {
      const figures = measureGating(network, validation, scale.value[0]!);
      measurements.push({ step: done, ...figures });
      if (best === undefined || figures.loss < best.loss) {
        best = { loss: figures.loss, step: done, values: learnt.map(({ value }) => value.slice()) };
      }
    }
    options.onProgress?.({ done, total: steps });
    await new Promise((resolve) => setTimeout(resolve)); // signals and writes have their turn
  }
  best?.values.forEach((value, index) => learnt[index]!.value.set(value));
  network.logitScale.value[0]! *= scale.value[0]!;
  return { losses, measurements, step: best?.step ?? steps, marginScale: scale.value[0]! };
}

/**
 * Loss and accuracy of a gate on pairs, in the mixture of their sources.
 *
 * @param network The gate.
 * @param pairs The pairs it is measured on.
 * @param marginScale What margins are multiplied with in the loss; 1 for a gate that is trained.
 */
export function measureGating(
  network: GatingNetwork,
  pairs: GatingPairs,
  marginScale = 1,
): PairFigures {
  const count = pairs.promptOfPair.length;
  let [loss, right] = [0, 0];
  for (let first = 0; first < count; first += 1024) {
    const size = Math.min(1024, count - first);
    const batch = Uint32Array.from({ length: size }, (_, i) => first + i);
    const { gating } = network.forward(promptRows(pairs, batch));
    const deltas = deltasOf(gating, pairs, batch).map((delta) => delta * marginScale);
    deltas.forEach((delta, i) => {
      const weight = pairs.mixture?.weights[first + i] ?? 1 / count;
      loss += weight * preferenceLoss(delta);
      right += weight * (delta > 0 ? 1 : delta === 0 ? 0.5 : 0);
    });
  }
  return { loss, accuracy: right };
}

function checkPairs(pairs: GatingPairs, network: GatingNetwork): void {
  const count = pairs.promptOfPair.length;
  if (count === 0) {
    throw new AssayError("fitting/no-pairs", "Cannot train a gate: expected pairs, found none");
  }
  const [first, last] = [network.layers[0]!, network.layers.at(-1)!];
  const dimension = first.weight.value.length / first.bias.value.length;
  const prompts = pairs.prompts.length / pairs.dimension;
  const objectives = last.bias.value.length;
  const wrong = pairs.promptOfPair.find((prompt) => prompt >= prompts);
  if (pairs.dimension !== dimension) {
    throw new AssayError(
      "fitting/wrong-rows",
      `Cannot train a gate for ${dimension} numbers of a prompt with ${pairs.dimension}`,
    );
  }
  if (wrong !== undefined || pairs.differences.length !== count * objectives) {
    throw new AssayError(
      "fitting/wrong-rows",
      `Cannot train a gate: expected ${count} pairs of ${objectives} objectives with prompts below ` +
        `${prompts}, found ${pairs.differences.length} differences, prompt ${wrong ?? "in range"}`,
    );
  }
}

function promptRows(pairs: GatingPairs, batch: Uint32Array): Float64Array {
  const { dimension } = pairs;
  const rows = new Float64Array(batch.length * dimension);
  batch.forEach((pair, i) => {
    const prompt = pairs.promptOfPair[pair]!;
    rows.set(pairs.prompts.subarray(prompt * dimension, (prompt + 1) * dimension), i * dimension);
  });
  return rows;
}

function deltasOf(gating: Float64Array, pairs: GatingPairs, batch: Uint32Array): Float64Array {
  const objectives = gating.length / batch.length;
  return Float64Array.from(batch, (pair, i) => {
    let delta = 0;
    for (let j = 0; j < objectives; j++) {
      delta += gating[i * objectives + j]! * pairs.differences[pair * objectives + j]!;
    }
    return delta;
  });
}

function lossTerms(
  pairs: GatingPairs,
  batch: Uint32Array,
): { labelSmoothing: (pair: number) => number; margin: (pair: number) => number } {
  return {
    labelSmoothing: (pair) => pairs.labelSmoothing?.[batch[pair]!] ?? 0,
    margin: (pair) => pairs.margin?.[batch[pair]!] ?? 0,
  };
}
