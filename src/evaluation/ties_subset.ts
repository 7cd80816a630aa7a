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
  const prompts = new Map<string, TiesRow[]>();
  for (const row of rows) {
    const prompt = tiesPrompt(row.id);
    const known = prompts.get(prompt);
    if (known === undefined) prompts.set(prompt, [row]);
    else known.push(row);
  }
  const marks = [...prompts.values()].map(tiesMarks);
  const mean = (name: keyof TiesMarks) => {
    const known = marks.flatMap((mark) => mark[name] ?? []);
    return known.reduce((sum, value) => sum + value, 0) / known.length;
  };
  const marginScore = mean("marginScore");
  if (Number.isNaN(marginScore)) return null;
  const means = {
    referenceAccuracy: mean("reference"),
    tiedAccuracy: mean("tied"),
    spreadBelowMargin: mean("spreadBelowMargin"),
    spreadBelowBothMargins: mean("spreadBelowBothMargins"),
    marginScore,
  };
  return { ...means, score: tiesFromMeans(means) };
}

/** The score of the means over prompts. */
export function tiesFromMeans(means: Omit<TiesScore, "score">): number {
  return 0.3 * means.tiedAccuracy + 0.3 * means.referenceAccuracy +
    0.2 * means.spreadBelowMargin + 0.2 * means.spreadBelowBothMargins +
    0.01 * means.marginScore;
}

/** What one prompt says about each of the terms; a term that its rows can't tell is not there. */
export interface TiesMarks {
  /** 1 where the one right answer scores above every wrong one, else 0. */
  readonly reference?: number | undefined;
  /** The same of several right answers. */
  readonly tied?: number | undefined;
  /** 1 where the right answers differ by less than the worst of them is above the wrong ones. */
  readonly spreadBelowMargin?: number | undefined;
  /** The same, with the smaller of the margins of both counterparts. */
  readonly spreadBelowBothMargins?: number | undefined;
  /** tanh(smaller margin / spread − 1). */
  readonly marginScore?: number | undefined;
}

/**
 * The marks of one prompt's rows.
 *
 * @throws {AssayError} `evaluation/bad-row`.
 */
export function tiesMarks(rows: readonly TiesRow[]): TiesMarks {
  const answers = { ref: emptyAnswers(), tied: emptyAnswers() };
  for (const row of rows) addAnswers(answers, row);
  const { ref, tied } = answers;
  const reference = ref.right.length === 0 ? undefined : marginOf(ref);
  const margin = tied.right.length === 0 ? undefined : marginOf(tied);
  const single = {
    reference: reference === undefined ? undefined : Number(reference > 0),
    tied: margin === undefined ? undefined : Number(margin > 0),
  };
  if (reference === undefined || margin === undefined) return single;
  const spread = Math.max(...tied.right) - Math.min(...tied.right);
  const smaller = Math.min(margin, reference);
  const term = Math.tanh(smaller / spread - 1);
  return {
    ...single,
    spreadBelowMargin: Number(margin > spread),
    spreadBelowBothMargins: Number(smaller > spread),
    marginScore: Number.isNaN(term) ? 0 : term,
  };
}

function emptyAnswers(): Answers {
  return { right: [], wrong: [] };
}

/**
 * A prompt's number in the id of one of its rows.
 *
 * @throws {AssayError} `evaluation/bad-row` for another id.
 */
export function tiesPrompt(id: unknown): string {
  if (isTiesId(id)) return idPattern.exec(id)![2]!.replace(/^0+(?=\d)/, "");
  throw new AssayError(
    "evaluation/bad-row",
    `Cannot evaluate the row of the subset Ties: expected an id ref:N or tied:N, found ${
      typeof id === "string" ? JSON.stringify(id.slice(0, 60)) : String(id)
    }`,
  );
}

function addAnswers(
  answers: Readonly<Record<"ref" | "tied", Answers>>,
  { id, scores, correct }: TiesRow,
): void {
  checkCandidates(scores, correct);
  const { right, wrong } = answers[id.startsWith("ref") ? "ref" : "tied"];
  right.push(...scores.slice(0, correct));
  wrong.push(...scores.slice(correct));
}

/** How far the worst right answer is above the best wrong one. */
function marginOf({ right, wrong }: Answers): number {
  return Math.min(...right) - Math.max(...wrong);
}
