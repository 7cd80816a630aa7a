/**
 * Fitting heads on a frozen backbone: ArmoRM's two stages, heads by loss, contrastive and meta heads.
 *
 * @module
 */
export { AdamW, type AdamWOptions, cosineRate, type Parameter, parameter } from "./adamw.ts";
export { bradleyTerry, type PairLoss, preferenceSlope } from "./bradley_terry.ts";
export {
  contrastiveHead,
  type ContrastiveOptions,
  contrastiveRecipes,
} from "./contrastive_head.ts";
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
export { type PairBatch, type PreferencePairs } from "./preference_pairs.ts";
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
