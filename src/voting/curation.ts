import { AssayError } from "../error.ts";
import { meanInOrder } from "../numbers/moments.ts";
import { rankPositions } from "../numbers/ranks.ts";
import type { Category } from "./categories.ts";
import { checkOptions, finite, flag, object, oneOf } from "../check_options.ts";

/** What curation does to the labels of a preference set, by the names that `curate` takes. */
export type Recipe =
  | "flip"
  | "margin"
  | "flip-margin"
  | "soft-label-margin"
  | "drop"
  | "soft-label"
  | "label-smoothing";

/** The treatments that make up a recipe. */
export interface Treatments {
  /** Whether the pairs of the lowest strengths change sides. */
  readonly flip: boolean;
  /** Whether the pairs of some categories are left out. */
  readonly drop: boolean;
  /** Whether every pair gets its strength as the margin to be trained for. */
  readonly margin: boolean;
  /** Which pairs get a smoothed label, and from what: a constant α, or the voters' probability. */
  readonly smoothing: "none" | "negative" | "all" | "voters";
}

const nothing: Treatments = { flip: false, drop: false, margin: false, smoothing: "none" };

/**
 * The recipes. `flip`, `margin`, `flip-margin` and `soft-label-margin` are the four that
 * arXiv 2401.06080 (section 2.3) compares; the others are its treatments one by one.
 */
export const recipes: Readonly<Record<Recipe, Treatments>> = {
  "flip": { ...nothing, flip: true },
  "margin": { ...nothing, margin: true },
  "flip-margin": { ...nothing, flip: true, margin: true },
  "soft-label-margin": { ...nothing, margin: true, smoothing: "negative" },
  "drop": { ...nothing, drop: true },
  "soft-label": { ...nothing, smoothing: "voters" },
  "label-smoothing": { ...nothing, smoothing: "all" },
};

/** Settings of a recipe. */
export interface CurationOptions {
  /** Flip: share of the pairs, by rank, that is flipped. Default the paper's 0.1. */
  readonly share?: number | undefined;
  /** Flip: the strength below which pairs are flipped, in place of a share. */
  readonly below?: number | undefined;
  /** Flip: also pairs whose strength is not negative, as the paper goes by rank alone. Default false. */
  readonly anySign?: boolean | undefined;
  /** Drop: the categories left out. Default `["incorrect"]`. */
  readonly drop?: readonly Category[] | undefined;
  /** Smoothing: α. Default 0.1; the paper gives no number. */
  readonly smoothing?: number | undefined;
  /** Smoothing of negative strengths: the `strong` pairs too, as in one of the paper's experiments. */
  readonly smoothStrong?: boolean | undefined;
  /** Margin: keep negative strengths as negative margins, in place of 0. Default false. */
  readonly signedMargins?: boolean | undefined;
}

const category = oneOf("incorrect", "ambiguous", "normal", "strong", "unscored");

const curationKinds = {
  below: finite,
  anySign: flag,
  drop: {
    expected: `a list of ${category.expected}`,
    accepts: (value: unknown) => Array.isArray(value) && value.every(category.accepts),
  },
  smoothStrong: flag,
  signedMargins: flag,
  recipe: {
    expected: "the name of a recipe, or treatments",
    accepts: (value: unknown) =>
      typeof value === "string" ? Object.hasOwn(recipes, value) : object.accepts(value),
  },
};

/** What was done to one pair. */
export type CurationAction = "keep" | "flip" | "drop" | "soften";

/** A pair after curation. */
export interface CuratedPair {
  /** What was done. */
  readonly action: CurationAction;
  /** Mean strength for the order of the sides after the action: −μ for a flipped pair; NaN unscored. */
  readonly strength: number;
  /** Margin to train for; `null` where the recipe sets none. 0 for an unscored pair. */
  readonly margin: number | null;
  /** α, the probability that the label is wrong; `null` where the recipe sets none. */
  readonly labelSmoothing: number | null;
}

/** What {@linkcode curatePairs} needs to know of a pair. */
export interface StrengthOfPair {
  /** μ; NaN where no voter scored the pair. */
  readonly mean: number;
  /** The voters' probability that the chosen response is the better; read by soft labels. */
  readonly targetProbability: number;
  /** The pair's category; read by `drop` and `smoothStrong`. */
  readonly category: Category;
}

