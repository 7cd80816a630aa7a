import { checkOptions, numberIn, positive, wholeFrom } from "../check_options.ts";
import { AssayError } from "../error.ts";
import {
  bootstrapAll,
  bootstrapDraws,
  type BootstrapOptions,
  type Interval,
} from "../numbers/bootstrap.ts";
import { clopperPearsonLower, clopperPearsonUpper } from "../numbers/binomial.ts";
import { logSigmoid, sigmoid } from "../numbers/sigmoid.ts";
import { type Binning, equalMassBins, equalWidthBins } from "./reliability_bins.ts";
import { fitTemperature, minimalSlope } from "./temperature.ts";

/** Pairs of one bin of confidence. */
export interface ReliabilityBin {
  /** Least confidence; `null` in an empty bin of equal mass. */
  readonly low: number | null;
  /** Greatest confidence; `null` in an empty bin of equal mass. */
  readonly high: number | null;
  /** n_b, the pairs in it. */
  readonly pairs: number;
  /** Their mean confidence; `null` without pairs. */
  readonly confidence: number | null;
  /**
   * The share of them in the right order, a tie counting half. Where it is 0 or 1 all draws agree, which
   * tells nothing: the interval is then the exact (Clopper–Pearson) one of as many clusters.
   */
  readonly accuracy: Interval;
}

/** How well probabilities σ(margin / T) agree with outcomes. */
export interface ReliabilityFigures {
  /** T. */
  readonly temperature: number;
  /** Mean of the confidences max(p, 1 − p). */
  readonly confidence: number;
  /** Expected calibration error, Σ n_b/n · |accuracy_b − confidence_b|, over bins of equal width. */
  readonly ece: Interval;
  /** The same over bins of equal mass. */
  readonly eceEqualMass: Interval;
  /** Brier score, the mean of (1 − p)². */
  readonly brier: Interval;
  /** Negative log-likelihood, the mean of −log p. */
  readonly nll: Interval;
  /** Bins of equal width on [0.5, 1]. */
  readonly bins: readonly ReliabilityBin[];
  /** Bins of equal mass. */
  readonly equalMassBins: readonly ReliabilityBin[];
}

/** Reliability of pairs' margins; plain data for `JSON.stringify`. */
export interface ReliabilityReport {
  /** Pairs counted. */
  readonly pairs: number;
  /** Pairs whose margin is 0: half right. */
  readonly ties: number;
  /** Clusters that the intervals draw, such as prompts. */
  readonly clusters: number;
  /** Share of pairs in the right order, a tie counting half. */
  readonly accuracy: Interval;
  /** Probabilities σ(margin) as the scores are, or at the temperature that was given. */
  readonly asGiven: ReliabilityFigures;
  /** With the temperature fitted on these very pairs; `null` where it can't be. */
  readonly fitted: ReliabilityFigures | null;
  /** The fitted temperature; its ends are `null` where a draw's temperature has no bound. */
  readonly temperature: Interval;
  /** Why no temperature could be fitted. */
  readonly refused: { readonly code: string; readonly message: string } | null;
}

/** How {@linkcode reliability} counts. */
export interface ReliabilityOptions extends BootstrapOptions {
  /** T of the first figures. Default 1: a margin is the log odds, as Bradley–Terry trains it. */
  readonly temperature?: number | undefined;
  /**
   * Number of draws. Default: {@linkcode bootstrapDraws}, but no more than 2·10⁷ pairs in all, and at
   * least 200; of the temperature 4·10⁶ and at least 100.
   */
  readonly draws?: number | undefined;
  /** Number of bins, at most 256. Default 15. */
  readonly bins?: number | undefined;
  /**
   * Cluster of each pair, whole numbers from 0 without gaps, such as the number of its prompt. Default:
   * every pair is one.
   */
  readonly clusters?: ArrayLike<number> | undefined;
}

/** Sums by bin cost more than a mean, and a temperature more than sums: so many pairs are drawn. */
const drawnPairs = 2e7;
const leastDraws = 200;
const fittedPairs = 4e6;
const leastFits = 100;

/**
 * Holds the probability that a margin implies, p = σ(margin / T), against the outcome. All labels say
 * "chosen", so pairs are symmetrised: the confidence is c = max(p, 1 − p), and it is right where the
 * margin is above 0 (a tie counts half, at c = ½).
 *
 * Intervals are bootstrapped over clusters; bins stay those of the pairs themselves.
 *
 * @param margins Score of the preferred response minus that of the other, by pair; finite.
 * @param options Temperature, bins, clusters, draws.
 * @returns Figures with intervals, as given and with the temperature fitted.
 * @throws {AssayError} `evaluation/bad-option`; `evaluation/bad-row` without pairs, or for a margin that
 *   is not finite; `numbers/bad-option`.
 *
 * @example
 * ```ts
 * import { reliability } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const { asGiven, temperature } = reliability([2, 2, 2, -2], { draws: 100 });
 * assert.ok(asGiven.ece.estimate! > 0.1); // says 88 %, is right in 75 %
 * assert.ok(temperature.estimate! > 1); // so the scores must be spread less
 * ```
 */
