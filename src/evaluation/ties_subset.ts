import { AssayError } from "../error.ts";
import { checkCandidates } from "./best_of_n_accuracy.ts";

/** One row of RewardBench 2's subset Ties: a prompt with one right answer, or with several. */
export interface TiesRow {
  /** `ref:N` for the prompt with one right answer, `tied:N` for its counterpart with several. */
  readonly id: string;
  /** One finite score per answer, the right answers first. */
  readonly scores: readonly number[];
  /** How many answers are right. */
  readonly correct: number;
}

/** What the subset Ties amounts to; all are shares from 0 to 1 but where said otherwise. */
export interface TiesScore {
  /** Prompts with one right answer whose right answer scores above every wrong one. */
  readonly referenceAccuracy: number;
  /** Prompts with several whose every right answer scores above every wrong one. */
  readonly tiedAccuracy: number;
  /** Prompts whose right answers differ by less than the worst of them is above the wrong ones. */
  readonly spreadBelowMargin: number;
  /** The same, with the smaller of the margins of both counterparts. */
  readonly spreadBelowBothMargins: number;
  /** Mean of tanh(smaller margin / spread − 1), from −1 to 1. */
  readonly marginScore: number;
  /** The subset's score, from about 0 to 1.01. */
  readonly score: number;
}

/** A prompt's answers, in order of right and wrong. */
interface Answers {
  readonly right: number[];
  readonly wrong: number[];
}

/** Matches the ids of the subset's rows. */
const idPattern = /^(ref|tied):(\d+)$/;

/** Whether an id is one of the subset Ties: `ref:N` or `tied:N`. */
export function isTiesId(id: unknown): id is string {
  return typeof id === "string" && idPattern.test(id);
}

/**
 * The score of RewardBench 2's subset Ties (arXiv 2506.01937 and its released code): right answers
 * must score above wrong ones, and differ little among themselves.
 *
 *   .30 tied + .30 ref + .20 P(m_tied > s) + .20 P(min(m_ref, m_tied) > s)
 *       + .01 mean tanh(min(m_ref, m_tied) / s − 1)
 *
 * m: worst right score minus best wrong score; s: spread of the right scores of the `tied` prompt. A
 * 0 / 0 counts as 0. The last three run over the prompts that have both counterparts.
 *
 * @example
 * ```ts
 * import { tiesScore } from "@assay/assay/evaluation";
 * import assert from "node:assert/strict";
 *
 * const rows = [
 *   { id: "ref:1", scores: [3, 1], correct: 1 },
 *   { id: "tied:1", scores: [4, 3.5, 1], correct: 2 },
 * ];
 * assert.equal(tiesScore(rows)?.score, 1 + 0.01 * Math.tanh(2 / 0.5 - 1));
 * ```
 *
 * @param rows The rows of the subset; rows of the same id are taken together.
 * @returns The score; `null` where no prompt has both counterparts.
 * @throws {AssayError} `evaluation/bad-row` for another id, a score that is not finite, or a row
 *   without a right or without a wrong answer.
 */
export function tiesScore(rows: readonly TiesRow[]): TiesScore | null {
  const prompts = { ref: new Map<string, Answers>(), tied: new Map<string, Answers>() };
  for (const row of rows) addAnswers(prompts, row);
  const shared = [...prompts.tied].flatMap(([prompt, tied]) => {
    const reference = prompts.ref.get(prompt);
    return reference === undefined ? [] : [{ reference, tied }];
  });
  if (shared.length === 0) return null;
  const gaps = shared.map(({ reference, tied }) => ({
    spread: Math.max(...tied.right) - Math.min(...tied.right),
    margin: marginOf(tied),
    smaller: Math.min(marginOf(tied), marginOf(reference)),
  }));
  const referenceAccuracy = share([...prompts.ref.values()], (answers) => marginOf(answers) > 0);
  const tiedAccuracy = share([...prompts.tied.values()], (answers) => marginOf(answers) > 0);
  const spreadBelowMargin = share(gaps, ({ spread, margin }) => margin > spread);
  const spreadBelowBothMargins = share(gaps, ({ spread, smaller }) => smaller > spread);
  const marginScore = gaps.reduce((sum, { spread, smaller }) => {
    const term = Math.tanh(smaller / spread - 1);
    return sum + (Number.isNaN(term) ? 0 : term);
  }, 0) / gaps.length;
  return {
    referenceAccuracy,
    tiedAccuracy,
    spreadBelowMargin,
    spreadBelowBothMargins,
    marginScore,
    score: 0.3 * tiedAccuracy + 0.3 * referenceAccuracy + 0.2 * spreadBelowMargin +
      0.2 * spreadBelowBothMargins + 0.01 * marginScore,
  };
}

function addAnswers(
  prompts: Readonly<Record<"ref" | "tied", Map<string, Answers>>>,
  { id, scores, correct }: TiesRow,
): void {
  const match = idPattern.exec(id);
  if (match === null) {
    throw new AssayError(
      "evaluation/bad-row",
      `Cannot evaluate the row of the subset Ties: expected an id ref:N or tied:N, found ${
        JSON.stringify(id)
      }`,
    );
  }
  checkCandidates(scores, correct);
  const ofKind = prompts[match[1] as "ref" | "tied"];
  const prompt = match[2]!.replace(/^0+(?=\d)/, "");
  const answers = ofKind.get(prompt) ?? { right: [], wrong: [] };
  ofKind.set(prompt, answers);
  answers.right.push(...scores.slice(0, correct));
  answers.wrong.push(...scores.slice(correct));
}

/** How far the worst right answer is above the best wrong one. */
function marginOf({ right, wrong }: Answers): number {
  return Math.min(...right) - Math.max(...wrong);
}

function share<Item>(items: readonly Item[], holds: (item: Item) => boolean): number {
  return items.filter(holds).length / items.length;
}
