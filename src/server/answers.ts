import { AssayError } from "../error.ts";
import { sigmoid } from "../numbers/sigmoid.ts";
import type { NamedNumbers, Verdict } from "../scoring/verdict.ts";
import { failureOf } from "./failures.ts";

/** What a score goes through before it is sent; raw unless a client asks otherwise. */
export type ScoreActivation = "none" | "sigmoid";

/** The request fields that ask for an activation, by the names that clients use. */
export interface ActivationFields {
  readonly use_activation?: boolean | null | undefined;
  readonly activation?: boolean | null | undefined;
  readonly softmax?: boolean | null | undefined;
}

/** What a request asks for; of one score both softmax and sigmoid mean the probability of a pair. */
export function activationOf(fields: ActivationFields): ScoreActivation {
  const wanted = fields.use_activation ?? fields.activation ?? fields.softmax ?? false;
  return wanted ? "sigmoid" : "none";
}

/** A score after an activation. */
export function activatedScore(score: number, activation: ScoreActivation): number {
  return activation === "none" ? score : sigmoid(score);
}

/**
 * The scores of verdicts that a protocol has no room for an error among.
 *
 * @throws {AssayError} The first verdict's error, which says of which text it is where there are several.
 */
export function scoresOrError(verdicts: readonly Verdict[]): number[] {
  return verdicts.map(({ score, error }, index) => {
    if (error === null) return score!;
    const { code, message } = error;
    if (verdicts.length === 1) throw error;
    throw new AssayError(code, `Text ${index + 1} of ${verdicts.length}: ${message}`);
  });
}

/**
 * An answer for each of several verdicts: one that has no score stands among the others with its error.
 * A request of one conversation fails as a whole instead.
 *
 * @throws {AssayError} The error of a lone verdict.
 */
export function answersOf(
  verdicts: readonly Verdict[],
  scored: (score: number, verdict: Verdict, index: number) => object,
  unscored: (index: number) => object,
): object[] {
  return verdicts.map((verdict, index) => {
    const { score, error } = verdict;
    if (error === null) return scored(score!, verdict, index);
    if (verdicts.length === 1) throw error;
    const { code, message } = failureOf(error);
    return { ...unscored(index), error: { code, message } };
  });
}

/** How many tokens were scored, as OpenAI's clients read it. */
export function usageOf(verdicts: readonly Verdict[]) {
  const tokens = verdicts.reduce((sum, { tokens }) => sum + tokens, 0);
  return { prompt_tokens: tokens, total_tokens: tokens, completion_tokens: 0 };
}

/** A class as classifiers' protocols have it: a label and its number. */
export interface ScoredClass {
  readonly label: string;
  readonly score: number;
}

/** A verdict's classes: the labels of its head, or the score alone. */
export function classesOf({ parts }: Verdict, score: number): readonly ScoredClass[] {
  const { labels } = parts;
  if (labels === undefined || Array.isArray(labels)) return [{ label: "score", score }];
  return Object.entries(labels as NamedNumbers).map(([label, score]) => ({ label, score }));
}

/** Places of scores from the highest to the lowest, equal ones in their order, those without last. */
export function ranked(scores: readonly (number | null)[]): number[] {
  return scores.map((_, index) => index).sort((a, b) =>
    (scores[b] ?? -Infinity) - (scores[a] ?? -Infinity) || a - b
  );
}