export function reliability(
  margins: ArrayLike<number>,
  options: ReliabilityOptions = {},
): ReliabilityReport {
  const { temperature = 1, bins = 15, clusters: named, ...given } = options;
  checkReliability(options, margins);
  const values = Float64Array.from(margins);
  const clusters = clustersOf(named, values.length);
  const affordable = Math.max(leastDraws, Math.floor(drawnPairs / values.length));
  const most = Math.min(bootstrapDraws(clusters.count), affordable);
  const draws = { ...given, draws: given.draws ?? most };
  const right = values.map((margin) => margin > 0 ? 1 : margin === 0 ? 0.5 : 0);
  const pairs: Pairs = { margins: values, right, clusters };
  const [slope, refused] = slopeOf(values);
  const asGiven = figuresAt(pairs, temperature, bins, draws);
  return {
    pairs: values.length,
    ties: right.filter((value) => value === 0.5).length,
    clusters: clusters.count,
    accuracy: asGiven.accuracy,
    asGiven: asGiven.figures,
    fitted: refused === null ? figuresAt(pairs, 1 / slope, bins, draws).figures : null,
    temperature: refused === null
      ? temperatureInterval(pairs, slope, draws)
      : { estimate: null, low: null, high: null },
    refused,
  };
}

/** Which cluster each pair is of. */
interface Clusters {
  readonly of: Uint32Array;
  readonly count: number;
}

interface Pairs {
  readonly margins: Float64Array;
  readonly right: Float64Array;
  readonly clusters: Clusters;
}

function checkReliability(options: ReliabilityOptions, margins: ArrayLike<number>): void {
  checkOptions("evaluation/bad-option", "measure reliability", options, {
    temperature: positive,
    bins: numberIn("a whole number from 1 to 256", (x) => Number.isInteger(x) && x > 0 && x <= 256),
    seed: wholeFrom(0),
  });
  if (margins.length === 0) {
    throw new AssayError(
      "evaluation/bad-row",
      "Cannot measure reliability: expected at least one pair, found none",
    );
  }
  const given = options.clusters?.length ?? margins.length;
  if (given === margins.length) return;
  throw new AssayError(
    "evaluation/bad-option",
    `Cannot measure reliability: expected a cluster for each of ${margins.length} pairs, found ${given}`,
  );
}

function clustersOf(given: ArrayLike<number> | undefined, pairs: number): Clusters {
  const of = Uint32Array.from({ length: pairs }, (_, pair) => given?.[pair] ?? pair);
  const count = of.reduce((most, cluster) => Math.max(most, cluster + 1), 0);
  const isNumbered = given === undefined || of.every((cluster, pair) => cluster === given[pair]);
  if (isNumbered && new Set(of).size === count) return { of, count };
  throw new AssayError(
    "evaluation/bad-option",
    "Cannot measure reliability: expected clusters numbered from 0 without gaps, found others",
  );
}

function countDraws(drawn: Uint32Array, often: Uint32Array): void {
  often.fill(0);
  for (let place = 0; place < drawn.length; place++) often[drawn[place]!]!++;
}

function slopeOf(margins: Float64Array): [number, null] | [0, { code: string; message: string }] {
  try {
    return [1 / fitTemperature(margins), null];
  } catch (error) {
    if (!(error instanceof AssayError) || error.code === "evaluation/bad-row") throw error;
    return [0, error.toJSON()];
  }
}

/** Sums of all pairs come first, then pairs, right ones and confidence of each bin of both binnings. */
const leading = 4;

