import { explicitPair } from "../../data/explicit_texts.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { categorize, type Category, type CategoryBounds } from "../../voting/categories.ts";
import { curatedRow } from "../../voting/curated_row.ts";
import {
  countActions,
  type CuratedPair,
  curatePairs,
  type CurationCounts,
  type CurationOptions,
  type Recipe,
  type StrengthOfPair,
  type Treatments,
} from "../../voting/curation.ts";
import { type GoalPlacement, goalScale, relabelWithGoals } from "../../voting/goal_relabel.ts";
import { flagMargin, type PriorConstraint, priorMargin } from "../../voting/prior_constraint.ts";
import { readNumber } from "../../voting/scored_row.ts";
import { sigmoid } from "../../numbers/sigmoid.ts";
import { checkOptions, object, oneOf } from "../../check_options.ts";

/** Recipes beside those of `@assay/assay/voting`: PCRM's margins, and relabelling with goals. */
export type CurateRecipe = Recipe | "prior-margin" | "goal";

/** How alike the two responses of a row are, from 0 to 1. */
export type Similarity = (row: Row) => number;

/** Settings of the recipes. */
export interface RecipeOptions extends CurationOptions {
  /** `prior-margin`: how alike two responses are, and the constants that make a cap of it. */
  readonly prior?: PriorSettings | undefined;
  /** `goal`: whether the goal stands in a system message, the default, or in the user's. */
  readonly goalPlacement?: GoalPlacement | undefined;
  /** `goal`: whether scores are stretched to 1 to 10, the default, or taken as they are. */
  readonly goalScale?: "linear" | "raw" | undefined;
}

const recipeKinds = {
  prior: object,
  goalPlacement: oneOf("system", "user"),
  goalScale: oneOf("linear", "raw"),
};

/** What `prior-margin` goes by (PCRM, arXiv 2404.00978). */
export interface PriorSettings {
  /** How alike the two responses of a row are. */
  readonly similarity: Similarity;
  /** Constants of the cap. */
  readonly constraint: PriorConstraint;
}

/** What is known of a pair before it is curated. */
export interface KnownPair extends StrengthOfPair {
  /** Score of the chosen response; NaN where there is none. */
  readonly chosen: number;
  /** Score of the rejected response. */
  readonly rejected: number;
}

/** Treatments that leave a pair alone. */
const nothing: Treatments = { flip: false, drop: false, margin: false, smoothing: "none" };

/**
 * Reads what a row says of its pair's strength: the columns that `vote` writes, or else the two
 * scores of a single voter. The texts may lie elsewhere.
 *
 * @param row A row of `vote`'s output, or of `score`'s.
 * @throws {AssayError} `voting/not-a-pair` where the row has no two responses, `voting/no-scores`
 * where it has neither strength nor scores.
 */
export function knownPair(row: Row): Omit<KnownPair, "category"> & { category: unknown } {
  const sides = ["chosen", "rejected"].filter((side) => (row[side] ?? null) !== null);
  const hasScores = Object.hasOwn(row, "chosen_score") && Object.hasOwn(row, "rejected_score");
  const hasStrength = Object.hasOwn(row, "strength_mean");
  const isPair = sides.length === 2 || (sides.length === 0 && (hasScores || hasStrength));
  if (!isPair || (!hasScores && !hasStrength)) {
    throw new AssayError(
      isPair ? "voting/no-scores" : "voting/not-a-pair",
      "Cannot curate a row: expected a pair (chosen and rejected) with the column strength_mean that " +
        "vote writes, or with chosen_score and rejected_score, found the columns " +
        Object.keys(row).slice(0, 20).join(", "),
    );
  }
  const [chosen, rejected] = [readNumber(row.chosen_score), readNumber(row.rejected_score)];
  const mean = hasStrength ? readNumber(row.strength_mean) : chosen - rejected;
  const probability = readNumber(row.target_probability);
  return {
    mean,
    targetProbability: Number.isFinite(probability) ? probability : sigmoid(mean),
    category: row.category,
    chosen,
    rejected,
  };
}

