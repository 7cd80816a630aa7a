/**
 * Post-hoc reward calibration: removes length and style bias from scores that any reward model or
 * judge has produced, without gradients and without labels (arXiv 2409.17407).
 *
 * Needs no GPU and no permission; runs in a browser.
 *
 * @module
 */

export {
  type CalibrationMethod,
  type CalibratorArtifact,
  calibratorVersion,
  type Component,
  type CurveComponent,
  type IdleComponent,
  type OffsetsComponent,
  type PenaltyComponent,
} from "./artifact.ts";
export { type CategoryFeature, categoryFeature } from "./category_feature.ts";
export {
  type EloCalibration,
  EloFit,
  type EloFitOptions,
  eloWinRate,
  type ModelMismatch,
  type ModelScore,
} from "./elo_offsets.ts";
export { type Knots } from "./curve.ts";
export { binMean, type BinMeanFit, type BinMeanOptions, windowHalfWidth } from "./bin_mean.ts";
export { type CalibratedGroup, type CalibratedPool, Calibrator } from "./calibrator.ts";
export { type Accuracy, type Diagnostics, type FeatureCorrelation } from "./diagnostics.ts";
export {
  type CalibratedPair,
  DiagnosticsCollector,
  type DiagnosticsOptions,
} from "./diagnostics_collector.ts";
export {
  codePointLength,
  columnFeature,
  type Feature,
  featureNamed,
  type FeatureSource,
  lengthFeature,
  markdownElements,
  markdownFeature,
  measureFeatures,
  templatedLengthFeature,
  tokensFeature,
} from "./features.ts";
export {
  type Fit,
  fit,
  type FitDiagnostics,
  type FitReportOptions,
  poolDiagnostics,
} from "./fit.ts";
export { type GammaChoice, type GammaOptions } from "./gamma.ts";
export {
  alpacaEvalPreference,
  type ControlledComparison,
  type GamedComparison,
  type LengthControlledWinRate,
  lengthControlledWinRate,
  type LengthControlOptions,
} from "./length_controlled.ts";
export { type DegenerateRule, lowess, type LowessFit, type LowessOptions } from "./lowess.ts";
export {
  type CalibrationPanel,
  calibrationPanel,
  type CalibrationPicture,
  drawCalibration,
  type PlottedRows,
} from "./plot.ts";
export { calibrationPage, type PageContent } from "./plot_page.ts";
export {
  type PairIndex,
  type Pool,
  PoolBuilder,
  poolOfPairs,
  poolOfRows,
  type ScoredPair,
  type ScoredResponse,
} from "./pool.ts";
export {
  Abstention,
  type AbstentionFit,
  type AbstentionOptions,
  type AbstentionReport,
  type AbstentionStep,
  type Decision,
  fitAbstention,
  heldOutAbstention,
} from "./abstention.ts";
export {
  type AbstentionArtifact,
  certaintyVersion,
  type ConformalArtifact,
  type ConformalQuantile,
} from "./certainty_artifact.ts";
export {
  type ConformalInput,
  type ConformalInterval,
  ConformalIntervals,
  type ConformalOptions,
  conformalQuantile,
  type ConformalRow,
  fitConformal,
} from "./conformal.ts";
export { type ConformalCoverage, CoverageCount, heldOutCoverage } from "./conformal_coverage.ts";
export type { Interval } from "../numbers/bootstrap.ts";
export { averageRanks, discordantShare, spearman } from "../numbers/ranks.ts";
export { type FitOptions } from "./settings.ts";
export { type TieRule } from "./tie.ts";
export {
  type CalibratedWinRates,
  calibrateWinRates,
  type JudgedComparison,
  type WinRate,
  type WinRateOptions,
} from "./win_rate.ts";
