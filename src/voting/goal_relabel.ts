import { AssayError } from "../error.ts";
import { flipPair, type PreferenceRow, withoutCurateNames } from "./curated_row.ts";

/** Where the instruction that names the goal goes. */
export type GoalPlacement =
  /** A system message before the conversation, or the beginning of the one that is there. */
  | "system"
  /** The beginning of the first message, for templates without a system role. */
  | "user";

/** Settings of {@linkcode relabelWithGoals}. */
export interface GoalOptions {
  /** Where the goal goes. Default `system`; a prompt that is a string always has it in front. */
  readonly placement?: GoalPlacement | undefined;
}

/**
 * The instruction that asks for a response of a given quality, as the released script of
 * reward-augmented data words it (arXiv 2410.08067); whole numbers have no decimals.
 *
 * @param goal Overall score on a scale of 1 to 10.
 * @returns The text of the system message.
 */
export function goalPrompt(goal: number): string {
  return "You are an assistant that generates responses for the instruction while implicitly " +
    "achieving the following target scores (on a scale of 1-10, where 1 is lowest and 10 is " +
    `highest):\nOverall score: ${goal}.`;
}

/**
 * Goal-conditioned relabelling of one pair (reward-augmented data, arXiv 2410.08067): two pairs are
 * made of it, one that asks for the chosen response's quality and prefers that response, one that
 * asks for the rejected response's quality and prefers the other. At inference one asks for the
 * highest score.
 *
 * @param row A pair with `chosen` and `rejected`, and `prompt` where it is not inside of them.
 * @param chosenQuality q of the chosen response, on the scale of 1 to 10.
 * @param rejectedQuality q of the rejected response.
 * @param options Where the goal goes.
 * @returns Two rows with `goal` and `flipped` added, the scores' own `margin` named `score_margin`, own columns of those names `original_…`; none where the qualities are equal, which would
 * give contradictory pairs, or where the rejected response has the higher one.
 * @throws {AssayError} `voting/not-a-pair` where the row has no two sides that a goal can be put to.
 *
 * @example
 * ```ts
 * import { relabelWithGoals } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const rows = relabelWithGoals({ prompt: "Hi", chosen: "Hello!", rejected: "What?" }, 8, 2.5);
 * assert.deepEqual(rows.map((row) => [row.goal, row.chosen]), [[8, "Hello!"], [2.5, "What?"]]);
 * assert.match(String(rows[1]?.prompt), /Overall score: 2\.5\.\n\nHi$/);
 * ```
 */
export function relabelWithGoals(
  row: PreferenceRow,
  chosenQuality: number,
  rejectedQuality: number,
  options: GoalOptions = {},
): Record<string, unknown>[] {
  if (!(chosenQuality > rejectedQuality)) return [];
  const placement = options.placement ?? "system";
  const pair = withoutCurateNames(row);
  const high = withGoal(pair, chosenQuality, placement);
  const low = withGoal(flipPair(pair), rejectedQuality, placement);
  return [
    { ...high, goal: chosenQuality, flipped: false },
    { ...low, goal: rejectedQuality, flipped: true },
  ];
}

/**
 * Scores on the scale of the goals: the lowest becomes 1, the highest 10, and what lies between
 * keeps its proportion, rounded to one decimal. This project's own; the paper's qualities are on that
 * scale from the beginning.
 *
 * @param scores Scores of all responses; NaN stays NaN.
 * @returns A function from score to goal; every score is a 10 where all are alike.
 *
 * @example
 * ```ts
 * import { goalScale } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const scale = goalScale([-2, 0, 2]);
 * assert.deepEqual([-2, 0, 0.5, 2].map(scale), [1, 5.5, 6.6, 10]);
 * ```
 */
export function goalScale(scores: Iterable<number>): (score: number) => number {
  let lowest = Infinity;
  let highest = -Infinity;
  for (const score of scores) {
    if (!Number.isFinite(score)) continue;
    lowest = Math.min(lowest, score);
    highest = Math.max(highest, score);
  }
  if (!(highest > lowest)) return (score) => Number.isFinite(score) ? 10 : NaN;
  return (score) => Math.round(10 * (1 + 9 * (score - lowest) / (highest - lowest))) / 10;
}

function withGoal(
  row: PreferenceRow,
  goal: number,
  placement: GoalPlacement,
): Record<string, unknown> {
  const text = goalPrompt(goal);
  if (row.prompt !== undefined && row.prompt !== null) {
    return { ...row, prompt: conditioned(row.prompt, text, placement) };
  }
  return {
    ...row,
    chosen: conditioned(row.chosen, text, placement),
    rejected: conditioned(row.rejected, text, placement),
  };
}

/** The prompt with the goal in front of it; never changes what it was given. */
function conditioned(prompt: unknown, text: string, placement: GoalPlacement): unknown {
  if (typeof prompt === "string") return `${text}\n\n${prompt}`;
  const first: unknown = Array.isArray(prompt) ? prompt[0] : undefined;
  if (!Array.isArray(prompt) || !isMessage(first)) {
    throw new AssayError(
      "voting/not-a-pair",
      "Cannot relabel a row with goals: expected a prompt (or chosen and rejected) that is a string " +
        `or a list of messages, found ${JSON.stringify(prompt) ?? String(prompt)}`.slice(0, 300),
    );
  }
  if (placement === "system" && first.role !== "system") {
    return [{ role: "system", content: text }, ...prompt];
  }
  return [{ ...first, content: `${text}\n\n${first.content}` }, ...prompt.slice(1)];
}

function isMessage(value: unknown): value is { role: string; content: string } {
  if (typeof value !== "object" || value === null) return false;
  const { role, content } = value as Record<string, unknown>;
  return typeof role === "string" && typeof content === "string";
}
