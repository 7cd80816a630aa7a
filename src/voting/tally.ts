import { AssayError } from "../error.ts";
import { populationStd } from "../numbers/moments.ts";
import type { AggregateOptions } from "./aggregate.ts";
import { aggregate } from "./aggregate.ts";
import { categorize, type Category, type CategoryBounds } from "./categories.ts";
import { type Aggregation, aggregations, chooseBest } from "./committee.ts";
import { type MajorityTie, majorityVote } from "./majority_vote.ts";
import { normalizeMargins, standardizeScores } from "./normalize.ts";
import { type PreferenceStrength, preferenceStrength } from "./preference_strength.ts";
import type { ScoredRow } from "./scored_row.ts";
import { amount, checkOptions, numberIn, object, oneOf } from "../check_options.ts";

/** Settings of {@linkcode tally}. */
export interface TallyOptions extends AggregateOptions {
  /** How the voters' scores are put together. Default `mean`. */
  readonly aggregation?: Aggregation | undefined;
  /**
   * `std`: every voter's margins are divided by their own standard deviation, and its scores are
   * standardised, for voters of different kinds. Default `none`: raw, as in the paper.
   */
  readonly normalize?: "none" | "std" | undefined;
  /** Bounds of the categories. */
  readonly bounds?: CategoryBounds | undefined;
  /** What a level majority vote on a pair comes to. */
  readonly tie?: MajorityTie | undefined;
}

const tallyKinds = {
  aggregation: oneOf(...aggregations),
  normalize: oneOf("none", "std"),
  bounds: object,
  tie: oneOf("mean", "half", "wrong"),
  trim: numberIn("a share from 0 to below 0.5", (x) => x >= 0 && x < 0.5),
  varianceWeight: amount,
  stdWeight: amount,
};

/** What the voters say of one row. */
export type Vote =
  | VoteOnPair
  | {
    readonly kind: "single";
    /** The aggregate; NaN where no voter scored the row. */
    readonly score: number;
    /** Population standard deviation of the voters' scores. */
    readonly disagreement: number;
    /** Number of voters that scored the row. */
    readonly voters: number;
  }
  | {
    readonly kind: "best_of_n";
    /** Aggregate per candidate; NaN for one that no voter scored. */
    readonly scores: readonly number[];
    /**
     * Population standard deviation of the voters' scores per candidate; `null` for `majority` and
     * `borda`, whose aggregates are no scores.
     */
    readonly std: readonly number[] | null;
    /** Index of the best candidate; -1 where none was scored. */
    readonly best: number;
    /** 1 − the largest share of voters that put one candidate first. */
    readonly disagreement: number;
    /** Number of voters that scored the row. */
    readonly voters: number;
  }
  | { readonly kind: "failed"; /** Why there is no vote. */ readonly error: AssayError };

/** What the voters say of one pair. */
export interface VoteOnPair {
  /** Tells a pair from the other rows. */
  readonly kind: "pair";
  /** Preference strength, from the margins (normalised where asked for). */
  readonly strength: PreferenceStrength;
  /** Category of the strength in its data set. */
  readonly category: Category;
  /** The voters' margins; NaN for a voter that did not score the pair. */
  readonly margins: readonly number[];
  /** Aggregate score of the chosen response. */
  readonly chosen: number;
  /** Aggregate score of the rejected response. */
  readonly rejected: number;
  /**
   * Population standard deviations over the voters that scored both, of either score and of their
   * difference; `null` for `majority` and `borda`, whose aggregates are no scores.
   */
  readonly std:
    | { readonly chosen: number; readonly rejected: number; readonly margin: number }
    | null;
  /** Who wins by majority or by Borda count; `null` for other aggregations and without voters. */
  readonly winner: "chosen" | "rejected" | "tie" | null;
  /** 1 − the larger share of the votes. */
  readonly disagreement: number;
}

/**
 * Counts the votes of a whole data set: preference strength and categories of pairs, aggregates and
 * disagreement of single rows and of best of N.
 *
 * @param rows Per row, the scores by each voter; `undefined` where a voter lacks the row.
 * @param options How to count.
 * @returns One vote per row. A row on which the voters do not agree in kind or in the number of
 * candidates is `failed`; nothing is thrown for it.
 * @throws {AssayError} `voting/bad-option`, `voting/bad-bounds`; `voting/bad-option` also where
 * `majority` or `borda` is asked for and the rows are single responses.
 *
 * @example
 * ```ts
 * import { tally } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const [vote] = tally([[
 *   { kind: "pair", chosen: 3, rejected: 1 },
 *   { kind: "pair", chosen: 2, rejected: 2 },
 * ]]);
 * assert.ok(vote?.kind === "pair");
 * assert.equal(vote.strength.mean, 1);
 * assert.equal(vote.strength.voteShare, 0.75);
 * ```
 */
export function tally(
  rows: readonly (readonly (ScoredRow | undefined)[])[],
  options: TallyOptions = {},
): Vote[] {
  checkOptions("voting/bad-option", "count votes", options, tallyKinds);
  const kinds = rows.map(rowKind);
  const normalized = options.normalize === "std" ? normalizeVoters(rows) : rows;
  const margins = rows.map((row) => row.map(marginOf));
  if (options.normalize === "std") normalizeColumns(margins);
  const strengths = margins.map((row, index) =>
    kinds[index] === "pair" ? preferenceStrength(row) : undefined
  );
  const categories = categorize(strengths.map((s) => s?.mean ?? NaN), options.bounds);
  return rows.map((_, index): Vote => {
    const kind = kinds[index]!;
    if (kind instanceof AssayError) return { kind: "failed", error: kind };
    const row = normalized[index]!;
    if (kind === "single") return voteOnSingle(row, options);
    if (kind === "best_of_n") return voteOnBestOfN(row, options);
    return voteOnPair(row, margins[index]!, strengths[index]!, categories[index]!, options);
  });
}

