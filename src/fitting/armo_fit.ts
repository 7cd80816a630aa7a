import { AssayError } from "../error.ts";
import type { FeatureSet, RowSplit, StoredPair } from "./feature_set.ts";
import { splitRows } from "./feature_set.ts";
import { GatingNetwork, type GatingShape } from "./gating_network.ts";
import {
  type GatingOptions,
  type GatingPairs,
  type GatingResult,
  measureGating,
  trainGating,
} from "./gating_training.ts";
import type { PairFigures } from "./head_training.ts";
import { armoLabelMaps, type LabelMap, rewardOfRating } from "./label_maps.ts";
import { type LabelledFeatures, type ObjectiveFit, ridgeAlphas } from "./ridge.ts";
import { fitRidge } from "./ridge.ts";
import {
  debiasedRewards,
  type DebiasingOptions,
  debiasVerbosity,
  type ObjectiveDebiasing,
} from "./verbosity_debiasing.ts";

/** How to fit an ArmoRM head. */
export interface ArmoFitOptions {
  /** The objectives in their order; by default all that rows have ratings for, as they first appear. */
  readonly objectives?: readonly string[];
  /** How ratings relate to rewards, by objective; {@link armoLabelMaps} and identity by default. */
  readonly labelMaps?: Readonly<Record<string, LabelMap>>;
  /** Penalties of the regression to choose from; the paper's grid by default. */
  readonly alphas?: readonly number[];
  /** Name of the verbosity objective; by default `verbosity` or `helpsteer-verbosity`, else none. */
  readonly verbosity?: string;
  /** Threshold and grid of the debiasing. */
  readonly debiasing?: DebiasingOptions;
  /** The gate's shape. */
  readonly gating?: Omit<GatingShape, "dimension" | "objectives">;
  /** The gate's training. */
  readonly training?: Omit<GatingOptions, "validation" | "onProgress" | "signal" | "seed">;
  /** Share of prompts held back, where rows do not say so themselves; 0.2 by default. */
  readonly validationShare?: number;
  /** Seed of the split, the gate's start and its training; 0 by default. */
  readonly seed?: number;
  /** Told what is being done, and how much of it. */
  readonly onProgress?: (
    progress: { readonly phase: string; readonly done: number; readonly total: number },
  ) => void;
  /** Ends the fit early, with its reason. */
  readonly signal?: AbortSignal;
}

/** What an ArmoRM head is made of, and how it came out. */
export interface ArmoFit {
  /** Names of the objectives, in order. */
  readonly objectives: readonly string[];
  /** W, [objectives, dimension]. */
  readonly regression: Float64Array;
  /** T, [objectives, objectives]. */
  readonly transform: Float64Array;
  /** The trained gate. */
  readonly gate: GatingNetwork;
  /** How each stage came out. */
  readonly report: ArmoReport;
}

/** How each stage came out. */
export interface ArmoReport {
  /** Rows of features to learn from. */
  readonly train_rows: number;
  /** Rows of features held back. */
  readonly validation_rows: number;
  /** Pairs to learn from. */
  readonly train_pairs: number;
  /** Pairs held back. */
  readonly validation_pairs: number;
  /** Regression and debiasing of each objective. */
  readonly objectives: readonly (ObjectiveFit & ObjectiveDebiasing & { readonly name: string })[];
  /** The gate's training. */
  readonly gating: Omit<GatingResult, "losses"> & {
    /** Figures of the finished head on the held-back pairs; `null` where there are none. */
    readonly validation: PairFigures | null;
  };
}

/**
 * Fits the head of ArmoRM on a folder of features: the regression of {@link fitRidge} on the rated
 * rows, the transform of {@link debiasVerbosity} with the training pairs' responses as reference, and
 * the gate of {@link trainGating} on the pairs. What is held back chooses the penalties and the gate's
 * step.
 *
 * @throws {AssayError} `fitting/no-labels`, `fitting/no-pairs`, `fitting/bad-objective` and what the
 *   stages throw.
 */
