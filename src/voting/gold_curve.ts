import {
  bootstrapAll,
  bootstrapDraws,
  bootstrapMean,
  type BootstrapOptions,
  type Interval,
} from "../numbers/bootstrap.ts";
import { AssayError } from "../error.ts";
import { checkOptions, openShare, wholeFrom } from "../check_options.ts";
import { expectedBestOfEach, klOfBestOf } from "./best_of_curve.ts";

/** The candidates of one prompt: what each proxy gives them, and what they are worth. */
export interface GoldPrompt {
  /** Per proxy, in the order of the names, one score per candidate. */
  readonly scores: readonly ArrayLike<number>[];
  /** One gold quality per candidate: a gold model's score, a correctness, people's ratings. */
  readonly gold: ArrayLike<number>;
}

/** One point of a curve of gold quality. */
export interface GoldPoint {
  /** Number of samples that the best by the proxy is picked from. */
  readonly n: number;
  /** Bound of KL(best of n ‖ policy), ln n − (n − 1)/n, in nats. */
  readonly kl: number;
  /** Expected gold quality of the pick, averaged over the prompts. */
  readonly gold: Interval;
  /** Expected proxy score of the pick, which never falls. */
  readonly proxy: number;
}

/** Gold quality of the best of n by one proxy. */
export interface GoldCurve {
  /** What picks: `score`, `calibrated score`, an aggregation, a voter. */
  readonly proxy: string;
  /** In ascending n. */
  readonly points: readonly GoldPoint[];
  /** The point of the highest gold quality, the first one among equals. */
  readonly peak: { readonly n: number; readonly kl: number; readonly gold: number };
  /**
   * Gold quality at the largest n less that at the peak: 0 where the curve does not fall. The interval
   * holds for all points at once (Bonferroni), since the peak was chosen on the same prompts.
   */
  readonly drop: Interval;
  /** Whether the drop's interval lies below 0: the proxy rises, and gold quality falls. */
  readonly over_optimised: boolean;
  /**
   * Least squares of gold(n) − gold(1) = d (α − β d), d = √KL (Gao et al., arXiv 2210.10760), and the KL
   * (α / 2β)² at which that peaks, `null` where it does not; `null` with fewer than three points.
   */
  readonly fit:
    | { readonly alpha: number; readonly beta: number; readonly peak_kl: number | null }
    | null;
  /** Gold quality at the largest n less that by the first proxy, paired by prompt; `null` of the first. */
  readonly gain: Interval | null;
}

/** Curves of gold quality by several proxies, over the same prompts. */
export interface GoldCurves {
  /** Prompts counted. */
  readonly prompts: number;
  /** Prompts that are not: too few candidates, or one of them has no finite score or quality. */
  readonly left_out: number;
  /** Largest n. */
  readonly n: number;
  /** Bootstrap draws of prompts behind the intervals. */
  readonly draws: number;
  /** Confidence of the intervals. */
  readonly confidence: number;
  /** One per proxy; empty without prompts. */
  readonly curves: readonly GoldCurve[];
}

/** How to compute {@linkcode goldCurves}. */
export interface GoldCurveOptions {
  /**
   * Largest n; prompts with fewer candidates are left out. Default: as many as the prompt with the
   * fewest has.
   */
  readonly largest?: number | undefined;
  /** Bootstrap draws; by default no more than keep the work bounded, see {@linkcode goldCurves}. */
  readonly draws?: number | undefined;
  /** Seed of the draws. Default 0. */
  readonly seed?: number | undefined;
  /** Confidence of the intervals. Default 0.95. */
  readonly confidence?: number | undefined;
}

const optionKinds = {
  largest: wholeFrom(1),
  draws: wholeFrom(1),
  seed: wholeFrom(0),
  confidence: openShare,
};

/** Every n up to here has a point; above, each is a fifth larger than the one before. */
const everyN = 32;
/** What sums of equal qualities may differ by, relative to them: no fall. */
const rounding = 1e-12;
/** Additions that all draws together may take, above the least number of draws. */
const affordable = 1e9;

