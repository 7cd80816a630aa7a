import { AssayError } from "../error.ts";
import {
  countOf,
  gatingPairs,
  pairRewards,
  referenceRewards,
  sourceFigures,
} from "./armo_pairs.ts";
import type { FeatureSet } from "./feature_set.ts";
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
import type { MixtureShares } from "./pair_mixture.ts";
import { type LabelledFeatures, type ObjectiveFit, ridgeAlphas } from "./ridge.ts";
import { fitRidge } from "./ridge.ts";
import {
  type DebiasingOptions,
  debiasVerbosity,
  type ObjectiveDebiasing,
} from "./verbosity_debiasing.ts";
import { ownValue } from "../own_value.ts";
import { checkTrainingOptions } from "./check_training.ts";

/** How to fit an ArmoRM head. */
export interface ArmoFitOptions {
  /** The objectives in their order; by default all that rows have ratings for, as they first appear. */
  readonly objectives?: readonly string[] | undefined;
  /** How ratings relate to rewards, by objective; {@link armoLabelMaps} and identity by default. */
  readonly labelMaps?: Readonly<Record<string, LabelMap>> | undefined;
  /** Penalties of the regression to choose from; the paper's grid by default. */
  readonly alphas?: readonly number[] | undefined;
  /** Name of the verbosity objective; by default `verbosity` or `helpsteer-verbosity`, else none. */
  readonly verbosity?: string | undefined;
  /** Threshold and grid of the debiasing. */
  readonly debiasing?: DebiasingOptions | undefined;
  /** Sources of the training pairs on whose responses debiasing looks; all by default. */
  readonly debiasOn?: readonly string[] | undefined;
  /** How much of the gate's loss falls to the pairs of each source; without, all pairs count alike. */
  readonly mixture?: MixtureShares | undefined;
  /** The gate's shape. */
  readonly gating?: Omit<GatingShape, "dimension" | "objectives"> | undefined;
  /** The gate's training. */
  readonly training?:
    | Omit<GatingOptions, "validation" | "onProgress" | "signal" | "seed">
    | undefined;
  /**
   * Gates trained, each from a start of its own; the one with the least loss on the held-back pairs is
   * kept. 1 by default. Few held-back pairs make that loss, and so the step it chooses, a matter of chance.
   */
  readonly starts?: number | undefined;
  /** Share of prompts held back, where rows do not say so themselves; 0.2 by default. */
  readonly validationShare?: number | undefined;
  /** Seed of the split, the gate's start and its training; 0 by default. */
  readonly seed?: number | undefined;
  /** Told what is being done, and how much of it. */
  readonly onProgress?:
    | ((
      progress: { readonly phase: string; readonly done: number; readonly total: number },
    ) => void)
    | undefined;
  /** Ends the fit early, with its reason. */
  readonly signal?: AbortSignal | undefined;
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
  readonly gating: Omit<GatingResult, "losses"> & TriedGates & {
    /** Figures of each source by itself, where sources were mixed. */
    readonly validation_sources?: Readonly<Record<string, PairFigures>> | undefined;
  };
}

/** The gates that were trained, from one start or more. */
export interface TriedGates {
  /** Which of them was kept, from 0. */
  readonly start: number;
  /** Figures of each on the held-back pairs; none where there are none. */
  readonly starts: readonly PairFigures[];
  /** Those of the one that was kept; `null` where there are no such pairs. */
  readonly validation: PairFigures | null;
}

/**
 * Fits the head of ArmoRM on a folder of features: the regression of {@link fitRidge} on the rated
 * rows, the transform of {@link debiasVerbosity} with the training pairs' responses as reference, and
 * the gate of {@link trainGating} on the pairs. What is held back chooses the penalties and the gate's
 * step.
 *
 * @throws {AssayError} `fitting/no-labels`, `fitting/no-pairs`, `fitting/bad-objective`,
 *   `fitting/bad-mixture` and what the stages throw.
 */
export async function fitArmo(
  features: FeatureSet,
  options: ArmoFitOptions = {},
): Promise<ArmoFit> {
  checkTrainingOptions(options);
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
      signal: options.signal,
      onProgress: ({ phase, done, total }) =>
        options.onProgress?.({ phase: ridgePhases[phase], done, total }),
    },
  ).catch((error) => Promise.reject(withName(error, objectives)));
  const rewards = await pairRewards(features, split, ridge.weights, objectives.length);
  const reference = referenceRewards(features, rewards.train, objectives.length, options.debiasOn);
  const debiasing = debias(reference, objectives, options);
  const train = await gatingPairs(features, rewards.train, debiasing.transform, options.mixture);
  const validation = rewards.validation.pairs.length === 0
    ? undefined
    : await gatingPairs(features, rewards.validation, debiasing.transform, options.mixture);
  const shape = { dimension: features.dimension, objectives: objectives.length };
  const { gate, ...result } = await trainGates(shape, train, validation, options);
  return {
    objectives,
    regression: ridge.weights,
    transform: debiasing.transform,
    gate,
    report: {
      train_rows: split.train.length,
      validation_rows: split.validation.length,
      train_pairs: countOf(train),
      validation_pairs: validation === undefined ? 0 : countOf(validation),
      objectives: objectives.map((name, i) => ({
        name,
        ...ridge.objectives[i]!,
        ...debiasing.objectives[i]!,
      })),
      gating: {
        ...result,
        validation_sources: validation === undefined || options.mixture === undefined
          ? undefined
          : sourceFigures(gate, validation, features, rewards.validation, options.mixture),
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
    objectives.some((name) => (ownValue(rows[place]!.ratings, name) ?? null) !== null)
  );
  const labels = Float64Array.from(
    rated.flatMap((place) =>
      objectives.map((name) =>
        rewardOfRating(
          ownValue(rows[place]!.ratings, name),
          ownValue(maps, name) ?? ownValue(armoLabelMaps, name),
        )
      )
    ),
  );
  return { labels, batches: () => features.batches(rated) };
}

/** Trains gates from one or more starts; that with the least loss on the held-back pairs is kept. */
async function trainGates(
  shape: Pick<GatingShape, "dimension" | "objectives">,
  train: GatingPairs,
  validation: GatingPairs | undefined,
  options: ArmoFitOptions,
): Promise<Omit<GatingResult, "losses"> & TriedGates & { readonly gate: GatingNetwork }> {
  const { seed = 0, starts = 1, signal } = options;
  if (validation === undefined && starts > 1) {
    throw new AssayError(
      "fitting/no-pairs",
      `Cannot choose among ${starts} gates: expected pairs that are held back, found none`,
    );
  }
  const tried: PairFigures[] = [];
  let best: { start: number; gate: GatingNetwork; result: GatingResult } | undefined;
  for (let start = 0; start < starts; start++) {
    const of = seed + 1000 * start;
    const gate = GatingNetwork.create({ ...options.gating, ...shape }, of);
    const result = await trainGating(gate, train, {
      ...options.training,
      seed: of,
      validation,
      signal,
      onProgress: ({ done, total }) =>
        options.onProgress?.({
          phase: "training gate",
          done: start * total + done,
          total: starts * total,
        }),
    });
    if (validation !== undefined) tried.push(measureGating(gate, validation));
    if (best === undefined || tried[start]!.loss < tried[best.start]!.loss) {
      best = { start, gate, result };
    }
  }
  const { start, gate, result: { losses: _, ...result } } = best!;
  return { gate, ...result, start, starts: tried, validation: tried[start] ?? null };
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
