import { AssayError } from "../error.ts";
import type { FeatureSet, RowSplit, StoredPair } from "./feature_set.ts";
import type { GatingNetwork } from "./gating_network.ts";
import { type GatingPairs, measureGating } from "./gating_training.ts";
import type { PairFigures } from "./head_training.ts";
import { type MixtureShares, PairMixture } from "./pair_mixture.ts";
import { debiasedRewards } from "./verbosity_debiasing.ts";

/** Pairs of one side of the split, with the rewards of their responses. */
export interface RewardedPairs {
  readonly pairs: readonly StoredPair[];
  /** [2 · pairs, objectives]: chosen and rejected by turns. */
  readonly rewards: Float64Array;
}

/** Rewards of the pairs of both sides of a split. */
export async function pairRewards(
  features: FeatureSet,
  split: RowSplit,
  weights: Float64Array,
  objectives: number,
): Promise<{ train: RewardedPairs; validation: RewardedPairs }> {
  const held = new Set(split.validation);
  const all = features.pairs;
  const of = async (pairs: readonly StoredPair[]): Promise<RewardedPairs> => {
    const places = [...new Set(pairs.flatMap(({ chosen, rejected }) => [chosen, rejected]))]
      .sort((a, b) => a - b);
    const byPlace = new Map<number, Float64Array>();
    let at = 0;
    for await (const batch of features.batches(places)) {
      for (let row = 0; row < batch.length; row += features.dimension) {
        byPlace.set(places[at++]!, rewardsOf(batch, row, weights, objectives));
      }
    }
    const rewards = new Float64Array(2 * pairs.length * objectives);
    pairs.forEach(({ chosen, rejected }, pair) => {
      rewards.set(byPlace.get(chosen)!, 2 * pair * objectives);
      rewards.set(byPlace.get(rejected)!, (2 * pair + 1) * objectives);
    });
    return { pairs, rewards };
  };
  const train = await of(all.filter(({ chosen }) => !held.has(chosen)));
  if (train.pairs.length === 0) {
    throw new AssayError(
      "fitting/no-pairs",
      "Cannot train a gate: expected rows with chosen and rejected among those to learn from, found none",
    );
  }
  return { train, validation: await of(all.filter(({ chosen }) => held.has(chosen))) };
}

function rewardsOf(
  batch: Float32Array,
  at: number,
  weights: Float64Array,
  objectives: number,
): Float64Array {
  const dimension = weights.length / objectives;
  return Float64Array.from({ length: objectives }, (_, objective) => {
    let sum = 0;
    for (let k = 0; k < dimension; k++) sum += weights[objective * dimension + k]! * batch[at + k]!;
    return sum;
  });
}

/** Rewards of the responses that debiasing looks at. */
export function referenceRewards(
  features: FeatureSet,
  { pairs, rewards }: RewardedPairs,
  objectives: number,
  sources: readonly string[] | undefined,
): Float64Array {
  if (sources === undefined) return rewards;
  const wanted = [...pairs.keys()].filter((pair) =>
    sources.includes(sourceOf(features, pairs[pair]!) ?? "")
  );
  if (wanted.length === 0) {
    throw new AssayError(
      "fitting/no-pairs",
      `Cannot debias: expected training pairs of the source ${sources.join(" or ")}, found none`,
    );
  }
  const reference = new Float64Array(2 * wanted.length * objectives);
  wanted.forEach((pair, i) => {
    const of = rewards.subarray(2 * pair * objectives, 2 * (pair + 1) * objectives);
    reference.set(of, 2 * i * objectives);
  });
  return reference;
}

function sourceOf(features: FeatureSet, { chosen }: StoredPair): string | null {
  return features.rows[chosen]!.source ?? null;
}

/** Pairs that count. */
export function countOf({ promptOfPair, mixture }: GatingPairs): number {
  return mixture?.weights.reduce((sum, of) => sum + (of > 0 ? 1 : 0), 0) ?? promptOfPair.length;
}

/** Figures of the held-back pairs of each source by itself. */
export function sourceFigures(
  gate: GatingNetwork,
  validation: GatingPairs,
  features: FeatureSet,
  { pairs }: RewardedPairs,
  shares: MixtureShares,
): Record<string, PairFigures> {
  const sources = pairs.map((pair) => sourceOf(features, pair));
  return Object.fromEntries(
    Object.keys(shares).map((source) => [
      source,
      measureGating(gate, { ...validation, mixture: new PairMixture(sources, { [source]: 1 }) }),
    ]),
  );
}

/** Pairs as a gate sees them. */
export async function gatingPairs(
  features: FeatureSet,
  { pairs, rewards }: RewardedPairs,
  transform: Float64Array,
  shares: MixtureShares | undefined,
): Promise<GatingPairs> {
  const objectives = Math.sqrt(transform.length);
  const debiased = debiasedRewards(rewards, transform);
  const differences = Float64Array.from({ length: pairs.length * objectives }, (_, i) => {
    const [pair, j] = [Math.floor(i / objectives), i % objectives];
    return debiased[2 * pair * objectives + j]! - debiased[(2 * pair + 1) * objectives + j]!;
  });
  const { states, promptOfRow } = await features.prompts(pairs.map(({ chosen }) => chosen));
  const rows = pairs.map(({ chosen }) => features.rows[chosen]!);
  return {
    dimension: features.dimension,
    prompts: states,
    promptOfPair: promptOfRow,
    differences,
    labelSmoothing: Float64Array.from(rows, (row) => row.label_smoothing ?? 0),
    margin: Float64Array.from(rows, (row) => row.margin ?? 0),
    mixture: shares === undefined
      ? undefined
      : new PairMixture(pairs.map((pair) => sourceOf(features, pair)), shares),
  };
}
