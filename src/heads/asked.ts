import type { Read } from "./reads.ts";

/** A token of the vocabulary as somebody asked for it. */
export interface NamedToken {
  readonly id: number;
  /** What stands for it where its number is shown. */
  readonly text: string;
}

/** What a conversation's score is of the scores of its steps. */
export type StepReduction = "last" | "min" | "mean" | "product";

/** The ways to make one score of the steps'. */
export const stepReductions: readonly StepReduction[] = ["last", "min", "mean", "product"];

/** Where steps are read, and what becomes of their scores. */
export interface AskedSteps {
  /** The token that ends a step; `turns` where each of the assistant's turns is one. */
  readonly end: NamedToken | "turns";
  readonly reduction: StepReduction;
}

/**
 * Where a head reads steps.
 *
 * @param apart As `StepRead.apart`.
 */
export function readOfSteps({ end }: AskedSteps, apart: boolean): Read {
  return end === "turns" ? { at: "turn" } : { at: "step", ...end, apart };
}

/**
 * What was asked of a checkpoint beside what its files say. A causal model looks like any other, whether
 * it was trained to judge or not, so its logits are a score only where somebody says so.
 */
export interface Asked {
  /** The token whose logit is the score, or two: then the first one's minus the second one's. */
  readonly logits?: readonly [NamedToken] | readonly [NamedToken, NamedToken] | undefined;
  readonly steps?: AskedSteps | undefined;
}