/**
 * The pairs with their categories: the rows' own where all have one and no bounds are given, else by
 * the strengths.
 *
 * @param pairs The pairs.
 * @param bounds Bounds of the categories.
 */
export function withCategories(
  pairs: readonly ReturnType<typeof knownPair>[],
  bounds: CategoryBounds | undefined,
): KnownPair[] {
  const names: readonly unknown[] = ["incorrect", "ambiguous", "normal", "strong", "unscored"];
  const areKnown = bounds === undefined && pairs.every(({ category }) => names.includes(category));
  const categories = areKnown
    ? pairs.map(({ category }) => category as Category)
    : categorize(pairs.map(({ mean }) => mean), bounds);
  return pairs.map((pair, index) => ({ ...pair, category: categories[index]! }));
}

/** Counts of a curated set. */
export interface CuratedCounts extends CurationCounts {
  /** `goal`: pairs that were relabelled. */
  readonly relabelled?: number | undefined;
}

/** What a recipe makes of the rows of a preference set. */
export interface CuratedSet {
  /** Counts for the summary. */
  readonly counts: CuratedCounts;
  /** What was done to each pair. */
  readonly curated: readonly CuratedPair[];
  /** The output rows of a pair; those of a dropped pair go elsewhere. */
  rowsOf(row: Row, pair: number, sourceRow: number): Row[];
}

/**
 * Applies a recipe.
 *
 * @param pairs The pairs of the set.
 * @param recipe The recipe.
 * @param options Its settings.
 */
export function curateSet(
  pairs: readonly KnownPair[],
  recipe: CurateRecipe,
  options: RecipeOptions,
): CuratedSet {
  checkOptions("voting/bad-option", "curate", options, recipeKinds);
  if (recipe === "prior-margin" && options.prior === undefined) {
    const found = { prior: null }; // the recipe has nothing to go by
    checkOptions("voting/bad-option", "curate by prior-margin", found, recipeKinds);
  }
  const prior = recipe === "prior-margin" ? options.prior : undefined;
  const isOwn = recipe === "goal" || recipe === "prior-margin";
  const curated = curatePairs(pairs, isOwn ? nothing : recipe, options);
  const counts = countActions(pairs, curated);
  if (recipe === "goal") return goalSet(pairs, curated, counts, options);
  return {
    counts,
    curated,
    rowsOf: (row, pair, sourceRow) => [
      curatedRow(
        row,
        curated[pair]!,
        sourceRow,
        prior === undefined ? {} : priorColumns(row, pairs[pair]!, prior),
      ),
    ],
  };
}

function priorColumns(
  row: Row,
  { mean }: KnownPair,
  prior: PriorSettings,
): Row {
  const similarity = prior.similarity(row);
  const cap = priorMargin(similarity, prior.constraint);
  const flag = Number.isFinite(mean) ? flagMargin(mean, cap) : null;
  return { similarity, margin_cap: cap, margin_flag: flag };
}

function goalSet(
  pairs: readonly KnownPair[],
  curated: readonly CuratedPair[],
  counts: CurationCounts,
  options: RecipeOptions,
): CuratedSet {
  const scores = pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]);
  const scale = options.goalScale === "raw" ? (score: number) => score : goalScale(scores);
  const goals = pairs.map(({ chosen, rejected }) => [scale(chosen), scale(rejected)] as const);
  return {
    counts: { ...counts, relabelled: goals.filter(([high, low]) => high > low).length },
    curated,
    rowsOf(row, pair, sourceRow) {
      const [high, low] = goals[pair]!;
      return relabelWithGoals(explicitPair(row), high, low, { placement: options.goalPlacement })
        .map((relabelled) => ({ ...relabelled, action: "goal", source_row: sourceRow }));
    },
  };
}
