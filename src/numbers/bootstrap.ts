import { AssayError } from "../error.ts";
import { normalCdf, normalQuantile } from "./normal.ts";
import { seededRandom } from "./seeded_random.ts";

/** A figure with the ends of its confidence interval. */
export interface Interval {
  /** The figure on the data as they are; `null` where it is not defined. */
  readonly estimate: number | null;
  /** Lower end; `null` where the interval is unknown. */
  readonly low: number | null;
  /** Upper end; `null` where the interval is unknown. */
  readonly high: number | null;
}

/** How {@linkcode bootstrap} and its kin draw. */
export interface BootstrapOptions {
  /** Number of draws. Default {@linkcode bootstrapDraws} of the clusters. */
  readonly draws?: number | undefined;
  /** Confidence of the interval, between 0 and 1. Default 0.95. */
  readonly confidence?: number | undefined;
  /**
   * `"percentile"`: quantiles of the draws; `"bca"`: with the quantiles shifted for bias and for a
   * spread that changes with the figure (Efron 1987), as `scipy.stats.bootstrap` does. Default
   * `"percentile"`.
   */
  readonly method?: "percentile" | "bca" | undefined;
  /** Seed of the draws, a whole number. Default 0. */
  readonly seed?: number | undefined;
}

/** Sums of some values by cluster, and how many they were. */
export interface ClusterSums {
  /** Sum of each cluster's values. */
  readonly sums: ArrayLike<number>;
  /** How many values each cluster has; 0 is allowed. */
  readonly counts: ArrayLike<number>;
}

const mostDraws = 10_000;
const leastDraws = 400;
const drawnClusters = 1e8;
/** An interval stays unknown where more than this share of the draws gives no number. */
const mostUndefined = 0.05;

/**
 * How many times clusters are drawn by default: 10,000 times up to 10,000 clusters, fewer above, so
 * that 10⁸ clusters are drawn in all, and never fewer than 400 times. The work is thus bounded up to
 * 250,000 clusters, and linear beyond.
 *
 * @param clusters Number of clusters.
 */
export function bootstrapDraws(clusters: number): number {
  const affordable = Math.floor(drawnClusters / Math.max(1, clusters));
  return Math.min(mostDraws, Math.max(leastDraws, affordable));
}

/**
 * Bootstrap interval of the mean of all values. Clusters, for example the pairs of a prompt, are drawn
 * whole, with replacement: rows of one prompt are not independent of each other.
 *
 * Where all clusters are alike, so are the draws: both ends are then the mean itself, which tells nothing of
 * how sure it is.
 *
 * @param clusters Sums and counts by cluster; of equal lengths.
 * @param options How to draw.
 * @returns The mean with its interval. The ends are `null` with fewer than two clusters.
 * @throws {AssayError} `numbers/bad-option`.
 *
 * @example
 * ```ts
 * import { bootstrapMean } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * // Three prompts with two pairs each; how many of them were right.
 * const right = { sums: [2, 1, 2], counts: [2, 2, 2] };
 * const { estimate, low, high } = bootstrapMean(right);
 * assert.equal(estimate, 5 / 6);
 * assert.ok(low! >= 0.5 && high! <= 1);
 * ```
 */
export function bootstrapMean(clusters: ClusterSums, options: BootstrapOptions = {}): Interval {
  const { sums, counts } = clusters;
  const mean = meanWithout(clusters);
  return firstOf(intervals(sums.length, options, {
    whole: () => [mean(nobody)],
    drawn: (draw) => [drawnMean(sums, counts, draw)],
    without: (left) => [mean(left)],
  }));
}

/**
 * Bootstrap interval of the difference of two means, first − second, over the same clusters: both
 * sides of the difference see the same draws, so that what makes a prompt hard for both falls out.
 *
 * @param first Sums and counts by cluster.
 * @param second The other's, of the same clusters in the same order.
 * @param options How to draw.
 * @returns The difference with its interval. The ends are `null` with fewer than two clusters.
 * @throws {AssayError} `numbers/bad-option`, also where the clusters differ in number.
 *
 * @example
 * ```ts
 * import { bootstrapDifference } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const counts = [1, 1, 1, 1];
 * const better = { sums: [1, 1, 1, 0], counts };
 * const worse = { sums: [0, 1, 0, 0], counts };
 * assert.equal(bootstrapDifference(better, worse).estimate, 0.5);
 * ```
 */