function voteOnSingle(row: readonly (ScoredRow | undefined)[], options: TallyOptions): Vote {
  const how = options.aggregation ?? "mean";
  if (how === "majority" || how === "borda") {
    throw new AssayError(
      "voting/bad-option",
      `Cannot aggregate single responses by ${how}: expected an aggregation of scores (mean, ` +
        "median, …); votes and ranks need pairs or best of N",
    );
  }
  const { score, std, voters } = aggregate(valuesAt(row, 0), how, options);
  return { kind: "single", score, disagreement: std, voters };
}

function voteOnBestOfN(row: readonly (ScoredRow | undefined)[], options: TallyOptions): Vote {
  const choice = chooseBest(row.map(candidateScores), options.aggregation ?? "mean", options);
  const { scores, best, disagreement, voters } = choice;
  const std = areScores(options) ? choice.std : null;
  return { kind: "best_of_n", scores, std, best, disagreement, voters };
}

function voteOnPair(
  row: readonly (ScoredRow | undefined)[],
  margins: readonly number[],
  strength: PreferenceStrength,
  category: Category,
  options: TallyOptions,
): VoteOnPair {
  const how = options.aggregation ?? "mean";
  // A voter that lacks one side takes no part, or the two aggregates could not be compared.
  const both = row.filter((_, voter) => Number.isFinite(margins[voter])).map(candidateScores);
  const { scores, best, std } = chooseBest(both, how, options);
  const [chosen = NaN, rejected = NaN] = scores;
  const majority = majorityVote(margins, options.tie);
  const borda = chosen === rejected ? Math.sign(strength.mean) : best === 0 ? 1 : -1;
  const differences = both.map((scores) => scores[0]! - scores[1]!);
  return {
    kind: "pair",
    strength,
    category,
    margins,
    chosen,
    rejected,
    std: areScores(options) && std.length === 2
      ? { chosen: std[0]!, rejected: std[1]!, margin: populationStd(differences) }
      : null,
    winner: how === "majority"
      ? majority.winner
      : how === "borda" && strength.voters > 0
      ? borda > 0 ? "chosen" : borda < 0 ? "rejected" : "tie"
      : null,
    disagreement: majority.disagreement,
  };
}

/** Whether aggregates are in the units of the scores, as their deviations are. */
function areScores({ aggregation = "mean" }: TallyOptions): boolean {
  return aggregation !== "majority" && aggregation !== "borda";
}

/** The kind that all voters of a row agree on, or why they do not. */
function rowKind(row: readonly (ScoredRow | undefined)[]): ScoredRow["kind"] | AssayError {
  const present = row.filter((scored) => scored !== undefined);
  const first = present[0];
  if (first === undefined) {
    return new AssayError(
      "voting/no-scores",
      "Cannot vote on a row: expected the scores of at least one voter, found none",
    );
  }
  const kinds = new Set(present.map((scored) => scored.kind));
  if (kinds.size > 1) {
    return new AssayError(
      "voting/row-kind",
      "Cannot vote on a row: expected one kind of scores from all voters, found " +
        [...kinds].join(" and "),
    );
  }
  const counts = new Set(present.map((scored) => candidateScores(scored).length));
  if (counts.size > 1) {
    return new AssayError(
      "voting/candidate-count",
      "Cannot vote on a row: expected the same number of candidates from all voters, found " +
        [...counts].join(" and "),
    );
  }
  return first.kind;
}

function marginOf(scored: ScoredRow | undefined): number {
  return scored?.kind === "pair" ? scored.chosen - scored.rejected : NaN;
}

/** A row's scores as a list of candidates; a pair's chosen response comes first. */
function candidateScores(scored: ScoredRow | undefined): readonly number[] {
  switch (scored?.kind) {
    case "pair":
      return [scored.chosen, scored.rejected];
    case "single":
      return [scored.score];
    case "best_of_n":
      return scored.scores;
    default:
      return [];
  }
}

function valuesAt(row: readonly (ScoredRow | undefined)[], candidate: number): number[] {
  return row.map((scored) => candidateScores(scored)[candidate] ?? NaN);
}

/** Divides each voter's column of margins by its own spread, in place. */
function normalizeColumns(margins: number[][]): void {
  const voters = margins.reduce((most, row) => Math.max(most, row.length), 0);
  for (let voter = 0; voter < voters; voter++) {
    const { values } = normalizeMargins(margins.map((row) => row[voter] ?? NaN));
    margins.forEach((row, index) => row[voter] = values[index]!);
  }
}

/** Standardises each voter's scores over all of its rows. */
function normalizeVoters(
  rows: readonly (readonly (ScoredRow | undefined)[])[],
): (ScoredRow | undefined)[][] {
  const voters = rows.reduce((most, row) => Math.max(most, row.length), 0);
  const result: (ScoredRow | undefined)[][] = rows.map(() => []);
  for (let voter = 0; voter < voters; voter++) {
    const { values } = standardizeScores(rows.flatMap((row) => candidateScores(row[voter])));
    let next = 0;
    rows.forEach((row, index) => {
      const scored = row[voter];
      const own = values.subarray(next, next += candidateScores(scored).length);
      result[index]!.push(scored === undefined ? undefined : withScores(scored, own));
    });
  }
  return result;
}

function withScores(scored: ScoredRow, values: Float64Array): ScoredRow {
  switch (scored.kind) {
    case "pair":
      return { kind: "pair", chosen: values[0]!, rejected: values[1]! };
    case "single":
      return { kind: "single", score: values[0]! };
    case "best_of_n":
      return { kind: "best_of_n", scores: Array.from(values) };
  }
}