export async function fitArmo(
  features: FeatureSet,
  options: ArmoFitOptions = {},
): Promise<ArmoFit> {
  const { seed = 0 } = options;
  const split = splitRows(features.rows, options.validationShare ?? 0.2, seed);
  const objectives = objectivesOf(features, options.objectives);
  const labelled = (places: readonly number[]): LabelledFeatures =>
    labelledRows(features, places, objectives, options.labelMaps);
  const ridge = await fitRidge(
    features.dimension,
    objectives.length,
    labelled(split.train),
    labelled(split.validation),
    {
      alphas: options.alphas ?? ridgeAlphas,
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: ({ phase, done, total }) =>
        options.onProgress?.({ phase: ridgePhases[phase], done, total }),
    },
  ).catch((error) => Promise.reject(withName(error, objectives)));
  const rewards = await pairRewards(features, split, ridge.weights, objectives.length);
  const debiasing = debias(rewards.train.rewards, objectives, options);
  const gate = GatingNetwork.create(
    { ...options.gating, dimension: features.dimension, objectives: objectives.length },
    seed,
  );
  const [train, held] = [rewards.train, rewards.validation].map((of) =>
    gatingPairs(features, of, debiasing.transform)
  );
  const validation = rewards.validation.pairs.length > 0 ? await held : undefined;
  const { losses: _, ...result } = await trainGating(gate, (await train)!, {
    ...options.training,
    seed,
    ...(validation === undefined ? {} : { validation }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: ({ done, total }) => options.onProgress?.({ phase: "training gate", done, total }),
  });
  return {
    objectives,
    regression: ridge.weights,
    transform: debiasing.transform,
    gate,
    report: {
      train_rows: split.train.length,
      validation_rows: split.validation.length,
      train_pairs: rewards.train.pairs.length,
      validation_pairs: rewards.validation.pairs.length,
      objectives: objectives.map((name, i) => ({
        name,
        ...ridge.objectives[i]!,
        ...debiasing.objectives[i]!,
      })),
      gating: {
        ...result,
        validation: validation === undefined ? null : measureGating(gate, validation),
      },
    },
  };
}

const ridgePhases = { sum: "reading features", solve: "solving", validate: "validating" };

/** Ridge knows objectives by number; people know them by name. */
function withName(error: unknown, objectives: readonly string[]): unknown {
  if (!(error instanceof AssayError) || !error.code.startsWith("fitting/")) return error;
  const message = error.message.replace(
    /objective (\d+)/,
    (whole, number) =>
      objectives[Number(number)] === undefined ? whole : objectives[Number(number)]!,
  );
  return new AssayError(error.code, message, { cause: error });
}

function objectivesOf(features: FeatureSet, wanted: readonly string[] | undefined): string[] {
  const found = new Set(features.rows.flatMap(({ ratings }) => Object.keys(ratings)));
  const missing = wanted?.find((name) => !found.has(name));
  if (missing !== undefined || found.size === 0) {
    throw new AssayError(
      "fitting/no-labels",
      `Cannot fit ${missing ?? "a regression"}: expected rows with ratings, found ` +
        `${found.size === 0 ? "none" : `ratings of ${[...found].join(", ")}`}`,
    );
  }
  return [...wanted ?? found];
}

function labelledRows(
  features: FeatureSet,
  places: readonly number[],
  objectives: readonly string[],
  maps: Readonly<Record<string, LabelMap>> | undefined,
): LabelledFeatures {
  const { rows } = features;
  const rated = places.filter((place) =>
    objectives.some((name) => (rows[place]!.ratings[name] ?? null) !== null)
  );
  const labels = Float64Array.from(
    rated.flatMap((place) =>
      objectives.map((name) =>
        rewardOfRating(rows[place]!.ratings[name], maps?.[name] ?? armoLabelMaps[name])
      )
    ),
  );
  return { labels, batches: () => features.batches(rated) };
}

/** Pairs of one side of the split, with the rewards of their responses. */
interface RewardedPairs {
  readonly pairs: readonly StoredPair[];
  /** [2 · pairs, objectives]: chosen and rejected by turns. */
  readonly rewards: Float64Array;
}

async function pairRewards(
  features: FeatureSet,
  split: RowSplit,
  weights: Float64Array,
  objectives: number,
): Promise<{ train: RewardedPairs; validation: RewardedPairs }> {
  const held = new Set(split.validation);
  const all = features.pairs;
  const of = async (pairs: readonly StoredPair[]): Promise<RewardedPairs> => {
    const places = [...new Set(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]))]
      .sort((a, b) => a - b);
    const byPlace = new Map<number, Float64Array>();
    let at = 0;
    for await (const batch of features.batches(places)) {
      for (let row = 0; row < batch.length; row += features.dimension) {
        byPlace.set(places[at++]!, rewardsOf(batch, row, weights, objectives));
      }
    }
    const rewards = new Float64Array(2 * pairs.length * objectives);
    pairs.forEach(({ chosen, rejected }, pair) => {
      rewards.set(byPlace.get(chosen)!, 2 * pair * objectives);
      rewards.set(byPlace.get(rejected)!, (2 * pair + 1) * objectives);
    });
    return { pairs, rewards };
  };
  const train = await of(all.filter(({ chosen }) => !held.has(chosen)));
  if (train.pairs.length === 0) {
    throw new AssayError(
      "fitting/no-pairs",
      "Cannot train a gate: expected rows with chosen and rejected among those to learn from, found none",
    );
  }
  return { train, validation: await of(all.filter(({ chosen }) => held.has(chosen))) };
}

