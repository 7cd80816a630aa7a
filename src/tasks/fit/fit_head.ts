import { AssayError } from "../../error.ts";
import { contrastiveHead, contrastiveRecipes } from "../../fitting/contrastive_head.ts";
import { FeatureSet, splitRows, type StoredPair } from "../../fitting/feature_set.ts";
import { type Measurement, type TrainedHead, trainHead } from "../../fitting/head_training.ts";
import { type HeadLearner, linearHead } from "../../fitting/linear_head.ts";
import { metaHead, type MetaSet } from "../../fitting/meta_head.ts";
import { type MixtureShares, PairMixture } from "../../fitting/pair_mixture.ts";
import type { PreferencePairs } from "../../fitting/preference_pairs.ts";
import { checkTrainingOptions } from "../../fitting/check_training.ts";

/** What a scalar head can be fitted by: Bradley–Terry, a contrastive recipe, or MetaRM. */
export const headLosses: readonly string[] = [
  "bradley-terry",
  ...Object.keys(contrastiveRecipes),
  "meta",
];

/** How to fit a scalar head. */
export interface FitHeadOptions {
  /** What is learnt by, one of {@linkcode headLosses}; `bradley-terry` by default. */
  readonly loss?: string | undefined;
  /** Steps of the training; 600 by default. */
  readonly steps?: number | undefined;
  /** Pairs in a step; 512 by default. */
  readonly pairsPerStep?: number | undefined;
  /** Learning rate, which falls along a cosine; 0.003 by default. */
  readonly rate?: number | undefined;
  /** Weight decay; 0.01 by default. */
  readonly weightDecay?: number | undefined;
  /** α of the pairs that have none of their own; 0 by default. */
  readonly labelSmoothing?: number | undefined;
  /** Each source's share of every step and of the figures; by default all pairs count alike. */
  readonly mixture?: MixtureShares | undefined;
  /** Weight of the contrastive term; by default the paper's. */
  readonly contrastWeight?: number | undefined;
  /** Temperature of the contrastive term; by default 0.05 for SimCSE, 0.1 for SwAV. */
  readonly contrastTemperature?: number | undefined;
  /** With `meta`: folder of the features of the policy's responses, several to a prompt. */
  readonly meta?: string | undefined;
  /** With `meta`: prompts of the meta set in a step; 16 by default. */
  readonly metaPrompts?: number | undefined;
  /** With `meta`: how far a step looks ahead; 0.1 by default. */
  readonly ascentRate?: number | undefined;
  /** Share of prompts to measure by, where rows have no split; 0.2 by default. */
  readonly heldOut?: number | undefined;
  /** Another seed, another split and another start; 0 by default. */
  readonly seed?: number | undefined;
  /** Told how many steps are done. */
  readonly onProgress?:
    | ((progress: { readonly done: number; readonly total: number }) => void)
    | undefined;
  /** Ends the training early, with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** How a fit came out, as `fit.json` says it. */
export interface HeadReport {
  /** What was learnt by. */
  readonly loss: string;
  /** Pairs that were learnt from. */
  readonly train_pairs: number;
  /** Pairs that were held back. */
  readonly validation_pairs: number;
  /** The step whose head was kept. */
  readonly step: number;
  /** Figures on the held-back pairs at that step; `null` where no pair was held back. */
  readonly validation: { readonly loss: number; readonly accuracy: number } | null;
  /** The same figures by step. */
  readonly measurements: readonly Measurement[];
  /** Loss of the last step's batch. */
  readonly last_training_loss: number | undefined;
}

/** A fitted scalar head. */
export interface FittedHead {
  /** [hidden]: score = weight · hidden[last token]. */
  readonly weight: Float64Array;
  /** How the fit came out. */
  readonly report: HeadReport;
}

/**
 * Fits a scalar head on the pairs of a folder of features, as `assay fit head` does (arXiv
 * 2401.06080). The weight goes into a checkpoint with `writeHeadCheckpoint` and `scalarHeadTensors` of
 * `@assay/assay/fitting`.
 *
 * @example
 * ```ts
 * import { computeFeatures, fitHead, openFeatures, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const [folder, model] = [await Deno.makeTempDir(), "tests/golden/parity/llama"];
 * const rows = rowsInMemory([
 *   { prompt: "2 + 2?", chosen: "4", rejected: "5" },
 *   { prompt: "3 + 3?", chosen: "6", rejected: "7" },
 * ]);
 * await computeFeatures(rows.read(), { model }, folder);
 * const { report } = await fitHead(await openFeatures(folder, model), { steps: 5, heldOut: 0 });
 * assert.equal(report.train_pairs, 2);
 * ```
 *
 * @param features The features.
 * @param options Loss, training and split.
 * @throws {AssayError} `cli/usage` for a loss that is none, or `meta` without its features;
 *   `fitting/no-pairs` and the others of the training.
 */
export async function fitHead(
  features: FeatureSet,
  options: FitHeadOptions = {},
): Promise<FittedHead> {
  const { loss = "bradley-terry", heldOut = 0.2, seed = 0, signal } = options;
  if (!headLosses.includes(loss)) {
    const expected = headLosses.join(", ");
    throw new AssayError(
      "cli/usage",
      `Cannot fit: expected a loss of ${expected}, found ${loss}`,
    );
  }
  checkTrainingOptions(options);
  const held = new Set(splitRows(features.rows, heldOut, seed).validation);
  const all = features.pairs;
  const train = await pairsOf(features, all.filter((p) => !held.has(p.chosen)), options);
  const validation = await pairsOf(features, all.filter((p) => held.has(p.chosen)), options);
  const learner = await learnerOf(features.dimension, loss, options);
  const head = await trainHead(learner, train, {
    steps: options.steps ?? 600,
    batchSize: options.pairsPerStep ?? 512,
    rate: options.rate ?? 3e-3,
    weightDecay: options.weightDecay ?? 1e-2,
    seed,
    validation: validation.pairs.length > 0 ? validation : undefined,
    onProgress: (progress) => options.onProgress?.(progress),
    signal,
  });
  return { weight: head.weight, report: reportOf(loss, train, validation, head) };
}

function reportOf(
  loss: string,
  train: PreferencePairs,
  validation: PreferencePairs,
  { measurements, step, losses }: TrainedHead,
): HeadReport {
  const kept = measurements.find((of) => of.step === step);
  return {
    loss,
    train_pairs: train.pairs.length / 2,
    validation_pairs: validation.pairs.length / 2,
    step,
    validation: kept === undefined ? null : { loss: kept.loss, accuracy: kept.accuracy },
    measurements,
    last_training_loss: losses.at(-1),
  };
}

async function learnerOf(
  dimension: number,
  loss: string,
  options: FitHeadOptions,
): Promise<HeadLearner> {
  const seed = (options.seed ?? 0) + 1;
  const recipe = contrastiveRecipes[loss];
  if (recipe !== undefined) {
    return contrastiveHead(dimension, {
      ...recipe,
      weight: options.contrastWeight ?? recipe.weight,
      temperature: options.contrastTemperature,
      seed,
    });
  }
  if (loss !== "meta") return linearHead(dimension);
  if (options.meta === undefined) {
    throw new AssayError(
      "cli/usage",
      "Cannot fit: the loss meta needs the features of a meta set, found none",
    );
  }
  const meta = await metaSetOf(await FeatureSet.open(options.meta));
  if (meta.features.length % dimension !== 0) {
    throw new AssayError(
      "cli/usage",
      `Cannot fit: ${options.meta} holds another backbone's features`,
    );
  }
  return metaHead(dimension, meta, {
    promptsPerStep: options.metaPrompts ?? 16,
    ascentRate: options.ascentRate ?? 0.1,
    seed,
  });
}

/** All rows of a folder, the responses to one prompt together. */
async function metaSetOf(features: FeatureSet): Promise<MetaSet> {
  const places = [...features.rows.keys()];
  const prompts = Map.groupBy(places, (place) => features.rows[place]!.prompt);
  return { features: await features.last(places), prompts: [...prompts.values()] };
}

/** Some pairs of a folder of features with all that is known of them, their features in memory. */
export async function pairsOf(
  features: FeatureSet,
  pairs: readonly StoredPair[],
  options: Pick<FitHeadOptions, "labelSmoothing" | "mixture">,
): Promise<PreferencePairs> {
  const places = [...new Set(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]))]
    .sort((a, b) => a - b);
  const rowOf = new Map(places.map((place, row) => [place, row]));
  const rows = pairs.map(({ chosen }) => features.rows[chosen]!);
  return {
    dimension: features.dimension,
    features: await features.last(places),
    pairs: Uint32Array.from(pairs.flatMap((p) => [rowOf.get(p.chosen)!, rowOf.get(p.rejected)!])),
    labelSmoothing: Float64Array.from(
      rows,
      (row) => row.label_smoothing ?? options.labelSmoothing ?? 0,
    ),
    margin: Float64Array.from(rows, (row) => row.margin ?? 0),
    mixture: options.mixture === undefined || pairs.length === 0
      ? undefined
      : new PairMixture(rows.map((row) => row.source ?? null), options.mixture),
  };
}
