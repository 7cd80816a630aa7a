import { type Command, InvalidArgumentError, Option } from "commander";
import type { Category, CategoryBounds } from "../../voting/categories.ts";
import { type CurationOptions, recipes } from "../../voting/curation.ts";
import type { CurateRecipe } from "../../tasks/curate/curated_set.ts";
import type { GoalPlacement } from "../../voting/goal_relabel.ts";
import { type PriorConstraint, priorConstraints } from "../../voting/prior_constraint.ts";
import { boundsArgument, numberArgument } from "../vote/vote_options.ts";

/** How alike two responses are found to be. */
export type SimilarityKind = "words" | "tokens" | "embedding";

/** The flags of `assay curate` that say what is done. */
export interface RecipeFlags {
  readonly recipe?: CurateRecipe | undefined;
  readonly share?: number | undefined;
  readonly below?: number | undefined;
  readonly anySign?: true | undefined;
  readonly drop?: readonly Category[] | undefined;
  readonly smoothing?: number | undefined;
  readonly smoothStrong?: true | undefined;
  readonly signedMargins?: true | undefined;
  readonly quantiles?: readonly [number, number, number] | undefined;
  readonly thresholds?: readonly [number, number, number] | undefined;
  readonly similarity: SimilarityKind;
  readonly tokenizer?: string | undefined;
  readonly constraint?: PriorConstraint | undefined;
  readonly goalPlacement: GoalPlacement;
  readonly goalScale: "linear" | "raw";
}

const allCategories: readonly Category[] = [
  "incorrect",
  "ambiguous",
  "normal",
  "strong",
  "unscored",
];

/** Adds the flags of {@linkcode RecipeFlags} to a command. */
export function addRecipeFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--recipe <name>", "what is done").choices([
        ...Object.keys(recipes),
        "prior-margin",
        "goal",
      ]),
    )
    .option(
      "--share <x>",
      "flip: share of the pairs, from the lowest up (default: 0.1)",
      numberArgument,
    )
    .addOption(
      new Option("--below <x>", "flip: every pair of a lower strength, in place of a share")
        .argParser(numberArgument).conflicts("share"),
    )
    .option("--any-sign", "flip: also pairs of positive strength, as the paper goes by rank alone")
    .option(
      "--drop <categories>",
      "drop: which categories (default: incorrect)",
      categoriesArgument,
    )
    .option("--smoothing <x>", "smoothing: α (default: 0.1)", numberArgument)
    .option("--smooth-strong", "soft-label-margin: smooth the strong pairs too")
    .option("--signed-margins", "margin: keep negative margins, in place of 0")
    .option(
      "--quantiles <a,b,c>",
      "categories by positions, in place of the column",
      boundsArgument,
    )
    .addOption(
      new Option("--thresholds <a,b,c>", "categories by strengths, in place of the column")
        .argParser(boundsArgument).conflicts("quantiles"),
    )
    .addOption(
      new Option(
        "--similarity <how>",
        "prior-margin: length ratio in words or in tokens, or cosine of the columns " +
          "chosen_embedding and rejected_embedding; --samples: words in common, or cosine of the " +
          "vectors in the column embeddings",
      ).choices(["words", "tokens", "embedding"]).default("words"),
    )
    .option("--tokenizer <folder>", "prior-margin: checkpoint whose tokens are counted")
    .option(
      "--constraint <name or a,b,c>",
      `prior-margin: ${Object.keys(priorConstraints).join(", ")}, or β1,β2,β3`,
      constraintArgument,
    )
    .addOption(
      new Option("--goal-placement <where>", "goal: in a system message, or in the user's")
        .choices(["system", "user"]).default("system"),
    )
    .addOption(
      new Option("--goal-scale <how>", "goal: stretch scores to 1 to 10, or take them as they are")
        .choices(["linear", "raw"]).default("linear"),
    );
}

/** The curation's options that the flags ask for. */
export function curationOptions(flags: RecipeFlags): CurationOptions {
  const { share, below, anySign, drop, smoothing, smoothStrong, signedMargins } = flags;
  return { share, below, anySign, drop, smoothing, smoothStrong, signedMargins };
}

/** Bounds of the categories; `undefined` where the rows' own column counts. */
export function categoryBounds({ quantiles, thresholds }: RecipeFlags): CategoryBounds | undefined {
  if (thresholds !== undefined) return { thresholds };
  return quantiles === undefined ? undefined : { quantiles };
}

function categoriesArgument(text: string): Category[] {
  return text.split(",").map((name) => {
    const found = allCategories.find((category) => category === name.trim());
    if (found !== undefined) return found;
    throw new InvalidArgumentError(`Allowed are ${allCategories.join(", ")}, with commas between.`);
  });
}

function constraintArgument(text: string): PriorConstraint {
  if (Object.hasOwn(priorConstraints, text)) {
    return priorConstraints[text as keyof typeof priorConstraints];
  }
  const [scale, offset, shift, ...rest] = text.split(",").map(numberArgument);
  if (shift === undefined || rest.length > 0) {
    throw new InvalidArgumentError("Expected a setting's name or three numbers with commas.");
  }
  return { scale: scale!, offset: offset!, shift };
}
