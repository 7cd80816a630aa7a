import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { ScoredRow } from "../../voting/scored_row.ts";
import type { Vote, VoteOnPair } from "../../voting/tally.ts";

/**
 * What the columns that `assay vote` adds hold, by the row's shape:
 *
 * | shape | columns | with `--explain` |
 * |---|---|---|
 * | pair | `chosen_score`, `rejected_score`, `margin` (aggregates), `chosen_score_std`, `rejected_score_std`, `margin_std`, `strength_mean`, `strength_std`, `vote_share`, `target_probability`, `category`, `disagreement`, `voters`; `winner` by majority and Borda | `margins`: one per voter |
 * | single | `score` (aggregate), `score_std`, `disagreement`, `voters` | `voter_scores`: one per voter |
 * | best of N | `scores` (aggregates), `score_std`, `best`, `disagreement`, `voters` | `voter_scores`: a list per voter |
 *
 * Deviations are those of the voters' scores, in the units of the scores, `null` with fewer than two
 * voters; `majority` and `borda`, whose aggregates are no scores, have none.
 *
 * `error` stands where no voter has scores for the row.
 */
const ownColumns: Readonly<Record<Vote["kind"], readonly string[]>> = {
  pair: [
    "chosen_score",
    "rejected_score",
    "margin",
    "chosen_score_std",
    "rejected_score_std",
    "margin_std",
    "strength_mean",
    "strength_std",
    "vote_share",
    "target_probability",
    "category",
    "disagreement",
    "voters",
    "winner",
    "margins",
  ],
  single: ["score", "score_std", "disagreement", "voters", "voter_scores"],
  best_of_n: ["scores", "score_std", "best", "disagreement", "voters", "voter_scores"],
  failed: [],
};

/**
 * The output row of a vote: the input's columns, then what the voters say.
 *
 * @param read The row, or why it could not be read.
 * @param vote The vote; `undefined` for a line that could not be read.
 * @param reason Why a voter could not score the row, where that is known.
 * @param scores Each voter's scores, shown with `--explain`; `undefined` to leave them out.
 */
export function votedRow(
  read: ReadRow,
  vote: Vote | undefined,
  reason: AssayError | undefined,
  scores: readonly (ScoredRow | undefined)[] | undefined,
): Row {
  const output: Row = read.row === undefined ? { line: read.line } : { ...read.row };
  const old = output.error;
  delete output.error;
  for (const column of ownColumns[vote?.kind ?? "failed"]) delete output[column];
  if (vote !== undefined && vote.kind !== "failed") {
    Object.assign(output, voteColumns(vote));
    if (scores !== undefined) Object.assign(output, explainColumns(vote, scores));
  }
  const error = read.error ?? errorOf(vote);
  if (error !== undefined) {
    // A voter's own reason tells more than that nobody had a score.
    const isUnscored = error.code === "voting/unscored" || error.code === "voting/no-scores";
    output.error = isUnscored ? reason?.toJSON() ?? old ?? error.toJSON() : error.toJSON();
  }
  return output;
}

function voteColumns(vote: Exclude<Vote, { kind: "failed" }>): Row {
  switch (vote.kind) {
    case "pair":
      return pairColumns(vote);
    case "single":
      return {
        score: finite(vote.score),
        score_std: vote.voters < 2 ? null : finite(vote.disagreement),
        disagreement: finite(vote.disagreement),
        voters: vote.voters,
      };
    case "best_of_n":
      return {
        scores: vote.scores.map(finite),
        ...(vote.std === null
          ? {}
          : { score_std: vote.std.map((std) => vote.voters < 2 ? null : finite(std)) }),
        best: vote.best < 0 ? null : vote.best,
        disagreement: finite(vote.disagreement),
        voters: vote.voters,
      };
  }
}

function pairColumns({ strength, chosen, rejected, std, ...vote }: VoteOnPair): Row {
  const deviation = (value: number) => strength.voters < 2 ? null : finite(value);
  return {
    chosen_score: finite(chosen),
    rejected_score: finite(rejected),
    margin: finite(chosen - rejected),
    ...(std === null ? {} : {
      chosen_score_std: deviation(std.chosen),
      rejected_score_std: deviation(std.rejected),
      margin_std: deviation(std.margin),
    }),
    strength_mean: finite(strength.mean),
    strength_std: finite(strength.std),
    vote_share: finite(strength.voteShare),
    target_probability: finite(strength.targetProbability),
    category: vote.category,
    disagreement: finite(vote.disagreement),
    voters: strength.voters,
    ...(vote.winner === null ? {} : { winner: vote.winner }),
  };
}

function explainColumns(vote: Vote, scores: readonly (ScoredRow | undefined)[]): Row {
  if (vote.kind === "pair") return { margins: vote.margins.map(finite) };
  return {
    voter_scores: scores.map((voter) =>
      voter?.kind === "single"
        ? finite(voter.score)
        : voter?.kind === "best_of_n"
        ? voter.scores.map(finite)
        : null
    ),
  };
}

function errorOf(vote: Vote | undefined): AssayError | undefined {
  if (vote === undefined) return undefined;
  if (vote.kind === "failed") return vote.error;
  const voters = vote.kind === "pair" ? vote.strength.voters : vote.voters;
  const candidate = vote.kind === "best_of_n" ? vote.scores.findIndex(Number.isNaN) : -1;
  if (voters > 0 && candidate < 0) return undefined;
  return new AssayError(
    "voting/unscored",
    `Cannot vote on the ${
      voters > 0 ? `response ${candidate + 1}` : "row"
    }: expected a finite score ` +
      "of at least one voter, found none",
  );
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