/**
 * Gold quality of the best of n candidates by each proxy, against n and KL: does picking harder by a
 * score go on making answers better (over-optimisation, Gao et al., arXiv 2210.10760)? Each point is the
 * unbiased mean over all subsets of n candidates (see `expectedBestOf`), averaged over the prompts; the
 * intervals are percentiles of bootstrap draws of prompts, the same draws for every proxy.
 *
 * A prompt counts for all proxies or for none, so that the curves compare. The number of draws is that
 * of `bootstrapDraws`, and less where there are many points: work is bounded or linear in the candidates.
 *
 * @param proxies A name per proxy.
 * @param prompts The candidates by prompt.
 * @param options Largest n, draws.
 * @returns Plain JSON.
 * @throws {AssayError} `voting/bad-option`, also where a prompt has other proxies than the names.
 *
 * @example
 * ```ts
 * import { goldCurves } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * // The score prefers what is long; the third answer is the best one.
 * const prompt = { scores: [[1, 2, 3, 4]], gold: [0, 0.5, 1, 0.1] };
 * const { curves } = goldCurves(["score"], [prompt, prompt]);
 * assert.equal(curves[0]?.points[3]?.gold.estimate, 0.1);
 * assert.equal(curves[0]?.peak.n, 2);
 * assert.equal(curves[0]?.over_optimised, true);
 * ```
 */
export function goldCurves(
  proxies: readonly string[],
  prompts: readonly GoldPrompt[],
  options: GoldCurveOptions = {},
): GoldCurves {
  checkOptions("voting/bad-option", "draw curves of quality", options, optionKinds);
  const odd = prompts.find(({ scores }) => scores.length !== proxies.length);
  if (odd !== undefined) {
    throw new AssayError(
      "voting/bad-option",
      `Cannot draw curves of quality: expected scores by ${proxies.length} proxies for every prompt, ` +
        `found ${odd.scores.length}`,
    );
  }
  const whole = prompts.filter(isWhole);
  const reach = options.largest ??
    whole.reduce((least, { gold }) => Math.min(least, gold.length), Infinity);
  const used = whole.filter(({ gold }) => gold.length >= reach);
  const left_out = prompts.length - used.length;
  const { confidence = 0.95, seed = 0 } = options;
  if (used.length === 0) return { prompts: 0, left_out, n: 0, draws: 0, confidence, curves: [] };
  const ns = pointsUpTo(reach);
  const columns = ns.length * proxies.length;
  const draws = options.draws ?? drawsFor(used.length, columns);
  const drawing = { draws, seed, confidence };
  const table = tableOf(used, ns);
  const curves = curvesOf(proxies, ns, table, drawing);
  return { prompts: used.length, left_out, n: reach, draws, confidence, curves };
}

function isWhole({ scores, gold }: GoldPrompt): boolean {
  const isKnown = (values: ArrayLike<number>): boolean =>
    values.length === gold.length && Array.prototype.every.call(values, Number.isFinite);
  return gold.length > 0 && isKnown(gold) && scores.every(isKnown);
}

function pointsUpTo(reach: number): number[] {
  const ns: number[] = [];
  for (let n = 1; n < reach; n = n < everyN ? n + 1 : Math.ceil(1.2 * n)) ns.push(n);
  return [...ns, reach];
}

function drawsFor(prompts: number, columns: number): number {
  const most = Math.max(400, Math.floor(affordable / (prompts * columns)));
  return Math.min(bootstrapDraws(prompts), most);
}

/** For each proxy, the expected values of each n. */
interface PromptTable {
  readonly rows: number;
  /** Gold qualities, a row per prompt. */
  readonly gold: Float64Array;
  /** Proxy scores, their mean over prompts. */
  readonly proxy: Float64Array;
}

