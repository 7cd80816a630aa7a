import { AssayError } from "../../error.ts";
import { fitBayesianPairs } from "../../fitting/bayesian_pairs.ts";
import { type BayesianHead, fitBayesianRatings } from "../../fitting/bayesian_ratings.ts";
import { whiten } from "../../fitting/evidence.ts";
import { type FeatureSet, splitRows } from "../../fitting/feature_set.ts";
import { measureHead, type PairFigures } from "../../fitting/head_training.ts";
import { rewardOfRating } from "../../fitting/label_maps.ts";
import { linearScores } from "../../fitting/linear_head.ts";
import { ownValue } from "../../own_value.ts";
import { type FitHeadOptions, pairsOf } from "./fit_head.ts";

/** How to fit a Bayesian head on a folder of features. */
export interface FitBayesianOptions extends
  Pick<
    FitHeadOptions,
    "labelSmoothing" | "mixture" | "heldOut" | "seed" | "onProgress" | "signal"
  > {
  /** Fit the ratings of this objective; the pairs by default. */
  readonly objective?: string | undefined;
  /** λ, the precision of the weights before any row was seen; by default that of the highest evidence. */
  readonly penalty?: number | undefined;
}

/** What a Bayesian head says of ratings that were held back. */
export interface RatingFigures {
  /** Root of the mean squared error. */
  readonly rmse: number;
  /** Mean log-likelihood of a rating, in nats. */
  readonly log_likelihood: number;
  /** Share of ratings within 1.96 deviations of their score; 0.95 of a head that is right about itself. */
  readonly within_95: number;
}

/** How a fit came out, as `fit.json` says it. */
export interface BayesianReport {
  /** Always `bayesian`. */
  readonly loss: "bayesian";
  /** The objective whose ratings were fitted; `null` for pairs. */
  readonly objective: string | null;
  /** Pairs, or ratings, that were learnt from. */
  readonly train_rows: number;
  /** Those that were held back. */
  readonly validation_rows: number;
  /** λ. */
  readonly penalty: number;
  /** How many of the weights the rows determine, γ. */
  readonly determined: number;
  /** σ², the variance of a rating about its score; 0 for pairs. */
  readonly noise_variance: number;
  /** Figures on what was held back; `null` where nothing was. */
  readonly validation: PairFigures | RatingFigures | null;
}

/** A fitted Bayesian head. */
export interface FittedBayesianHead {
  /** Mean and covariance of its weights. */
  readonly head: BayesianHead;
  /** How the fit came out. */
  readonly report: BayesianReport;
}

/**
 * Fits a Bayesian head on the pairs, or the ratings of an objective, of a folder of features, as `assay
 * fit head --bayesian` does. It goes into a checkpoint with `writeHeadCheckpoint` and
 * `bayesianHeadTensors` of `@assay/assay/fitting`.
 *
 * @param features The features.
 * @param options What is fitted, and how much is held back.
 * @throws {AssayError} `fitting/no-pairs`, `fitting/no-labels`, `fitting/bad-label`, and what
 *   `fitBayesianPairs` and `fitBayesianRatings` throw.
 */
export async function fitBayesianHead(
  features: FeatureSet,
  options: FitBayesianOptions = {},
): Promise<FittedBayesianHead> {
  return options.objective === undefined
    ? await fitPairs(features, options)
    : await fitRatings(features, options.objective, options);
}

async function fitPairs(
  features: FeatureSet,
  options: FitBayesianOptions,
): Promise<FittedBayesianHead> {
  const { heldOut = 0.2, seed = 0 } = options;
  const held = new Set(splitRows(features.rows, heldOut, seed).validation);
  const all = features.pairs;
  const train = await pairsOf(features, all.filter((p) => !held.has(p.chosen)), options);
  const validation = await pairsOf(features, all.filter((p) => held.has(p.chosen)), options);
  const head = fitBayesianPairs(train, fitOptions(options));
  const [train_rows, validation_rows] = [train.pairs.length / 2, validation.pairs.length / 2];
  const figures = validation_rows === 0 ? null : measureHead(head.weight, validation);
  return { head, report: reportOf(head, null, train_rows, validation_rows, figures) };
}

async function fitRatings(
  features: FeatureSet,
  objective: string,
  options: FitBayesianOptions,
): Promise<FittedBayesianHead> {
  const { rows, dimension } = features;
  const ratingAt = (place: number) => rewardOfRating(ownValue(rows[place]!.ratings, objective));
  const split = splitRows(rows, options.heldOut ?? 0.2, options.seed ?? 0);
  const isRated = (place: number) => Number.isFinite(ratingAt(place));
  const [train, validation] = [split.train.filter(isRated), split.validation.filter(isRated)];
  if (train.length === 0) {
    const found = new Set(rows.flatMap(({ ratings }) => Object.keys(ratings)));
    throw new AssayError(
      "fitting/no-labels",
      `Cannot fit a Bayesian head: expected rows with a rating of "${objective}", found ${
        found.size === 0 ? "none" : `ratings of ${[...found].slice(0, 20).join(", ")}`
      }`,
    );
  }
  const head = fitBayesianRatings(
    dimension,
    await features.last(train),
    train.map(ratingAt),
    fitOptions(options),
  );
  const figures = validation.length === 0
    ? null
    : measureRatings(head, await features.last(validation), validation.map(ratingAt));
  return { head, report: reportOf(head, objective, train.length, validation.length, figures) };
}

function fitOptions({ penalty, onProgress, signal }: FitBayesianOptions) {
  return {
    penalty,
    signal,
    // How many factorisations it takes is not known before.
    onProgress: ({ done }: { done: number }) =>
      onProgress?.({ done, total: Math.max(20, done + 1) }),
  };
}

/** What the predicted distributions say of ratings. */
function measureRatings(
  head: BayesianHead,
  features: Float32Array,
  ratings: readonly number[],
): RatingFigures {
  const dimension = head.weight.length;
  const scores = linearScores(Float64Array.from(features), head.weight);
  let [squares, likelihood, within] = [0, 0, 0];
  ratings.forEach((rating, row) => {
    const own = features.subarray(row * dimension, (row + 1) * dimension);
    const variance = whiten(head.factor, own).reduce((sum, x) => sum + x * x, head.noise);
    const error = rating - scores[row]!;
    squares += error * error;
    likelihood -= (Math.log(2 * Math.PI * variance) + error * error / variance) / 2;
    if (Math.abs(error) <= 1.959963984540054 * Math.sqrt(variance)) within++;
  });
  const count = ratings.length;
  return {
    rmse: Math.sqrt(squares / count),
    log_likelihood: likelihood / count,
    within_95: within / count,
  };
}

function reportOf(
  { penalty, determined, noise }: BayesianHead,
  objective: string | null,
  train_rows: number,
  validation_rows: number,
  validation: BayesianReport["validation"],
): BayesianReport {
  return {
    loss: "bayesian",
    objective,
    train_rows,
    validation_rows,
    penalty,
    determined,
    noise_variance: noise,
    validation,
  };
}
