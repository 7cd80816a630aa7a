import { AssayError } from "../error.ts";
import { fitComponents } from "./backfitting.ts";
import { correctionOf, correctRows } from "./correction.ts";
import { featureColumn, type PairIndex, type Pool } from "./pool.ts";
import { seededShuffle } from "../numbers/seeded_random.ts";
import type { FitSettings } from "./settings.ts";
import { type TieRule, winOf } from "./tie.ts";

/** Options of {@linkcode chooseGamma}. */
export interface GammaOptions {
  /** Values to try. Default 0, 0.1, … 2. */
  readonly grid?: readonly number[] | undefined;
  /** Parts that the pairs are split into. Default 5. */
  readonly folds?: number | undefined;
  /** Seed of the split. Default 0. */
  readonly seed?: number | undefined;
  /** What equal scores count as. Default `"half"`. */
  readonly tie?: TieRule | undefined;
}

/** How a γ was chosen. */
export interface GammaChoice {
  /** The γ with the best accuracy on held-out pairs; the smallest of equals. */
  readonly gamma: number;
  /** Accuracy on held-out pairs at each γ of the grid. */
  readonly grid: readonly { readonly gamma: number; readonly accuracy: number }[];
  /**
   * Accuracy of the whole procedure, by nested cross-validation: each part's pairs judged with
   * curves fitted on, and a γ chosen on, the other parts only.
   */
  readonly heldOutAccuracy: number;
  /** Parts that the pairs were split into. */
  readonly folds: number;
  /** Pairs used. */
  readonly pairs: number;
}

const defaultGrid: readonly number[] = Array.from({ length: 21 }, (_, step) => step / 10);
const leastPairsPerFold = 2;

/**
 * Chooses the calibration constant γ by cross-validation on labelled pairs: curves are fitted
 * without the pairs that they are judged on.
 *
 * @param pool A pool with pairs.
 * @param settings Resolved options of the fit; their γ is replaced.
 * @param options The grid, the folds, the tie rule.
 * @throws {AssayError} `calibration/no-labels` without enough pairs.
 */
export function chooseGamma(
  pool: Pool,
  settings: FitSettings,
  options: GammaOptions = {},
): GammaChoice {
  const { grid = defaultGrid, folds = 5, seed = 0, tie = "half" } = options;
  const pairs = pool.pairs;
  const count = pairs?.chosen.length ?? 0;
  if (pairs === undefined || count < folds * leastPairsPerFold) {
    throw new AssayError(
      "calibration/no-labels",
      `Cannot choose gamma by cross-validation: expected at least ${
        folds * leastPairsPerFold
      } labelled pairs (chosen and rejected), found ${count}; give a number instead`,
    );
  }
  const foldOfPair = new Uint32Array(count);
  seededShuffle(count, seed).forEach((pair, position) => foldOfPair[pair] = position % folds);
  const win = winOf(tie);
  // wins[fold][step], and the pairs counted in each fold
  const wins = Array.from({ length: folds }, () => new Float64Array(grid.length));
  const counted = new Float64Array(folds);
  for (let fold = 0; fold < folds; fold++) {
    const margins = heldOutMargins(pool, pairs, settings, foldOfPair, fold, grid);
    for (const byGamma of margins) {
      if (!byGamma.every(Number.isFinite)) continue;
      counted[fold]!++;
      byGamma.forEach((margin, step) => wins[fold]![step]! += win(margin));
    }
  }
  const total = sumExcept(wins, -1, grid.length);
  const used = counted.reduce((sum, pairsOfFold) => sum + pairsOfFold, 0);
  let heldOut = 0;
  for (let fold = 0; fold < folds; fold++) {
    heldOut += wins[fold]![best(sumExcept(wins, fold, grid.length))]!;
  }
  return {
    gamma: grid[best(total)]!,
    grid: grid.map((gamma, step) => ({ gamma, accuracy: total[step]! / used })),
    heldOutAccuracy: heldOut / used,
    folds,
    pairs: used,
  };
}

/** Calibrated margins of one fold's pairs at every γ, by curves fitted on everything else. */
function heldOutMargins(
  pool: Pool,
  pairs: PairIndex,
  settings: FitSettings,
  foldOfPair: Uint32Array,
  fold: number,
  grid: readonly number[],
): number[][] {
  const training = withoutFold(pool, pairs, foldOfPair, fold);
  const held = [...foldOfPair.keys()].filter((pair) => foldOfPair[pair] === fold);
  const marginsAt = (gamma: number) => {
    const byFeature = Object.fromEntries(settings.features.map((name) => [name, gamma]));
    const { components } = fitComponents(training, { ...settings, gamma: byFeature });
    const scores = Float64Array.from(pool.scores);
    for (const component of components) {
      const column = featureColumn(pool, component.feature);
      const { subtract } = correctRows(correctionOf(component), column, pool.pairs);
      for (let row = 0; row < scores.length; row++) scores[row]! -= subtract[row]!;
    }
    return held.map((pair) => scores[pairs.chosen[pair]!]! - scores[pairs.rejected[pair]!]!);
  };
  if (settings.features.length > 1) {
    // Later curves are fitted to what γ leaves of the score, so every γ needs its own fits.
    const byGamma = grid.map(marginsAt);
    return held.map((_, index) => byGamma.map((margins) => margins[index]!));
  }
  const none = marginsAt(0);
  const full = marginsAt(1);
  return none.map((margin, index) => grid.map((gamma) => margin + gamma * (full[index]! - margin)));
}

/** The pool with one fold's rows turned to NaN, which every fit leaves out. */
function withoutFold(pool: Pool, pairs: PairIndex, foldOfPair: Uint32Array, fold: number): Pool {
  const scores = Float64Array.from(pool.scores);
  foldOfPair.forEach((part, pair) => {
    if (part === fold) scores[pairs.chosen[pair]!] = scores[pairs.rejected[pair]!] = NaN;
  });
  return { ...pool, scores };
}

function sumExcept(wins: readonly Float64Array[], except: number, length: number): Float64Array {
  const sum = new Float64Array(length);
  wins.forEach((ofFold, fold) => {
    if (fold !== except) ofFold.forEach((won, step) => sum[step]! += won);
  });
  return sum;
}

/** Index of the largest value, the first of equals. */
function best(values: Float64Array): number {
  let index = 0;
  values.forEach((value, step) => {
    if (value > values[index]! + 1e-9) index = step;
  });
  return index;
}
