import { AssayError } from "../error.ts";
import { crossEntropy, fitLogisticL1, type LogisticRows } from "./logistic_regression.ts";
import { checkComparisons, type JudgedComparison, percentStandardError } from "./win_rate.ts";
import { sigmoid } from "../numbers/sigmoid.ts";

/** A judged comparison with the difficulty of its instruction. */
export interface ControlledComparison extends JudgedComparison {
  /**
   * Difficulty γ of the instruction, from a joint fit over many models. AlpacaEval publishes its own
   * apart from its code, so it is not included here; leave it out and the term is left out.
   */
  readonly difficulty?: number | undefined;
}

/** A comparison of the baseline with a gamed version of itself, which steadies the length term. */
export interface GamedComparison {
  /** Judge's probability, from 0 to 1, that the gamed version is the better. */
  readonly preference: number;
  /** Baseline's length minus the gamed version's, over the standard deviation of that difference. */
  readonly standardizedLengthDifference: number;
  /** Difficulty of the instruction. Default 0. */
  readonly difficulty?: number | undefined;
}

/** Options of {@linkcode lengthControlledWinRate}. */
export interface LengthControlOptions {
  /**
   * Inverse strength C of the L1 penalty. Default: chosen from `grid` by cross-validation, as
   * AlpacaEval does.
   */
  readonly c?: number | undefined;
  /** Values of C to try. Default: 10 values from 1e-4 to 1e4, evenly on a log scale. */
  readonly grid?: readonly number[] | undefined;
  /** Parts of the cross-validation. Default 5. */
  readonly folds?: number | undefined;
  /** Comparisons with gamed baselines. Default none: AlpacaEval's are published apart. */
  readonly gamed?: readonly GamedComparison[] | undefined;
  /** Weight of each gamed comparison. Default 0.1: AlpacaEval's λ = 0.2 over two gamed baselines. */
  readonly gamedWeight?: number | undefined;
}

/** The result of {@linkcode lengthControlledWinRate}; rates in percent. */
export interface LengthControlledWinRate {
  /** Comparisons used. */
  readonly comparisons: number;
  /** 100 · mean preference. */
  readonly winRate: number;
  /** 100 · mean predicted preference at equal length. */
  readonly lengthControlledWinRate: number;
  /** Standard error of `lengthControlledWinRate`: 100 · sd/√n of the predictions. */
  readonly standardError: number | null;
  /** Fitted coefficients: log odds of the model being preferred. */
  readonly weights: {
    /** Of tanh of the standardised length difference, baseline minus model. */
    readonly length: number;
    /** Of the instruction's difficulty; 0 where no difficulties were given. */
    readonly difficulty: number;
    /** The constant: the model itself. */
    readonly model: number;
  };
  /** Inverse strength of the penalty that was used. */
  readonly c: number;
}

/**
 * The length-controlled win rate of AlpacaEval 2 (arXiv 2404.04475): a logistic regression of the
 * judge's preference on tanh((len_baseline − len_model)/sd), the instruction's difficulty and a
 * constant, with an L1 penalty; the rate is the mean prediction at equal lengths.
 *
 * The fit is exact where AlpacaEval's liblinear stops at a tolerance of 1e-4. The parts of the
 * cross-validation are dealt out in the order of scikit-learn's `GroupKFold` with a stable sort;
 * scikit-learn's own sort is not stable, so its parts may differ. AlpacaEval's difficulties and
 * gamed baselines are data that it publishes apart: without them this is the same model with fewer
 * terms, and its numbers are close to the leaderboard's, not equal.
 *
 * @example
 * ```ts
 * import { lengthControlledWinRate } from "@assay/assay/calibration";
 * import assert from "node:assert/strict";
 *
 * const comparisons = Array.from({ length: 80 }, (_, i) => ({
 *   lengthDifference: 10 * i - 100,
 *   preference: i < 10 || i % 5 === 0 ? 0 : 1,
 * }));
 * const result = lengthControlledWinRate(comparisons);
 * assert.ok(result.lengthControlledWinRate < result.winRate);
 * ```
 *
 * @param comparisons Judged comparisons of one model with one baseline.
 * @param options Penalty, cross-validation, gamed baselines.
 * @throws {AssayError} `calibration/too-few-rows` with fewer than 10 finite comparisons,
 *   `calibration/bad-preference`, `calibration/bad-option`.
 */