/**
 * Applies a recipe to a preference set (arXiv 2401.06080, section 2.3).
 *
 * - Flip: the `share` of pairs with the lowest strengths (position q = (average rank − 0.5) / n below
 *   `share`), as far as their strength is negative, change sides; their strength becomes −μ.
 * - Drop: pairs of the given categories are to be left out.
 * - Margin: μ̂ = max(0, strength after a flip) for every pair.
 * - Smoothing: α for pairs with μ < 0 (`soft-label-margin`), for all (`label-smoothing`), or
 *   1 − target probability for all (`soft-label`).
 *
 * Unscored pairs are kept as they are, with margin 0 and no smoothing.
 *
 * @param pairs Strength and category of each pair.
 * @param recipe A recipe's name, or treatments of one's own.
 * @param options Its settings.
 * @returns What was done to each pair, in order.
 * @throws {AssayError} `voting/bad-option` where a setting is out of its range.
 *
 * @example
 * ```ts
 * import { curatePairs } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const pairs = [
 *   { mean: -4, targetProbability: 0.1, category: "incorrect" as const },
 *   { mean: 2, targetProbability: 0.8, category: "normal" as const },
 * ];
 * const [first, second] = curatePairs(pairs, "flip-margin", { share: 0.5 });
 * assert.deepEqual(first, { action: "flip", strength: 4, margin: 4, labelSmoothing: null });
 * assert.deepEqual(second, { action: "keep", strength: 2, margin: 2, labelSmoothing: null });
 * ```
 */
export function curatePairs(
  pairs: readonly StrengthOfPair[],
  recipe: Recipe | Treatments,
  options: CurationOptions = {},
): CuratedPair[] {
  checkOptions("voting/bad-option", "curate", { ...options, recipe }, curationKinds);
  const treatments = typeof recipe === "string" ? recipes[recipe] : recipe;
  const { share = 0.1, smoothing = 0.1 } = options;
  checkShare("share", share, 1);
  checkShare("smoothing", smoothing, 0.5);
  const positions = treatments.flip ? rankPositions(pairs.map((pair) => pair.mean)) : [];
  return pairs.map((pair, index) => {
    if (!Number.isFinite(pair.mean)) return unscored(pair, treatments, options);
    const low = options.below === undefined ? positions[index]! < share : pair.mean < options.below;
    const flips = treatments.flip && low && (pair.mean < 0 || options.anySign === true);
    const labelSmoothing = smoothingOf(pair, treatments, smoothing, options.smoothStrong === true);
    const strength = flips ? -pair.mean : pair.mean;
    return {
      action: drops(pair, treatments, options)
        ? "drop"
        : flips
        ? "flip"
        : labelSmoothing !== null && labelSmoothing > 0
        ? "soften"
        : "keep",
      strength,
      margin: treatments.margin
        ? options.signedMargins === true ? strength : Math.max(0, strength)
        : null,
      // The voters' probability is of the side that was chosen before the flip.
      labelSmoothing: flips && treatments.smoothing === "voters"
        ? pair.targetProbability
        : labelSmoothing,
    };
  });
}

function unscored(
  pair: StrengthOfPair,
  treatments: Treatments,
  options: CurationOptions,
): CuratedPair {
  return {
    action: drops(pair, treatments, options) ? "drop" : "keep",
    strength: NaN,
    margin: treatments.margin ? 0 : null,
    labelSmoothing: treatments.smoothing === "none" ? null : 0,
  };
}

function drops(pair: StrengthOfPair, treatments: Treatments, options: CurationOptions): boolean {
  return treatments.drop && (options.drop ?? ["incorrect"]).includes(pair.category);
}

function smoothingOf(
  pair: StrengthOfPair,
  treatments: Treatments,
  smoothing: number,
  smoothStrong: boolean,
): number | null {
  switch (treatments.smoothing) {
    case "none":
      return null;
    case "all":
      return smoothing;
    case "voters":
      return 1 - pair.targetProbability;
    case "negative":
      return pair.mean < 0 || (smoothStrong && pair.category === "strong") ? smoothing : 0;
  }
}

function checkShare(name: string, value: number, highest: number): void {
  if (value >= 0 && value <= highest) return;
  throw new AssayError(
    "voting/bad-option",
    `Cannot curate: expected ${name} in [0, ${highest}], found ${value}`,
  );
}

/** Counts of what a curation did. */
export interface CurationCounts {
  /** Pairs read. */
  readonly pairs: number;
  /** Pairs without a strength. */
  readonly unscored: number;
  /** Pairs per action; they add up to `pairs`. */
  readonly actions: Readonly<Record<CurationAction, number>>;
  /** Mean strength over the scored pairs before; `null` without any. */
  readonly meanBefore: number | null;
  /** Mean strength over the scored pairs that were not dropped, after; `null` without any. */
  readonly meanAfter: number | null;
}

/**
 * Counts what a curation did.
 *
 * @param pairs The pairs as they were.
 * @param curated What {@linkcode curatePairs} made of them.
 * @returns The counts.
 */
export function countActions(
  pairs: readonly StrengthOfPair[],
  curated: readonly CuratedPair[],
): CurationCounts {
  const actions = { keep: 0, flip: 0, drop: 0, soften: 0 };
  for (const pair of curated) actions[pair.action]++;
  const before = pairs.map((pair) => pair.mean).filter(Number.isFinite);
  const after = curated
    .filter((pair) => pair.action !== "drop" && Number.isFinite(pair.strength))
    .map((pair) => pair.strength);
  return {
    pairs: pairs.length,
    unscored: pairs.length - before.length,
    actions,
    meanBefore: average(before),
    meanAfter: average(after),
  };
}

function average(values: readonly number[]): number | null {
  return values.length === 0 ? null : meanInOrder(values);
}