export function bootstrapDifference(
  first: ClusterSums,
  second: ClusterSums,
  options: BootstrapOptions = {},
): Interval {
  if (first.sums.length !== second.sums.length) {
    throw badOption(
      "both sides to have the same clusters",
      `${first.sums.length} and ${second.sums.length}`,
    );
  }
  const one = meanWithout(first);
  const other = meanWithout(second);
  return firstOf(intervals(first.sums.length, options, {
    whole: () => [one(nobody) - other(nobody)],
    drawn: (draw) => [
      drawnMean(first.sums, first.counts, draw) - drawnMean(second.sums, second.counts, draw),
    ],
    without: (left) => [one(left) - other(left)],
  }));
}

/**
 * Bootstrap interval of any figure of clusters.
 *
 * @param clusters Number of clusters.
 * @param statistic The figure of some clusters, given by their indices, which repeat; NaN where it is
 *   not defined. The list is valid during the call only.
 * @param options How to draw. `"bca"` computes the figure up to twice as often.
 * @returns The figure with its interval. The ends are `null` with fewer than two clusters, and where
 *   more than 5 % of the draws give no number.
 * @throws {AssayError} `numbers/bad-option`.
 *
 * @example
 * ```ts
 * import { bootstrap } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const margins = [0.5, 2, -1, 3];
 * const largest = bootstrap(4, (drawn) => Math.max(...Array.from(drawn, (i) => margins[i]!)));
 * assert.equal(largest.estimate, 3);
 * ```
 */
export function bootstrap(
  clusters: number,
  statistic: (drawn: Uint32Array) => number,
  options: BootstrapOptions = {},
): Interval {
  return firstOf(bootstrapAll(clusters, (drawn) => [statistic(drawn)], options));
}

/**
 * Bootstrap intervals of several figures by the same draws.
 *
 * @param clusters Number of clusters.
 * @param statistics The figures of some clusters, as in {@linkcode bootstrap}; always as many.
 * @param options How to draw.
 * @returns Each figure with its interval, as in {@linkcode bootstrap}.
 * @throws {AssayError} `numbers/bad-option`.
 */
export function bootstrapAll(
  clusters: number,
  statistics: (drawn: Uint32Array) => readonly number[],
  options: BootstrapOptions = {},
): Interval[] {
  return intervals(clusters, options, {
    whole: () => statistics(Uint32Array.from({ length: clusters }, (_, index) => index)),
    drawn: statistics,
    without: ({ group, groups }) => statistics(allBut(clusters, group, groups)),
  });
}

/** What the jackknife leaves out: the clusters whose index modulo `groups` is `group`. */
interface Left {
  readonly group: number;
  readonly groups: number;
}

const nobody: Left = { group: 0, groups: Infinity };

/** How figures are computed. */
interface Figures {
  /** On all clusters. */
  readonly whole: () => readonly number[];
  /** On drawn ones. */
  readonly drawn: (draw: Uint32Array) => readonly number[];
  /** On all but some. */
  readonly without: (left: Left) => readonly number[];
}

function intervals(clusters: number, options: BootstrapOptions, figures: Figures): Interval[] {
  const { draws, confidence, method, seed } = checked(clusters, options);
  const estimates = figures.whole();
  if (clusters < 2) return estimates.map((estimate) => unknown(estimate));
  const columns = estimates.map(() => new Float64Array(draws));
  const random = seededRandom(seed);
  const draw = new Uint32Array(clusters);
  for (let index = 0; index < draws; index++) {
    for (let place = 0; place < clusters; place++) draw[place] = Math.floor(random() * clusters);
    const values = figures.drawn(draw);
    columns.forEach((column, figure) => column[index] = values[figure]!);
  }
  const jackknife = method === "bca" ? leaveOut(clusters, draws, figures) : [];
  return estimates.map((estimate, figure) => {
    const values = columns[figure]!.filter((value) => !Number.isNaN(value)).sort();
    if (Number.isNaN(estimate) || values.length < (1 - mostUndefined) * draws) {
      return unknown(estimate);
    }
    const tail = (1 - confidence) / 2;
    const shifted = method === "bca"
      ? shiftedLevels(values, estimate, jackknife.map((one) => one[figure]!), tail)
      : [tail, 1 - tail] as const;
    return {
      estimate: known(estimate),
      low: known(quantile(values, shifted[0])),
      high: known(quantile(values, shifted[1])),
    };
  });
}