export function lengthControlledWinRate(
  comparisons: readonly ControlledComparison[],
  options: LengthControlOptions = {},
): LengthControlledWinRate {
  const usable = comparisons.filter((row) =>
    Number.isFinite(row.preference) && Number.isFinite(row.lengthDifference) &&
    Number.isFinite(row.difficulty ?? 0)
  );
  checkComparisons(usable, comparisons.length);
  const { gamed = [], gamedWeight = 0.1, folds = 5, grid = defaultGrid() } = options;
  checkOptions(options.c, grid, folds, gamedWeight, usable.length);
  const rows = designRows(usable, gamed, gamedWeight);
  const c = options.c ?? chooseC(rows, grid, folds);
  const weights = fitLogisticL1(rows, c);
  const [length, difficulty, model] = [weights[0]!, weights[1]!, weights[2]!];
  const predictions = usable.map((row) => sigmoid(difficulty * (row.difficulty ?? 0) + model));
  return {
    comparisons: usable.length,
    winRate: percentMean(usable.map(({ preference }) => preference)),
    lengthControlledWinRate: percentMean(predictions),
    standardError: percentStandardError(predictions),
    weights: { length, difficulty, model },
    c,
  };
}

/**
 * AlpacaEval's stored preference, from 1 (the baseline wins) to 2 (the model wins), as a
 * probability from 0 to 1; its 0 stands for a tie.
 *
 * @param stored The stored value.
 */
export function alpacaEvalPreference(stored: number): number {
  return stored === 0 ? 0.5 : stored - 1;
}

function checkOptions(
  c: number | undefined,
  grid: readonly number[],
  folds: number,
  gamedWeight: number,
  rows: number,
): void {
  const positive = [...(c === undefined ? grid : [c])];
  const valid = positive.length > 0 && positive.every((value) => value > 0 && value < Infinity) &&
    Number.isInteger(folds) && folds >= 2 && folds <= rows && gamedWeight >= 0;
  if (!valid) {
    throw new AssayError(
      "calibration/bad-option",
      `Cannot control for length: expected C above 0, 2 to ${rows} folds and a gamedWeight of 0 or more, found C ${positive}, ${folds} folds and ${gamedWeight}`,
    );
  }
}

function defaultGrid(): number[] {
  return Array.from({ length: 10 }, (_, step) => 10 ** (-4 + 8 * step / 9));
}

/**
 * Columns tanh(standardised length difference), difficulty, 1 for rows of the model itself; the
 * gamed rows first, as in AlpacaEval.
 */
function designRows(
  usable: readonly ControlledComparison[],
  gamed: readonly GamedComparison[],
  gamedWeight: number,
): LogisticRows {
  const differences = usable.map(({ lengthDifference }) => -lengthDifference);
  const deviation = (percentStandardError(differences) ?? 0) / 100 * Math.sqrt(usable.length);
  // All differences equal: nothing to control for.
  const standardized = differences.map((value) => deviation === 0 ? 0 : value / deviation);
  return {
    columns: [
      Float64Array.from([
        ...gamed.map((row) => row.standardizedLengthDifference),
        ...standardized,
      ], Math.tanh),
      Float64Array.from([...gamed, ...usable], (row) => row.difficulty ?? 0),
      Float64Array.from([...gamed.map(() => 0), ...usable.map(() => 1)]),
    ],
    targets: Float64Array.from([...gamed, ...usable], (row) => row.preference),
    weights: Float64Array.from([...gamed.map(() => gamedWeight), ...usable.map(() => 1)]),
  };
}

/** The C of the smallest mean held-out log loss, the first of equals. */
function chooseC(rows: LogisticRows, grid: readonly number[], folds: number): number {
  const count = rows.targets.length;
  const losses = new Float64Array(grid.length);
  for (let fold = 0; fold < folds; fold++) {
    // GroupKFold deals groups of equal size to the parts in turn, the last group first.
    const held = (row: number) => (count - 1 - row) % folds === fold;
    const training = {
      ...rows,
      weights: rows.weights.map((weight, row) => held(row) ? 0 : weight),
    };
    grid.forEach((c, step) => {
      losses[step]! += heldOutLoss(rows, fitLogisticL1(training, c), held) / folds;
    });
  }
  let best = 0;
  losses.forEach((loss, step) => {
    if (loss < losses[best]!) best = step;
  });
  return grid[best]!;
}

function heldOutLoss(
  rows: LogisticRows,
  weights: Float64Array,
  held: (row: number) => boolean,
): number {
  let loss = 0;
  let count = 0;
  for (let row = 0; row < rows.targets.length; row++) {
    if (!held(row)) continue;
    const eta = rows.columns.reduce((sum, column, j) => sum + weights[j]! * column[row]!, 0);
    loss += rows.weights[row]! * crossEntropy(eta, rows.targets[row]!);
    count++;
  }
  return loss / count;
}

/** 100 · Σ / n, which may differ in the last bit from 100 times a mean. */
function percentMean(values: readonly number[]): number {
  return 100 * values.reduce((sum, value) => sum + value, 0) / values.length;
}
