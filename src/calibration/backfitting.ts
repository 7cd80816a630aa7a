import { AssayError } from "../error.ts";
import { finiteOnly, meanInOrder } from "../numbers/moments.ts";
import type { Component, CurveComponent } from "./artifact.ts";
import { binMean, windowHalfWidth } from "./bin_mean.ts";
import { correctionOf, correctRows } from "./correction.ts";
import { knotsOf } from "./curve.ts";
import { lowess } from "./lowess.ts";
import { featureColumn, type PairIndex, type Pool } from "./pool.ts";
import { type FitSettings, usesPenalty } from "./settings.ts";
import { ownValue } from "../own_value.ts";

/** What {@linkcode fitComponents} made. */
export interface Backfit {
  /** The parts of the calibrator, in order. */
  readonly components: Component[];
  /** Rounds that were run. */
  readonly cycles: number;
  /** Whether the last round changed no correction by more than the tolerance. */
  readonly converged: boolean;
}

/** Distinct feature values above which `delta: "auto"` interpolates. */
const exactDistinctValues = 20_000;
const autoDeltaShare = 0.001;
const lowessMinimum = 3;

/**
 * Estimates the bias by each feature in turn: every curve is fitted to what the others leave of the
 * score (back-fitting), so that no part of a score is removed twice. One cycle is the published
 * sequential correction.
 *
 * @param pool Scored responses.
 * @param settings Resolved options.
 * @throws {AssayError} `calibration/too-few-rows` under the method's minimum, unless forced.
 */
export function fitComponents(pool: Pool, settings: FitSettings): Backfit {
  const remaining = Float64Array.from(pool.scores);
  const components: Component[] = [];
  if (usesPenalty(settings.method)) {
    const penalty = penaltyComponent(pool, settings);
    components.push(penalty);
    subtract(remaining, correctedBy(penalty, pool).subtract);
  }
  if (settings.method === "penalty") return { components, cycles: 1, converged: true };

  const { features } = settings;
  const curves: Component[] = [];
  const corrections = features.map(() => new Float64Array(remaining.length));
  let cycle = 0;
  let change = Infinity;
  while (cycle < settings.cycles && !(change <= settings.tolerance)) {
    change = 0;
    for (const [index, name] of features.entries()) {
      const own = corrections[index]!;
      for (let row = 0; row < remaining.length; row++) remaining[row]! += own[row]!;
      const curve = fitCurve(name, remaining, pool, settings);
      const fitted = correctedBy(curve, pool).subtract;
      subtract(remaining, fitted);
      for (let row = 0; row < own.length; row++) {
        const difference = Math.abs(fitted[row]! - own[row]!);
        if (difference > change) change = difference;
      }
      curves[index] = curve;
      corrections[index] = fitted;
    }
    cycle++;
  }
  const converged = features.length === 1 || change <= settings.tolerance;
  return { components: [...components, ...curves], cycles: cycle, converged };
}

function subtract(scores: Float64Array, amounts: Float64Array): void {
  for (let row = 0; row < scores.length; row++) scores[row]! -= amounts[row]!;
}

function correctedBy(component: Component, pool: Pool) {
  const column = featureColumn(pool, component.feature);
  return correctRows(correctionOf(component), column, pool.pairs);
}

/** r − λ·c, or r − λ·sd(r)·c for the penalty of z-normalised scores. */
function penaltyComponent(pool: Pool, settings: FitSettings): Component {
  const feature = settings.penaltyFeature;
  const scores = finiteOnly(pool.scores);
  const scale = settings.penaltyUnit === "deviation" ? standardDeviation(scores) : 1;
  const gamma = settings.method === "penalty" ? ownValue(settings.gamma, feature) ?? 1 : 1;
  return {
    kind: "penalty",
    feature,
    weight: gamma * settings.penalty * scale,
    origin: settings.center ? meanOrZero(finiteOnly(featureColumn(pool, feature))) : 0,
  };
}