/**
 * The figures with each cluster left out; with more clusters than draws, with each of so many groups
 * of clusters left out, since the figures would else be computed clusters² times.
 */
function leaveOut(clusters: number, draws: number, figures: Figures): (readonly number[])[] {
  const groups = Math.min(clusters, draws);
  return Array.from({ length: groups }, (_, group) => figures.without({ group, groups }));
}

/** Levels of BCa's ends among the draws, for the levels `tail` and 1 − `tail`. */
function shiftedLevels(
  sorted: Float64Array,
  estimate: number,
  jackknife: readonly number[],
  tail: number,
): readonly [number, number] {
  const below = countBelow(sorted, (value) => value < estimate);
  const notAbove = countBelow(sorted, (value) => value <= estimate);
  const bias = normalQuantile((below + notAbove) / (2 * sorted.length));
  const centre = total(jackknife) / jackknife.length;
  let squares = 0;
  let cubes = 0;
  for (const value of jackknife) {
    squares += (centre - value) ** 2;
    cubes += (centre - value) ** 3;
  }
  const acceleration = squares === 0 ? 0 : cubes / (6 * squares ** 1.5);
  const level = (z: number) => normalCdf(bias + (bias + z) / (1 - acceleration * (bias + z)));
  return [level(normalQuantile(tail)), level(normalQuantile(1 - tail))];
}

/** How many of ascending values come first by a test that holds up to some place. */
function countBelow(sorted: Float64Array, isBelow: (value: number) => boolean): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBelow(sorted[middle]!)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Quantile of ascending values, linear between them, as NumPy's; NaN for a level of NaN. */
function quantile(sorted: Float64Array, level: number): number {
  const place = level * (sorted.length - 1);
  if (Number.isNaN(place)) return NaN;
  const lower = sorted[Math.floor(place)]!;
  const upper = sorted[Math.ceil(place)]!;
  return lower === upper ? lower : lower + (upper - lower) * (place - Math.floor(place));
}

/** The mean of all clusters but some. */
function meanWithout({ sums, counts }: ClusterSums): (left: Left) => number {
  const sum = total(sums);
  const count = total(counts);
  return (left) => (sum - total(sums, left)) / (count - total(counts, left));
}

function drawnMean(
  sums: ArrayLike<number>,
  counts: ArrayLike<number>,
  draw: Uint32Array,
): number {
  let sum = 0;
  let count = 0;
  for (let place = 0; place < draw.length; place++) {
    const cluster = draw[place]!;
    sum += sums[cluster]!;
    count += counts[cluster]!;
  }
  return sum / count;
}

/** Sum of all values, or of one group of them. */
function total(
  values: ArrayLike<number>,
  { group, groups }: Left = { group: 0, groups: 1 },
): number {
  let sum = 0;
  if (groups === Infinity) return sum;
  for (let index = group; index < values.length; index += groups) sum += values[index]!;
  return sum;
}

function allBut(clusters: number, group: number, groups: number): Uint32Array {
  const rest = new Uint32Array(clusters - Math.ceil((clusters - group) / groups));
  let place = 0;
  for (let cluster = 0; cluster < clusters; cluster++) {
    if (cluster % groups !== group) rest[place++] = cluster;
  }
  return rest;
}

function checked(
  clusters: number,
  options: BootstrapOptions,
): { draws: number; confidence: number; method: "percentile" | "bca"; seed: number } {
  const { draws = bootstrapDraws(clusters), confidence = 0.95, method = "percentile", seed = 0 } =
    options;
  if (!Number.isSafeInteger(draws) || draws < 1 || draws > 1e7) {
    throw badOption("draws as a whole number from 1 to 10,000,000", draws);
  }
  if (!(confidence > 0 && confidence < 1)) {
    throw badOption("a confidence between 0 and 1", confidence);
  }
  if (method !== "percentile" && method !== "bca") {
    throw badOption("a method of percentile or bca", method);
  }
  if (!Number.isSafeInteger(seed)) throw badOption("a seed that is a whole number", seed);
  return { draws, confidence, method, seed };
}

function badOption(expected: string, found: unknown): AssayError {
  return new AssayError(
    "numbers/bad-option",
    `Cannot take a bootstrap interval: expected ${expected}, found ${found}`,
  );
}

function firstOf([interval]: readonly Interval[]): Interval {
  return interval!;
}

function unknown(estimate: number): Interval {
  return { estimate: known(estimate), low: null, high: null };
}

function known(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