function tableOf(prompts: readonly GoldPrompt[], ns: readonly number[]): PromptTable {
  const width = ns.length * prompts[0]!.scores.length;
  const gold = new Float64Array(prompts.length * width);
  const sums = new Float64Array(width);
  prompts.forEach(({ scores, gold: qualities }, row) => {
    scores.forEach((own, curve) => {
      const samples = Array.from(own, (score, i) => ({ proxy: score, value: qualities[i]! }));
      const at = curve * ns.length;
      gold.set(expectedBestOfEach(samples, ns), row * width + at);
      const itself = samples.map(({ proxy }) => ({ proxy, value: proxy }));
      expectedBestOfEach(itself, ns).forEach((value, place) => sums[at + place]! += value);
    });
  });
  return { rows: prompts.length, gold, proxy: sums.map((sum) => sum / prompts.length) };
}

function curvesOf(
  proxies: readonly string[],
  ns: readonly number[],
  { rows, gold, proxy }: PromptTable,
  drawing: BootstrapOptions,
): GoldCurve[] {
  const width = ns.length * proxies.length;
  const last = (curve: number): number => (curve + 1) * ns.length - 1;
  const figures = bootstrapAll(rows, (drawn) => {
    const means = columnMeans(gold, width, drawn);
    const gains = proxies.map((_, curve) => means[last(curve)]! - means[last(0)]!);
    return [...means, ...gains];
  }, drawing);
  return proxies.map((name, curve) => {
    const points = ns.map((n, place) => ({
      n,
      kl: klOfBestOf(n),
      gold: figures[curve * ns.length + place]!,
      proxy: proxy[curve * ns.length + place]!,
    }));
    const peak = points.reduce((best, point) =>
      point.gold.estimate! > best.gold.estimate! ? point : best
    );
    const drop = dropOf({ rows, gold, width }, last(curve), last(curve) - ns.length + 1, {
      ...drawing,
      peak: points.indexOf(peak),
    });
    return {
      proxy: name,
      points,
      peak: { n: peak.n, kl: peak.kl, gold: peak.gold.estimate! },
      drop,
      over_optimised: (drop.high ?? 0) < -rounding * Math.abs(peak.gold.estimate!),
      fit: fitOf(points),
      gain: curve === 0 ? null : figures[width + curve]!,
    };
  });
}

function columnMeans(values: Float64Array, width: number, rows: Uint32Array): Float64Array {
  const sums = new Float64Array(width);
  for (let place = 0; place < rows.length; place++) {
    const start = rows[place]! * width;
    for (let column = 0; column < width; column++) sums[column]! += values[start + column]!;
  }
  return sums.map((sum) => sum / rows.length);
}

/** The last column of a curve less that of its peak. */
function dropOf(
  { rows, gold, width }: { rows: number; gold: Float64Array; width: number },
  last: number,
  first: number,
  { peak, confidence, ...drawing }: BootstrapOptions & { readonly peak: number },
): Interval {
  const earlier = last - first;
  if (first + peak === last) return { estimate: 0, low: 0, high: 0 };
  const sums = Float64Array.from(
    { length: rows },
    (_, row) => gold[row * width + last]! - gold[row * width + first + peak]!,
  );
  return bootstrapMean({ sums, counts: new Float64Array(rows).fill(1) }, {
    ...drawing,
    confidence: 1 - (1 - confidence!) / earlier,
  });
}

/** Least squares of y = α d − β d² through the origin. */
function fitOf(points: readonly GoldPoint[]): GoldCurve["fit"] {
  if (points.length < 3) return null;
  const start = points[0]!.gold.estimate!;
  let [d2, d3, d4, dy, d2y] = [0, 0, 0, 0, 0];
  for (const { kl, gold } of points) {
    const d = Math.sqrt(kl);
    const y = gold.estimate! - start;
    d2 += d ** 2;
    d3 += d ** 3;
    d4 += d ** 4;
    dy += d * y;
    d2y += d ** 2 * y;
  }
  const determinant = d2 * d4 - d3 ** 2;
  const alpha = (dy * d4 - d2y * d3) / determinant;
  const beta = (dy * d3 - d2y * d2) / determinant;
  const peak_kl = alpha > 0 && beta > 0 ? (alpha / (2 * beta)) ** 2 : null;
  return { alpha, beta, peak_kl };
}