function rewardsOf(
  batch: Float32Array,
  at: number,
  weights: Float64Array,
  objectives: number,
): Float64Array {
  const dimension = weights.length / objectives;
  return Float64Array.from({ length: objectives }, (_, objective) => {
    let sum = 0;
    for (let k = 0; k < dimension; k++) sum += weights[objective * dimension + k]! * batch[at + k]!;
    return sum;
  });
}

function debias(
  rewards: Float64Array,
  objectives: readonly string[],
  options: ArmoFitOptions,
): { transform: Float64Array; objectives: readonly ObjectiveDebiasing[] } {
  const count = objectives.length;
  const name = options.verbosity ??
    objectives.find((of) => of === "verbosity" || of === "helpsteer-verbosity");
  if (name !== undefined) {
    return debiasVerbosity(rewards, count, objectives.indexOf(name), options.debiasing);
  }
  const transform = new Float64Array(count * count);
  for (let i = 0; i < count; i++) transform[i * count + i] = 1;
  const none = { penalty: 0, before: null, after: null, reached: true };
  return { transform, objectives: objectives.map(() => none) };
}

async function gatingPairs(
  features: FeatureSet,
  { pairs, rewards }: RewardedPairs,
  transform: Float64Array,
): Promise<GatingPairs> {
  const objectives = Math.sqrt(transform.length);
  const debiased = debiasedRewards(rewards, transform);
  const differences = Float64Array.from({ length: pairs.length * objectives }, (_, i) => {
    const [pair, j] = [Math.floor(i / objectives), i % objectives];
    return debiased[2 * pair * objectives + j]! - debiased[(2 * pair + 1) * objectives + j]!;
  });
  const { states, promptOfRow } = await features.prompts(pairs.map(({ chosen }) => chosen));
  const rows = pairs.map(({ chosen }) => features.rows[chosen]!);
  return {
    dimension: features.dimension,
    prompts: states,
    promptOfPair: promptOfRow,
    differences,
    labelSmoothing: Float64Array.from(rows, (row) => row.label_smoothing ?? 0),
    margin: Float64Array.from(rows, (row) => row.margin ?? 0),
  };
}
