import { AssayError } from "../error.ts";
import type { Judgement } from "../heads/head.ts";
import type { KernelSet } from "../gpu/kernel_set.ts";
import { notFinite } from "./backbone.ts";
import type { Outcome } from "./packs/pack_pipeline.ts";
import type { RewardModel } from "./reward_model.ts";

/** All that is known of one scored conversation. */
export interface Verdict {
  /** The reward model's score, or `null` where the row failed (see `error`). Never NaN or infinite. */
  readonly score: number | null;
  /** Reward of each objective by name, before the reward transform; `null` for a scalar head. */
  readonly rewards: Readonly<Record<string, number>> | null;
  /** Coefficient of each objective by name: score = sum of reward × coefficient; `null` for a scalar head. */
  readonly coefficients: Readonly<Record<string, number>> | null;
  /** The gate's weight of each objective by name, before the reward transform; `null` for a scalar head. */
  readonly gating: Readonly<Record<string, number>> | null;
  /** Implicit rewards only: the reward of every token of the response. */
  readonly tokenRewards?: readonly number[];
  /**
   * The kernels that computed it, or `cpu`: part of what a score depends on, since two kernel sets may
   * differ in the last bits.
   */
  readonly kernels: KernelSet | "cpu";
  /** Number of tokens scored, after truncation; 0 where the row could not be tokenised. */
  readonly tokens: number;
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
  /** Why there is no score; `null` for a scored conversation. */
  readonly error: AssayError | null;
}

/** The verdict on what came of a conversation; a result that is not finite is that row's error. */
export function verdictOf(
  { result, tokens, truncated }: Outcome<Judgement>,
  { objectives, kernels }: Pick<RewardModel, "objectives" | "kernels">,
): Verdict {
  const facts = { kernels, tokens, truncated };
  if (result instanceof AssayError) return failed(result, facts);
  const { score, rewards, coefficients, gating } = result;
  const values = [score, ...(rewards ?? []), ...(coefficients ?? []), ...(gating ?? [])];
  if (!values.every(Number.isFinite)) {
    return failed(notFinite(`the score is ${score}`), facts);
  }
  const named = (numbers: Float64Array | null): Record<string, number> | null =>
    numbers && Object.fromEntries(objectives.map((name, i) => [name, numbers[i]!]));
  return {
    score,
    rewards: named(rewards),
    coefficients: named(coefficients),
    gating: named(gating),
    ...facts,
    error: null,
  };
}

function failed(
  error: AssayError,
  facts: Pick<Verdict, "kernels" | "tokens" | "truncated">,
): Verdict {
  return { score: null, rewards: null, coefficients: null, gating: null, ...facts, error };
}
