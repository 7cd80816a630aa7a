/**
 * What the commands of `assay` do, for programs: rows are scored, calibrated, voted on, curated and
 * evaluated, features are computed and heads are fitted. The same columns come out, to the last bit.
 *
 * Rows come from `readRows` of `@assay/assay/data`, from {@linkcode openRows} where a task reads them
 * twice, or from a program's own memory by {@linkcode rowsInMemory}.
 *
 * Needs `--allow-read` for checkpoints and the files that are read, and `--allow-write` for what is
 * written: caches, calibrators, features, checkpoints.
 *
 * @module
 */
export type { OutputRow } from "./output_row.ts";
export { inputRows } from "./dataset_rows.ts";
export { beginRows } from "./begin_rows.ts";
export { keptRows, openRows, type RepeatableRows, rowsInMemory } from "./repeatable_rows.ts";
export { type CachedModel, cachedModels } from "./cached_models.ts";
export { type ModelFolder, type ModelSpec, openModelFolder } from "./model_folder.ts";

export {
  type ImplicitSpec,
  type LoadedScorer,
  type LoadScorer,
  openScorer,
  type ScorerSpec,
} from "./score/open_scorer.ts";
export { type ScoredRow, scoreRows, type ScoreRowsOptions } from "./score/score_rows.ts";
export {
  type ExplainableScorer,
  explainTokens,
  type ExplainTokensOptions,
} from "./score/explain_tokens.ts";
export type { TokenExplanation, TokenReward, TokensOf } from "./score/token_explanation.ts";
export type { Scorer } from "./score/scorer.ts";
export {
  type SoupSweep,
  type SweepLine,
  type SweepOptions,
  type SweepPoint,
  sweepSoup,
} from "./soup_sweep.ts";
export {
  pairsFromSamples,
  type SampledPair,
  type SamplePairOptions,
} from "./curate/sample_pairs.ts";
export { scoringStream } from "./score/scoring_stream.ts";
export type { ScoreColumnsOptions } from "./score/score_columns.ts";

export {
  type CalibratedPreferences,
  calibratePreferences,
  type CalibratePreferencesOptions,
} from "./calibrate/calibrate_preferences.ts";
export { calibrateRows, type CalibrateRowsOptions } from "./calibrate/calibrate_rows.ts";
export {
  fitAbstentionRows,
  type FitAbstentionRowsOptions,
  type FittedAbstention,
  markAbstentions,
} from "./calibrate/abstain_rows.ts";
export type { UsedRows } from "./calibrate/certain_rows.ts";
export {
  addIntervals,
  fitIntervals,
  type FitIntervalsOptions,
  type FittedIntervals,
} from "./calibrate/conformal_rows.ts";
export {
  fitEloOffsets,
  type FitEloOptions,
  type FittedElo,
  readEloTable,
} from "./calibrate/elo_rows.ts";
export { readCalibrator, readFitted, writeCalibrator } from "./calibrate/calibrator_file.ts";
export {
  fitCalibrator,
  type FitCalibratorOptions,
  type FittedCalibrator,
} from "./calibrate/fit_calibrator.ts";
export { type ResponseMeasures, tokenizerMeasures } from "./calibrate/response_sources.ts";
export type { ScoredColumns } from "./calibrate/scored_responses.ts";

export type { ReadVotersOptions } from "./vote/read_voters.ts";
export type { ScoreVotersOptions } from "./vote/score_voters.ts";
export type { StrengthSummary, VoterSummary, VoteSummary } from "./vote/vote_summary.ts";
export type { LoadedVoter, VoterScores } from "./vote/loaded_voter.ts";
export {
  type OpenVoter,
  openVoter,
  type VoterSource,
  type VoterSpec,
} from "./vote/voter_source.ts";
export type { CommitteeCurveOptions } from "./vote/committee_curves.ts";
export {
  type CountOptions,
  voteFiles,
  type VoteFilesOptions,
  voteModels,
  type VoteModelsOptions,
  type Votes,
} from "./vote/votes.ts";

export type {
  CuratedCounts,
  CurateRecipe,
  PriorSettings,
  RecipeOptions,
  Similarity,
} from "./curate/curated_set.ts";
export {
  type CuratedOutput,
  curateRows,
  type CurateRowsOptions,
  type Curation,
  type CurationSummary,
} from "./curate/curate_rows.ts";
export {
  embeddingSimilarity,
  tokenSimilarity,
  wordSimilarity,
} from "./curate/response_similarity.ts";
export { undoCuration, type UndoneRow } from "./curate/undo_curation.ts";

