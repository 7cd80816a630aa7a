/**
 * Ensembles of reward models: preference strength, committees' choices and mended preference
 * data. Needs no GPU and no permissions.
 *
 * @module
 */
export {
  aggregate,
  type AggregateOptions,
  type AggregateScore,
  type PointwiseAggregation,
} from "./aggregate.ts";
export { averageRanks, rankPositions } from "../numbers/ranks.ts";
export {
  bestOfCurve,
  type BestOfPoint,
  expectedBestOf,
  type ScoredSample,
} from "./best_of_curve.ts";
export { categorize, type Category, type CategoryBounds, paperQuantiles } from "./categories.ts";
export {
  type Aggregation,
  aggregations,
  bordaCounts,
  chooseBest,
  type CommitteeChoice,
} from "./committee.ts";
export {
  curatedRow,
  flipPair,
  type PreferenceRow,
  renameScoreMargin,
  swapSides,
  undoCuratedRow,
} from "./curated_row.ts";
export {
  countActions,
  type CuratedPair,
  curatePairs,
  type CurationAction,
  type CurationCounts,
  type CurationOptions,
  type Recipe,
  recipes,
  type StrengthOfPair,
  type Treatments,
} from "./curation.ts";
export {
  type GoalOptions,
  type GoalPlacement,
  goalPrompt,
  goalScale,
  relabelWithGoals,
} from "./goal_relabel.ts";
export {
  type GoldCurve,
  type GoldCurveOptions,
  type GoldCurves,
  goldCurves,
  type GoldPoint,
  type GoldPrompt,
} from "./gold_curve.ts";
export { groupSamples, type SampleGroups, wordOverlap } from "./sample_groups.ts";
export { type StrengthGroup, strengthGroups } from "./groups.ts";
export {
  type JoinBy,
  type JoinKey,
  joinVoters,
  textFingerprint,
  type VoterJoin,
  type VoterKeys,
} from "./join_voters.ts";
export { applyLinearHeads, type LinearHeads, readLinearHeads } from "./linear_heads.ts";
export { type MajorityTie, type MajorityVote, majorityVote } from "./majority_vote.ts";
export { type NormalizedVoter, normalizeMargins, standardizeScores } from "./normalize.ts";
export { type LossTerms, preferenceLoss, preferredDelta } from "./preference_losses.ts";
export {
  type PreferenceStrength,
  preferenceStrength,
  preferenceStrengths,
} from "./preference_strength.ts";
export {
  cosineSimilarity,
  flagMargin,
  lengthRatio,
  type MarginFlag,
  type PriorConstraint,
  priorConstraintLoss,
  priorConstraints,
  priorMargin,
  squashMargin,
} from "./prior_constraint.ts";
export { cacheFileName, type CacheIdentity, conversationKey, ScoreCache } from "./score_cache.ts";
export { type ScoredRow, scoredRow } from "./scored_row.ts";
export {
  drawStrengths,
  plotPage,
  type PlottedStrength,
  type StrengthBin,
  strengthHistogram,
} from "./strength_plot.ts";
export { tally, type TallyOptions, type Vote, type VoteOnPair } from "./tally.ts";
