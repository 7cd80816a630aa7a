import { spearman } from "../numbers/ranks.ts";
import { AssayError } from "../error.ts";
import { checkTrainingOptions } from "./check_training.ts";

/** Penalties that are tried, ascending (`stage-2_train.py` of ArmoRM). */
export const verbosityPenalties: readonly number[] = [
  ...[0, 0.01, 0.025, 0.05, 0.075, 0.1, 0.125, 0.15],
  ...Array.from({ length: 16 }, (_, i) => (20 + 5 * i) / 100),
];

/** How to debias. */
export interface DebiasingOptions {
  /** τ: correlation with verbosity at which a penalty is enough; 0.03 by default, as released. */
  readonly threshold?: number | undefined;
  /** Penalties to try, ascending; those of the released code by default. */
  readonly penalties?: readonly number[] | undefined;
  /**
   * What becomes of an objective that is constant, whose correlation is undefined: `uncorrelated`
   * (the default) leaves it alone, `released` gives it the penalty 1, as the released code does.
   */
  readonly constantObjectives?: "uncorrelated" | "released" | undefined;
}

/** What debiasing does to one objective. */
export interface ObjectiveDebiasing {
  /** λ: how much of the verbosity's reward is taken away. */
  readonly penalty: number;
  /** Spearman's correlation with verbosity before. */
  readonly before: number | null;
  /** With the penalty; where none was enough the least that was seen; 1 for verbosity itself. */
  readonly after: number | null;
  /** Whether the threshold was reached. */
  readonly reached: boolean;
}

/** A fitted debiasing. */
export interface VerbosityDebiasing {
  /** T, [objectives, objectives], row major: debiased rewards = rewards · T. */
  readonly transform: Float64Array;
  /** By objective. */
  readonly objectives: readonly ObjectiveDebiasing[];
}

/**
 * Verbosity debiasing of ArmoRM (arXiv 2406.12845, section 3.2): r'_i = r_i − λ_i · r_verbosity, λ_i
 * the first penalty of the grid with Spearman(r'_i, r_verbosity) ≤ τ over a reference set, all chosen
 * and rejected responses pooled.
 *
 * The rules of the released code: the test is one-sided, so that an objective that verbosity speaks
 * against stays as it is; an objective that never gets to τ has λ = 1, not the grid's last; verbosity's
 * own λ is 1, which makes its debiased reward 0. A constant verbosity can't be taken out: then λ = 0
 * everywhere else.
 *
 * @param rewards [responses, objectives], row major.
 * @param objectives How many objectives.
 * @param verbosity Which of them is verbosity.
 * @param options The threshold τ, the grid of λ, and what a constant objective gets.
 * @throws {AssayError} `fitting/bad-objective`, `fitting/wrong-rows`.
 *
 * @example
 * ```ts
 * import { debiasVerbosity } from "@assay/assay/fitting";
 * import assert from "node:assert/strict";
 *
 * // Helpfulness is half verbosity: the penalty takes that half away.
 * const rewards = Float64Array.of(0.5, 1, 1, 2, 1.75, 3, 2.1, 4.5, 2.25, 5);
 * const { objectives } = debiasVerbosity(rewards, 2, 1);
 * assert.equal(objectives[0]!.penalty > 0.4, true);
 * assert.equal(objectives[1]!.penalty, 1);
 * ```
 */
export function debiasVerbosity(
  rewards: Float64Array,
  objectives: number,
  verbosity: number,
  options: DebiasingOptions = {},
): VerbosityDebiasing {
  checkTrainingOptions(options);
  if (!(verbosity in Array.from({ length: objectives }, () => 0))) {
    throw new AssayError(
      "fitting/bad-objective",
      `Cannot debias: expected verbosity to be objective 0 to ${
        objectives - 1
      }, found ${verbosity}`,
    );
  }
  if (rewards.length === 0 || rewards.length % objectives !== 0) {
    throw new AssayError(
      "fitting/wrong-rows",
      `Cannot debias: expected rewards of ${objectives} objectives for at least one response, found ` +
        `${rewards.length} numbers`,
    );
  }
  const rows = rewards.length / objectives;
  const column = (objective: number): Float64Array =>
    Float64Array.from({ length: rows }, (_, row) => rewards[row * objectives + objective]!);
  const verbose = column(verbosity);
  const isConstant = verbose.every((value) => value === verbose[0]);
  const results = Array.from({ length: objectives }, (_, objective): ObjectiveDebiasing => {
    if (objective === verbosity) return { penalty: 1, before: 1, after: 1, reached: false };
    if (isConstant) return { penalty: 0, before: null, after: null, reached: true };
    return findPenalty(column(objective), verbose, options);
  });
  const transform = new Float64Array(objectives * objectives);
  results.forEach(({ penalty }, objective) => {
    transform[objective * objectives + objective] = 1;
    transform[verbosity * objectives + objective]! -= penalty;
  });
  return { transform, objectives: results };
}

function findPenalty(
  rewards: Float64Array,
  verbose: Float64Array,
  options: DebiasingOptions,
): ObjectiveDebiasing {
  const threshold = options.threshold ?? 0.03;
  const before = spearman(rewards, verbose);
  const asReleased = options.constantObjectives === "released";
  let least = 1;
  for (const penalty of options.penalties ?? verbosityPenalties) {
    const correlation = spearman(
      rewards.map((reward, row) => reward - penalty * verbose[row]!),
      verbose,
    );
    if (correlation === null && asReleased) continue;
    // What is left is constant, and so has nothing of verbosity.
    if (correlation === null) return { penalty, before, after: null, reached: true };
    if (correlation <= threshold) return { penalty, before, after: correlation, reached: true };
    least = Math.min(least, correlation);
  }
  return { penalty: 1, before, after: least, reached: false };
}

/**
 * Rewards · T: the debiased rewards.
 *
 * @param rewards [responses, objectives], row major.
 * @param transform T, [objectives, objectives].
 */
export function debiasedRewards(rewards: Float64Array, transform: Float64Array): Float64Array {
  const objectives = Math.sqrt(transform.length);
  const result = new Float64Array(rewards.length);
  for (let row = 0; row < rewards.length; row += objectives) {
    for (let i = 0; i < objectives; i++) {
      const reward = rewards[row + i]!;
      for (let j = 0; j < objectives; j++) {
        result[row + j]! += reward * transform[i * objectives + j]!;
      }
    }
  }
  return result;
}