function fitCurve(
  feature: string,
  scores: Float64Array,
  pool: Pool,
  settings: FitSettings,
): Component {
  const column = featureColumn(pool, feature);
  const finite: number[] = [];
  let constant = true;
  let first: number | undefined;
  for (let row = 0; row < scores.length; row++) {
    if (!Number.isFinite(scores[row]) || !Number.isFinite(column[row])) continue;
    finite.push(scores[row]!);
    first ??= column[row]!;
    if (column[row] !== first) constant = false;
  }
  const least = settings.method === "mean" ? settings.minimumCount : lowessMinimum;
  if (finite.length === 0 || (finite.length < least && !settings.force)) {
    throw new AssayError(
      "calibration/too-few-rows",
      `Cannot fit the method ${settings.method} on the feature "${feature}": expected at least ${least} rows with a finite score and feature, found ${finite.length} of ${scores.length}`,
    );
  }
  if (constant) return { kind: "none", feature, reason: "constant feature" };
  const level = meanInOrder(finite);
  const curve = settings.method === "mean"
    ? meanKnots(column, scores, level, pool.pairs, settings)
    : lowessKnots(column, scores, settings);
  return {
    kind: "curve",
    feature,
    gamma: ownValue(settings.gamma, feature) ?? 1,
    level,
    origin: settings.center ? level : 0,
    ...curve,
  };
}

type FittedKnots = Pick<CurveComponent, "minimumCount" | "knots">;

function meanKnots(
  column: ArrayLike<number>,
  scores: Float64Array,
  level: number,
  pairs: PairIndex | undefined,
  settings: FitSettings,
): FittedKnots {
  const halfWidth = settings.halfWidth ?? windowHalfWidth(column, pairs, settings.ratio);
  const order = settings.compat === "repo" ? pairedOrder(column.length, pairs) : undefined;
  const fitted = binMean(
    order === undefined ? column : Array.from(order, (row) => column[row]!),
    order === undefined ? scores : Array.from(order, (row) => scores[row]!),
    {
      halfWidth,
      window: settings.compat === "repo" ? "repo" : "closed",
      seed: settings.seed,
    },
  );
  return {
    minimumCount: settings.minimumCount,
    knots: {
      x: Array.from(fitted.x),
      estimate: Array.from(fitted.mean, (value) => Number.isNaN(value) ? level : value),
      count: Array.from(fitted.count),
    },
  };
}

/** The released code's pool order, which decides between ties: the two sides of each pair in turn. */
function pairedOrder(rows: number, pairs: PairIndex | undefined): Uint32Array | undefined {
  if (pairs === undefined) return undefined;
  const order = new Set<number>();
  for (let pair = 0; pair < pairs.chosen.length; pair++) {
    order.add(pairs.chosen[pair]!);
    order.add(pairs.rejected[pair]!);
  }
  for (let row = 0; row < rows; row++) order.add(row);
  return Uint32Array.from(order);
}

function lowessKnots(
  column: ArrayLike<number>,
  scores: Float64Array,
  settings: FitSettings,
): FittedKnots {
  const { x, fit } = lowess(column, scores, {
    frac: settings.frac,
    iterations: settings.iterations,
    degenerate: settings.degenerate,
    delta: settings.delta === "auto" ? automaticDelta(column) : settings.delta,
  });
  return { minimumCount: 0, knots: knotsOf(x, fit) };
}

/** 0 where every distinct value can have its regression in seconds, else a sliver of the range. */
export function automaticDelta(column: ArrayLike<number>): number {
  const distinct = new Set<number>();
  for (let row = 0; row < column.length; row++) {
    if (Number.isFinite(column[row])) distinct.add(column[row]!);
  }
  if (distinct.size <= exactDistinctValues) return 0;
  let least = Infinity;
  let most = -Infinity;
  for (const value of distinct) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return autoDeltaShare * (most - least);
}

/** 0 for no values: a penalty needs no rows. */
function meanOrZero(values: readonly number[]): number {
  return values.length === 0 ? 0 : meanInOrder(values);
}

/** Divisor n, as `populationStd`, but summed in the rows' order. */
function standardDeviation(values: readonly number[]): number {
  const center = meanOrZero(values);
  return Math.sqrt(meanOrZero(values.map((value) => (value - center) ** 2)));
}
