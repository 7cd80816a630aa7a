import { AssayError } from "../error.ts";
import type { Judgement } from "../heads/head.ts";

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

/** The verdict of a conversation that could not be scored. */
export function failedVerdict(error: AssayError, tokens = 0, truncated = false): Verdict {
  return { score: null, rewards: null, coefficients: null, gating: null, tokens, truncated, error };
}

/** The verdict of a judged conversation; a score that is not finite is that row's error. */
export function verdictOf(
  judgement: Judgement,
  objectives: readonly string[],
  tokens: number,
  truncated: boolean,
): Verdict {
  const { score, rewards, coefficients, gating } = judgement;
  const values = [score, ...(rewards ?? []), ...(coefficients ?? []), ...(gating ?? [])];
  if (!values.every(Number.isFinite)) {
    const error = new AssayError(
      "scoring/not-finite",
      `Cannot score this conversation: the model's result is ${score}, not a finite number; a ` +
        "weight of the checkpoint is likely NaN or infinite",
    );
    return failedVerdict(error, tokens, truncated);
  }
  const named = (numbers: Float64Array | null): Record<string, number> | null =>
    numbers && Object.fromEntries(objectives.map((name, i) => [name, numbers[i]!]));
  return {
    score,
    rewards: named(rewards),
    coefficients: named(coefficients),
    gating: named(gating),
    tokens,
    truncated,
    error: null,
  };
}