export { benchmarkRows } from "./evaluate/benchmark_layout.ts";
export type { BenchmarkRowOptions } from "./evaluate/benchmark_row_reader.ts";
export { compareModels, type ModelComparison, type NamedRows } from "./evaluate/compare_models.ts";
export {
  type BenchmarkResult,
  evaluateBenchmark,
  type EvaluateBenchmarkOptions,
} from "./evaluate/evaluate_benchmark.ts";
export type { EvaluatedRowOptions } from "./evaluate/evaluated_row_reader.ts";
export {
  evaluateRows,
  type EvaluateRowsOptions,
  type RowEvaluation,
} from "./evaluate/evaluate_rows.ts";
export { evaluationRows, evaluationSummary } from "./evaluate/evaluation_rows.ts";
export type { RowCounts } from "./evaluate/taken_rows.ts";
export {
  auditFiles,
  type AuditOptions,
  auditScorer,
  type AuditScorerOptions,
} from "./audit/audit.ts";
export type {
  AbstentionSection,
  AccuracyChange,
  AccuracySection,
  AuditedGroup,
  AuditedRowCounts,
  AuditReport,
  BenchmarkSection,
  BestOfSection,
  ComparedAccuracy,
  ComparisonSection,
  CoverageSection,
  IntervalRule,
  LengthBand,
  LengthCells,
  LengthPoint,
  LengthSection,
  MissingSection,
  ModelAudit,
  ModelDifference,
  ProbeSection,
  ReliabilitySection,
  Section,
  SkewSection,
  SummaryLine,
} from "./audit/audit_report.ts";
export type { AuditedRowOptions } from "./audit/audited_rows.ts";
export { auditPage } from "./audit/page/audit_page.ts";
export { writeAudit } from "./audit/write_audit.ts";
export { ReliabilityRows, type RowReliability } from "./evaluate/reliability_rows.ts";

export {
  Probe,
  type ProbedRow,
  type ProbeOptions,
  probeRows,
  type ProbeRunOptions,
} from "./probe/probe.ts";
export { type ParaphraseColumn, paraphraseColumns } from "./probe/changed_conversations.ts";
export {
  probeReportRows,
  probeSummary,
  skewReportRows,
  skewSummary,
} from "./probe/probe_report_rows.ts";
export { Skew, type SkewOptions } from "./probe/skew_rows.ts";
export type { SkewReport, TraitSkew } from "../probing/skew.ts";
export type { ProbeTallyOptions } from "../probing/probe_tally.ts";
export type { Change, ChangeKind, ChangeTarget } from "../probing/change.ts";
export { standardChanges } from "../probing/change_list.ts";
export { nameSwap, paraphraseChange } from "../probing/given_texts.ts";
export { ownPhrase } from "../probing/phrases.ts";
export type {
  ChangedAccuracy,
  ChangeReport,
  FlipShares,
  ProbeReport,
} from "../probing/probe_report.ts";

export {
  type ComputedFeatures,
  computeFeatures,
  type ComputeFeaturesOptions,
  openFeatures,
} from "./fit/compute_features.ts";
export {
  fitHead,
  type FitHeadOptions,
  type FittedHead,
  headLosses,
  type HeadReport,
} from "./fit/fit_head.ts";
export {
  type BayesianReport,
  fitBayesianHead,
  type FitBayesianOptions,
  type FittedBayesianHead,
  type RatingFigures,
} from "./fit/fit_bayesian.ts";
export { type Soup, type SoupOptions, writeSoup } from "./soup.ts";
export {
  type QuantizationReport,
  type QuantizationReportOptions,
  reportQuantization,
} from "./quantize/quantization_report.ts";
export {
  quantizeCheckpoint,
  type QuantizedCheckpoint,
  type QuantizeOptions,
} from "./quantize/quantize_checkpoint.ts";

export type { Calibrator } from "../calibration/calibrator.ts";
export type { ReadRow, Row } from "../data/rows.ts";
export type { AssayError } from "../error.ts";
export type { LoadOptions } from "../scoring/load_options.ts";
