import type { JoinKey } from "../../voting/join_voters.ts";
import { bestOfCurve, type BestOfPoint } from "../../voting/best_of_curve.ts";
import { mean, populationStd } from "../../numbers/moments.ts";
import type { GoldCurves } from "../../voting/gold_curve.ts";
import { type StrengthGroup, strengthGroups } from "../../voting/groups.ts";
import type { Category } from "../../voting/categories.ts";
import type { TallyOptions, Vote, VoteOnPair } from "../../voting/tally.ts";
import type { VoterTable } from "./voter_table.ts";

/** What a vote amounts to, as `--summary` writes it. */
export interface VoteSummary {
  /** Rows of each shape, and those that failed. */
  readonly rows: Readonly<Record<"pair" | "single" | "best_of_n" | "failed", number>>;
  /** How rows of different files were matched. */
  readonly joined_by: JoinKey | null;
  /** The aggregation. */
  readonly aggregate: string;
  /** `std` where every voter was brought to the same scale. */
  readonly normalize: string;
  /** The voters: rows scored and not, spread of their margins, share of pairs whose chosen side they prefer. */
  readonly voters: readonly VoterSummary[];
  /** Share of the pairs on which two voters agree in sign; `null` for voters without common pairs. */
  readonly agreement: readonly (readonly (number | null)[])[];
  /** What is known of the pairs' strengths; `null` without pairs. */
  readonly strength: StrengthSummary | null;
  /**
   * Expected aggregate of the best of m candidates, averaged over the rows of candidates, as far as
   * every row reaches; empty without such rows.
   */
  readonly best_of: readonly BestOfPoint[];
  /** Gold quality of the best of n by each aggregation and voter, where a column of qualities is named. */
  readonly gold?: GoldCurves | undefined;
}

/** What is said of one voter. */
export interface VoterSummary {
  /** Name. */
  readonly name: string;
  /** Rows with finite scores. */
  readonly scored: number;
  /** Rows without. */
  readonly missing: number;
  /** Population standard deviation of its margins, raw; `null` without pairs. */
  readonly margin_std: number | null;
  /** Share of its pairs with a positive margin, ties one half; `null` without pairs. */
  readonly accuracy: number | null;
}

/** What is said of all pairs together. */
export interface StrengthSummary {
  /** Pairs per category. */
  readonly categories: Readonly<Record<Category, number>>;
  /** Mean strength. */
  readonly mean: number;
  /** Mean of the voters' spread. */
  readonly std: number;
  /** Share of the scored pairs with a negative strength. */
  readonly negative: number;
  /** Groups of equal size by strength: the paper's U of spread against strength. */
  readonly groups: readonly StrengthGroup[];
}

/**
 * Sums a vote up.
 *
 * @param table The voters' scores.
 * @param votes What came of them.
 * @param options How it was counted.
 * @param groups Number of groups by strength.
 */
export function summarize(
  table: VoterTable,
  votes: readonly Vote[],
  options: TallyOptions,
  groups: number,
): VoteSummary {
  const rows = { pair: 0, single: 0, best_of_n: 0, failed: 0 };
  for (const vote of votes) rows[vote.kind]++;
  const margins = table.voters.map((_, voter) =>
    table.rows.map((row) => {
      const scores = row[voter];
      return scores?.kind === "pair" ? scores.chosen - scores.rejected : NaN;
    })
  );
  return {
    rows,
    joined_by: table.joinedBy,
    aggregate: options.aggregation ?? "mean",
    normalize: options.normalize ?? "none",
    voters: table.voters.map((voter, index) => {
      const finite = margins[index]!.filter(Number.isFinite);
      return {
        ...voter,
        margin_std: finite.length === 0 ? null : populationStd(finite),
        accuracy: finite.length === 0 ? null : mean(finite.map((d) => (Math.sign(d) + 1) / 2)),
      };
    }),
    agreement: margins.map((a) => margins.map((b) => agreement(a, b))),
    strength: summarizeStrength(votes, groups),
    best_of: bestOfCurve(
      votes.flatMap((vote) =>
        vote.kind === "best_of_n"
          ? [vote.scores.map((score) => ({ proxy: score, value: score }))]
          : []
      ),
    ),
  };
}

function agreement(a: readonly number[], b: readonly number[]): number | null {
  let both = 0;
  let same = 0;
  a.forEach((margin, row) => {
    if (!Number.isFinite(margin) || !Number.isFinite(b[row])) return;
    both++;
    if (Math.sign(margin) === Math.sign(b[row]!)) same++;
  });
  return both === 0 ? null : same / both;
}

function summarizeStrength(votes: readonly Vote[], groups: number): StrengthSummary | null {
  const pairs = votes.filter((vote): vote is VoteOnPair => vote.kind === "pair");
  if (pairs.length === 0) return null;
  const categories = { incorrect: 0, ambiguous: 0, normal: 0, strong: 0, unscored: 0 };
  for (const { category } of pairs) categories[category]++;
  const scored = pairs.map(({ strength }) => strength).filter(({ voters }) => voters > 0);
  return {
    categories,
    mean: mean(scored.map((strength) => strength.mean)),
    std: mean(scored.map((strength) => strength.std)),
    negative: mean(scored.map((strength) => strength.mean < 0 ? 1 : 0)),
    groups: strengthGroups(scored, groups),
  };
}
