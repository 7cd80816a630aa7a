import { AssayError } from "../error.ts";
import type { Deviation, HeadPlan, Judgement } from "../heads/head.ts";
import { notFinite } from "./not_finite.ts";
import type { Outcome } from "./packs/pack_pipeline.ts";
import type { Backend, KernelsName } from "../ops/backend.ts";
import type { QuantizedWeights } from "./weights_name.ts";

/** Numbers by name, as rewards by objective. */
export type NamedNumbers = Readonly<Record<string, number>>;

/** All that is known of one scored conversation. */
export interface Verdict {
  /** The reward model's score, or `null` where the row failed (see `error`). Never NaN or infinite. */
  readonly score: number | null;
  /**
   * Standard deviation of the score, in its own units, where the head tells how certain it is (quantile
   * heads, URM, LDL, several voters, Bayesian heads); `null` elsewhere.
   */
  readonly scoreStd: number | null;
  /**
   * What the deviation comes from, of heads that can tell a margin's too (several voters, Bayesian
   * heads); see {@linkcode marginStd}.
   */
  readonly deviation?: Deviation | undefined;
  /** What the head tells beside the score, by part: numbers by name, or a list where they have none. */
  readonly parts: Readonly<Record<string, NamedNumbers | readonly number[]>>;
  /** The part `rewards`: reward of each objective, before the reward transform; `null` without. */
  readonly rewards: NamedNumbers | null;
  /** The part `coefficients`: score = sum of reward × coefficient; `null` without. */
  readonly coefficients: NamedNumbers | null;
  /** The part `gating`: the gate's weight of each objective, before the transform; `null` without. */
  readonly gating: NamedNumbers | null;
  /** Implicit rewards only: the reward of every token of the response. */
  readonly tokenRewards?: readonly number[] | undefined;
  /**
   * The kernels that computed it, or `cpu`: part of what a score depends on, since two kernel sets may
   * differ in the last bits.
   */
  readonly kernels: KernelsName;
  /** `f16` where the backbone's products multiplied in half precision; absent where they are f32. */
  readonly precision?: "f16" | undefined;
  /** What the layers' weights were quantized to, which changes scores; absent where they were not. */
  readonly weights?: QuantizedWeights | undefined;
  /** Number of tokens scored, after truncation; 0 where the row could not be tokenised. */
  readonly tokens: number;
  /** Whether tokens were cut away to fit the model's length. */
  readonly truncated: boolean;
  /** Why there is no score; `null` for a scored conversation. */
  readonly error: AssayError | null;
}

/** What computed a verdict; the precision where it is not the exact one, weights that were quantized. */
export function computedBy(
  { kernels, precision }: Pick<Backend, "kernels" | "precision">,
  weights?: QuantizedWeights,
): Computed {
  return {
    kernels,
    ...(precision === "f16" && { precision }),
    ...(weights !== undefined && { weights }),
  };
}

/** What a verdict tells of how it was made. */
type Computed = Pick<Verdict, "kernels" | "precision" | "weights">;

/** The same, and what became of the text. */
type Circumstances = Computed & Pick<Verdict, "tokens" | "truncated">;

/**
 * The verdict on what came of a conversation; a result that is not finite is that row's error.
 *
 * @param names Names of the numbers of each part, as the head's plan gives them.
 * @param computed What it was computed by.
 */
export function verdictOf(
  { result, tokens, truncated }: Outcome<Judgement>,
  names: HeadPlan["parts"],
  computed: Computed,
): Verdict {
  const circumstances = { ...computed, tokens, truncated };
  if (result instanceof AssayError) return failedVerdict(result, circumstances);
  const { score, std, deviation } = result;
  const numbers = [score, std ?? 0, ...Object.values(result.parts).flatMap((part) => [...part])];
  if (!numbers.every(Number.isFinite)) {
    return failedVerdict(notFinite(`the score is ${score}`, computed), circumstances);
  }
  const parts = Object.fromEntries(
    Object.entries(result.parts).map(([part, numbers]) => [part, named(numbers, names[part])]),
  );
  const told = { scoreStd: std ?? null, ...(deviation !== undefined && { deviation }) };
  return { score, ...told, ...views(parts), ...circumstances, error: null };
}

/**
 * Standard deviation of the margin of two scores by one model, √(‖v − v'‖² + noises): not that of two
 * independent scores, since what makes both uncertain alike makes their margin none the less certain.
 *
 * @param chosen The verdict on one response.
 * @param rejected The verdict on the other, by the same model.
 * @returns The deviation; `null` where the head can't tell it, or there is no score.
 *
 * @example
 * ```ts
 * import { marginStd } from "@assay/assay";
 * import assert from "node:assert/strict";
 *
 * const verdict = (...vector: number[]) => ({ deviation: { vector: Float64Array.from(vector), noise: 0 } });
 * assert.equal(marginStd(verdict(3, 4), verdict(3, 4)), 0);
 * assert.equal(marginStd(verdict(3, 4), verdict(0, 0)), 5);
 * ```
 */
export function marginStd(
  chosen: Pick<Verdict, "deviation">,
  rejected: Pick<Verdict, "deviation">,
): number | null {
  const [one, other] = [chosen.deviation, rejected.deviation];
  if (one === undefined || other === undefined) return null;
  const between = one.vector.reduce((sum, x, i) => sum + (x - other.vector[i]!) ** 2, 0);
  return Math.sqrt(between + one.noise + other.noise);
}

/** The verdict on a conversation that has no score. */
export function failedVerdict(error: AssayError, circumstances: Circumstances): Verdict {
  return { score: null, scoreStd: null, ...views({}), ...circumstances, error };
}

function named(
  numbers: Float64Array,
  names: readonly string[] | null | undefined,
): NamedNumbers | readonly number[] {
  return names ? Object.fromEntries(names.map((name, i) => [name, numbers[i]!])) : [...numbers];
}

/** The parts, and those of them that have a place of their own in a verdict. */
function views(parts: Verdict["parts"]) {
  const view = (part: string): NamedNumbers | null => {
    const numbers = parts[part];
    return numbers === undefined || Array.isArray(numbers) ? null : numbers as NamedNumbers;
  };
  return {
    parts,
    rewards: view("rewards"),
    coefficients: view("coefficients"),
    gating: view("gating"),
  };
}
