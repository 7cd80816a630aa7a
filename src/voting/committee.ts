import { aggregate, type AggregateOptions, type PointwiseAggregation } from "./aggregate.ts";
import { averageRanks } from "../numbers/ranks.ts";
import { mean, populationStd } from "../numbers/moments.ts";

/** Every aggregation: those of one response, and those that compare candidates with each other. */
export type Aggregation = PointwiseAggregation | "majority" | "borda";

/** Every aggregation's name, in the order of the documentation. */
export const aggregations: readonly Aggregation[] = [
  "mean",
  "median",
  "trimmed-mean",
  "worst-case",
  "uncertainty-weighted",
  "lower-confidence-bound",
  "majority",
  "borda",
];

/** A committee's choice among N candidates. */
export interface CommitteeChoice {
  /** Aggregate per candidate; NaN for one that no voter scored. */
  readonly scores: readonly number[];
  /** Index of the best candidate, the first one among equals; -1 where none was scored. */
  readonly best: number;
  /** Population standard deviation of the voters' scores per candidate. */
  readonly std: readonly number[];
  /** 1 − the largest share of the voters that put one and the same candidate first. */
  readonly disagreement: number;
  /** Number of voters that took part. */
  readonly voters: number;
}

/**
 * Best of N by committee.
 *
 * Pointwise aggregations take the voters' scores candidate by candidate. `majority` gives each
 * candidate the share of the voters that put it first (a voter with equal firsts splits its vote);
 * equal shares are decided by the mean score. `borda` sums each candidate's ranks over the voters (1
 * for a voter's last, N for its first, average ranks for ties); equal sums are decided by the mean
 * score as well. What is still equal goes to the first candidate.
 *
 * Candidates must be compared by the same voters: a candidate that no voter scored is out of the
 * choice, and a voter that lacks a score for any other candidate takes no part.
 *
 * @param voters Per voter, one score per candidate; NaN or infinite where it has none.
 * @param how The aggregation.
 * @param options Settings of the pointwise aggregations.
 * @returns The choice.
 *
 * @example
 * ```ts
 * import { chooseBest } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const voters = [[1, 2, 0], [1, 3, 0], [9, 2, 0]];
 * assert.equal(chooseBest(voters, "mean").best, 0);
 * assert.equal(chooseBest(voters, "majority").best, 1);
 * assert.deepEqual(chooseBest(voters, "borda").scores, [7, 8, 3]);
 * ```
 */
export function chooseBest(
  voters: readonly ArrayLike<number>[],
  how: Aggregation,
  options: AggregateOptions = {},
): CommitteeChoice {
  const candidates = voters.reduce((most, scores) => Math.max(most, scores.length), 0);
  const all = Array.from({ length: candidates }, (_, candidate) => candidate);
  const scored = all.filter((candidate) => voters.some((v) => Number.isFinite(v[candidate])));
  const present = voters.filter((v) => scored.every((candidate) => Number.isFinite(v[candidate])));
  const columns = scored.map((candidate) => present.map((scores) => scores[candidate]!));
  const rows = present.map((scores) => scored.map((candidate) => scores[candidate]!));
  if (scored.length === 0 || present.length === 0) {
    const none = all.map(() => NaN);
    return { scores: none, best: -1, std: none, disagreement: NaN, voters: 0 };
  }
  const shares = firstPlaceShares(rows, scored.length);
  const means = columns.map((column) => mean(column));
  const compact = how === "majority"
    ? shares
    : how === "borda"
    ? bordaCounts(rows, scored.length)
    : columns.map((column) => aggregate(column, how, options).score);
  let best = 0;
  compact.forEach((score, place) => {
    const ahead = score - compact[best]!;
    const level = how === "majority" || how === "borda" ? means[place]! - means[best]! : 0;
    if (ahead > 0 || (ahead === 0 && level > 0)) best = place;
  });
  return {
    scores: spread(compact, scored, candidates),
    best: scored[best]!,
    std: spread(columns.map((column) => populationStd(column)), scored, candidates),
    disagreement: 1 - Math.max(...shares),
    voters: present.length,
  };
}

/**
 * Borda counts of N candidates: the sum over the voters of each candidate's rank, 1 for a voter's last
 * and N for its first, average ranks for equal scores.
 *
 * @param voters Per voter, one finite score per candidate.
 * @param candidates N.
 * @returns One count per candidate.
 */
export function bordaCounts(voters: readonly ArrayLike<number>[], candidates: number): number[] {
  const counts = new Array<number>(candidates).fill(0);
  for (const scores of voters) {
    averageRanks(scores).forEach((rank, candidate) => counts[candidate]! += rank);
  }
  return counts;
}

/** Share of the voters that put each candidate first; equal firsts split their voter's vote. */
function firstPlaceShares(voters: readonly (readonly number[])[], candidates: number): number[] {
  const votes = new Array<number[]>(candidates).fill([]).map(() => [] as number[]);
  for (const scores of voters) {
    const top = Math.max(...scores);
    const firsts = scores.filter((score) => score === top).length;
    scores.forEach((score, candidate) => {
      if (score === top) votes[candidate]!.push(1 / firsts);
    });
  }
  // Summed from the smallest up, so that the voters' order has no say in the last bit.
  return votes.map((parts) =>
    parts.sort((a, b) => a - b).reduce((sum, part) => sum + part, 0) / voters.length
  );
}

function spread(compact: readonly number[], places: readonly number[], length: number): number[] {
  const full = new Array<number>(length).fill(NaN);
  places.forEach((place, index) => full[place] = compact[index]!);
  return full;
}
