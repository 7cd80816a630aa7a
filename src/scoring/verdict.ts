import type { AssayError } from "../error.ts";

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
  /** Number of tokens scored, after truncation; 0 where the row could not be tokenised. */
  readonly tokens: number;
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
  /** Why there is no score; `null` for a scored conversation. */
  readonly error: AssayError | null;
}