function figuresAt(
  { margins, right, clusters }: Pairs,
  temperature: number,
  bins: number,
  draws: BootstrapOptions,
): { figures: ReliabilityFigures; accuracy: Interval } {
  // Not max(p, 1 − p), in which margins of one size would differ by rounding.
  const confidences = margins.map((margin) => sigmoid(Math.abs(margin) / temperature));
  const binnings = [equalWidthBins(confidences, bins), equalMassBins(confidences, bins)] as const;
  // Beside each other, since draws come in no order: right, confidence, Brier, likelihood.
  const values = new Float64Array(4 * margins.length);
  margins.forEach((margin, pair) => {
    const loss = -logSigmoid(margin / temperature);
    values.set(
      [right[pair]!, confidences[pair]!, sigmoid(-margin / temperature) ** 2, loss],
      4 * pair,
    );
  });
  const sums = new Float64Array(leading + 2 * 3 * bins);
  const places = binnings.map(({ of }, binning) =>
    Uint16Array.from(of, (bin) => leading + 3 * (binning * bins + bin))
  );
  const addAll = (times: (pair: number) => number) => {
    sums.fill(0);
    for (let pair = 0; pair < margins.length; pair++) {
      const often = times(pair);
      if (often === 0) continue;
      const isRight = often * values[4 * pair]!;
      const confidence = often * values[4 * pair + 1]!;
      sums[0]! += often;
      sums[1]! += isRight;
      sums[2]! += often * values[4 * pair + 2]!;
      sums[3]! += often * values[4 * pair + 3]!;
      for (const place of places) {
        const at = place[pair]!;
        sums[at]! += often;
        sums[at + 1]! += isRight;
        sums[at + 2]! += confidence;
      }
    }
  };
  // How often each cluster was drawn, so that pairs are summed in the order in which they lie.
  const often = new Uint32Array(clusters.count);
  const intervals = bootstrapAll(clusters.count, (drawn) => {
    countDraws(drawn, often);
    addAll((pair) => often[clusters.of[pair]!]!);
    return figuresOf(sums, bins);
  }, draws);
  const [accuracy, brier, nll, ece, eceEqualMass] = intervals;
  addAll(() => 1);
  const tail = (1 - (draws.confidence ?? 0.95)) / 2;
  const binsOf = (binning: number) => {
    const accuracies = intervals.slice(5 + binning * bins, 5 + (binning + 1) * bins);
    const exact = accuracies.map((accuracy, bin) =>
      exactIfAlike(accuracy, () => clustersIn(binnings[binning]!, bin, clusters), tail)
    );
    return reportBins(binnings[binning]!, sums, binning * bins, exact);
  };
  const confidence = confidences.reduce((sum, one) => sum + one, 0) / confidences.length;
  const figures = {
    temperature,
    confidence,
    ece: ece!,
    eceEqualMass: eceEqualMass!,
    brier: brier!,
    nll: nll!,
    bins: binsOf(0),
    equalMassBins: binsOf(1),
  };
  return { accuracy: accuracy!, figures };
}

/** Accuracy, Brier, likelihood, both errors, then each bin's accuracy. */
function figuresOf(sums: Float64Array, bins: number): number[] {
  const pairs = sums[0]!;
  const accuracies: number[] = [];
  const errors = [0, 0];
  for (let bin = 0; bin < 2 * bins; bin++) {
    const at = leading + 3 * bin;
    accuracies.push(sums[at + 1]! / sums[at]!);
    errors[bin < bins ? 0 : 1]! += Math.abs(sums[at + 1]! - sums[at + 2]!) / pairs;
  }
  return [sums[1]! / pairs, sums[2]! / pairs, sums[3]! / pairs, ...errors, ...accuracies];
}

/** The exact interval where all were right, or none. */
function exactIfAlike(accuracy: Interval, count: () => number, tail: number): Interval {
  const { estimate } = accuracy;
  if (estimate !== 0 && estimate !== 1) return accuracy;
  const clusters = count();
  return {
    estimate,
    low: clopperPearsonLower(estimate * clusters, clusters, tail),
    high: clopperPearsonUpper(estimate * clusters, clusters, tail),
  };
}

function clustersIn({ of }: Binning, bin: number, clusters: Clusters): number {
  return new Set(clusters.of.filter((_, pair) => of[pair] === bin)).size;
}

function reportBins(
  { ends }: Binning,
  sums: Float64Array,
  first: number,
  accuracies: readonly Interval[],
): ReliabilityBin[] {
  return ends.map(([low, high], bin) => {
    const at = leading + 3 * (first + bin);
    const pairs = sums[at]!;
    return {
      low: Number.isNaN(low) ? null : low,
      high: Number.isNaN(high) ? null : high,
      pairs,
      confidence: pairs === 0 ? null : sums[at + 2]! / pairs,
      accuracy: accuracies[bin]!,
    };
  });
}

function temperatureInterval(
  { margins, clusters }: Pairs,
  slope: number,
  options: BootstrapOptions,
): Interval {
  const affordable = Math.max(leastFits, Math.floor(fittedPairs / margins.length));
  const draws = Math.min(options.draws ?? Infinity, affordable);
  const often = new Uint32Array(clusters.count);
  const weights = new Uint32Array(margins.length);
  const [interval] = bootstrapAll(clusters.count, (drawn) => {
    countDraws(drawn, often);
    for (let pair = 0; pair < weights.length; pair++) weights[pair] = often[clusters.of[pair]!]!;
    return [1 / minimalSlope(margins, { weights, start: slope, tolerance: 1e-9 })];
  }, { ...options, draws });
  return { ...interval!, estimate: 1 / slope };
}
