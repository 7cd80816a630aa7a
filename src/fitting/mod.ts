/**
 * Fitting heads on a frozen backbone: ArmoRM's two stages, heads by loss, contrastive and meta heads.
 *
 * @module
 */
export { AdamW, type AdamWOptions, cosineRate, type Parameter, parameter } from "./adamw.ts";
export {
  type ArmoFit,
  type ArmoFitOptions,
  type ArmoReport,
  fitArmo,
  type TriedGates,
} from "./armo_fit.ts";
export { bradleyTerry, type PairLoss, preferenceSlope } from "./bradley_terry.ts";
export {
  contrastiveHead,
  type ContrastiveOptions,
  contrastiveRecipes,
} from "./contrastive_head.ts";
export {
  extractFeatures,
  type ExtractionOptions,
  type ExtractionResult,
  type StateSource,
} from "./feature_extraction.ts";
export type { FailedRow, FeatureManifest, FeatureRow } from "./feature_files.ts";
export {
  FeatureSet,
  type RowSplit,
  splitRows,
  type StoredPair,
  type StoredRow,
} from "./feature_set.ts";
export {
  type FittingColumns,
  type FittingResponse,
  type FittingRow,
  fittingRow,
  type ResponseSide,
} from "./fitting_row.ts";
export {
  type Dropout,
  GatingNetwork,
  type GatingPass,
  type GatingShape,
  type LinearLayer,
} from "./gating_network.ts";
export {
  type GatingOptions,
  type GatingPairs,
  type GatingResult,
  measureGating,
  trainGating,
} from "./gating_training.ts";
export {
  armoHeadTensors,
  type HeadCheckpointOptions,
  type HeadTensors,
  scalarHeadTensors,
  writeHeadCheckpoint,
} from "./head_checkpoint.ts";
export {
  measureHead,
  type Measurement,
  type PairFigures,
  type TrainedHead,
  trainHead,
  type TrainingOptions,
} from "./head_training.ts";
export {
  armoLabelMaps,
  identityMap,
  type LabelMap,
  rangeMap,
  rewardOfRating,
} from "./label_maps.ts";
export { type HeadLearner, linearHead } from "./linear_head.ts";
export { metaHead, type MetaOptions, type MetaSet } from "./meta_head.ts";
export { type ResponseDifference, responseDifference } from "./meta_reward.ts";
export { type MixtureShares, PairMixture } from "./pair_mixture.ts";
export { type PairBatch, type PreferencePairs } from "./preference_pairs.ts";
export { fitBayesianPairs } from "./bayesian_pairs.ts";
export { type BayesianHead, type BayesianOptions, fitBayesianRatings } from "./bayesian_ratings.ts";
export { bayesianHeadTensors } from "./bayesian_tensors.ts";
export {
  fitRidge,
  type LabelledFeatures,
  type ObjectiveFit,
  ridgeAlphas,
  type RidgeFit,
  type RidgeOptions,
} from "./ridge.ts";
export { type ContrastiveLoss, simcse } from "./simcse.ts";
export { sinkhorn, swav, type SwavLoss, type SwavOptions } from "./swav.ts";
export {
  debiasedRewards,
  type DebiasingOptions,
  debiasVerbosity,
  type ObjectiveDebiasing,
  type VerbosityDebiasing,
  verbosityPenalties,
} from "./verbosity_debiasing.ts";
export type { LossTerms } from "../voting/preference_losses.ts";
export type { FloatDtype } from "../checkpoint/tensor.ts";
export type { ReadRow, Row } from "../data/rows.ts";
export type { AssayError } from "../error.ts";
export { openBackbone, type OpenBackboneOptions } from "./open_backbone.ts";
export type { PooledState } from "../scoring/backbone.ts";
export type { Conversation, Message } from "../text/conversation.ts";
export { seededRandom } from "../numbers/seeded_random.ts";
