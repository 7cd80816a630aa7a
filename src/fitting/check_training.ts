import {
  abortSignal,
  amount,
  callback,
  checkOptions,
  either,
  finite,
  numberIn,
  object,
  oneOf,
  type OptionKind,
  positive,
  wholeFrom,
} from "../check_options.ts";

const below1 = numberIn("a share from 0 to below 1", (x) => x >= 0 && x < 1);
const seed: OptionKind = { expected: "a whole number", accepts: Number.isSafeInteger };

const amounts: OptionKind = {
  expected: "a list of finite numbers of at least 0, not empty",
  accepts: (value) => Array.isArray(value) && value.length > 0 && value.every(amount.accepts),
};

const kinds: Readonly<Record<string, OptionKind>> = {
  steps: wholeFrom(1),
  batchSize: wholeFrom(1),
  pairsPerStep: wholeFrom(1),
  measureEvery: wholeFrom(1),
  rate: positive,
  weightDecay: amount,
  dropout: below1,
  marginScale: positive,
  labelSmoothing: below1,
  contrastWeight: amount,
  contrastTemperature: positive,
  metaPrompts: wholeFrom(1),
  ascentRate: amount,
  heldOut: below1,
  validationShare: below1,
  starts: wholeFrom(1),
  dimension: wholeFrom(1),
  objectives: either(wholeFrom(1), object), // how many, or their names
  hiddenSize: wholeFrom(1),
  hiddenLayers: wholeFrom(0),
  temperature: positive,
  threshold: finite,
  penalties: amounts,
  alphas: amounts,
  constantObjectives: oneOf("uncorrelated", "released"),
  rowsPerShard: wholeFrom(1),
  mixture: object,
  seed,
  onProgress: callback,
  signal: abortSignal,
};

/**
 * Checks the options of a training or of the features that it learns from, as far as they are given.
 *
 * @param options The options of one of them.
 * @throws {AssayError} `fitting/bad-option`.
 */
export function checkTrainingOptions(options: object): void {
  checkOptions("fitting/bad-option", "fit", options, kinds);
}
