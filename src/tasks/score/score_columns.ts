import type { RowConversations } from "../../data/row_conversations.ts";
import type { Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { stepScores } from "../../heads/step_scores.ts";
import { marginStd, type Verdict } from "../../scoring/verdict.ts";
import type { ExplainedVerdict } from "./token_explanation.ts";

type RowKind = RowConversations["kind"];

/** What is told of every conversation. */
const parts = [
  "score",
  "score_std",
  "tokens",
  "rewards",
  "coefficients",
  "gating",
  "labels",
  "quantiles",
  "spread",
  "token_rewards",
  "empty_score",
  stepScores,
] as const;

/** The columns of each shape: what stood there in the input is replaced, or removed where it no longer applies. */
const ownColumns: Readonly<Record<RowKind, readonly string[]>> = {
  single: [...parts, "kernels", "precision", "scored_by", "truncated", "error"],
  pair: [
    ...parts.flatMap((part) => [`chosen_${part}`, `rejected_${part}`]),
    "margin",
    "margin_std",
    "kernels",
    "precision",
    "scored_by",
    "truncated",
    "error",
  ],
  best_of_n: [
    "scores",
    "best",
    ...parts.slice(1),
    "kernels",
    "precision",
    "scored_by",
    "truncated",
    "error",
  ],
};

const columnsOfAnyKind: ReadonlySet<string> = new Set(Object.values(ownColumns).flat());

/** Whether a column is one that scoring writes, in a row of some shape. */
export function isScoreColumn(column: string): boolean {
  return columnsOfAnyKind.has(column);
}

/** What stands in `weights` of scored rows. */
const quantized: ReadonlySet<unknown> = new Set(["int8", "int4"]);

/** Whether and how to explain scores. */
export interface ScoreColumnsOptions {
  /**
   * Adds the parts of the head's judgements: rewards, coefficients and gating of heads that have
   * objectives, implicit token rewards, whatever another head tells; and the kernels that computed.
   * `"tokens"` adds what each token adds, as verdicts of {@linkcode explainTokens} tell it.
   */
  readonly explain?: boolean | "tokens" | undefined;
  /** Name and commit of the hub's model that scores, for the column `scored_by`. */
  readonly hubName?: string | undefined;
}

/**
 * The output row of a scored row: the input's columns, then what the verdicts say, by the row's shape
 * (lists are in the order of the candidates):
 *
 * | shape | always | with `explain`, the head's parts, of one with objectives |
 * |---|---|---|
 * | one conversation | `score`, `tokens` | `rewards`, `coefficients`, `gating` |
 * | pair | `chosen_score`, `rejected_score`, `margin`, `chosen_tokens`, `rejected_tokens` | `chosen_rewards`, `rejected_rewards`, and so on |
 * | best of N | `scores`, `best` (from 0, the first of equals), `tokens` | lists `rewards`, `coefficients`, `gating` |
 *
 * Where the head tells how certain it is, there is also `score_std`, `chosen_score_std` and
 * `rejected_score_std`, or a list `score_std`: the standard deviation of each score. Of a process reward
 * model there is `step_scores` (a pair: `chosen_step_scores`, `rejected_step_scores`), the list of its
 * steps' scores.
 *
 * Where a model of the hub scores, `scored_by` names it with its commit.
 *
 * With `explain`, `kernels` names in any shape what computed the scores, since two kernel sets
 * may differ in the last bits. `precision: "f16"` stands where products were not of f32, `weights` says
 * `int8` or `int4` where the model's weights were quantized, `truncated: true` and
 * `error: {code, message}` stand in any shape, where
 * they apply. Where a conversation failed its score is `null`, and so is the margin; `best` is then
 * among the others.
 *
 * With `explain: "tokens"` there are `token_rewards`, a list of `{text, start, end, reward}` for each
 * response (a pair: `chosen_token_rewards`, `rejected_token_rewards`), and `empty_score`, which the rewards
 * are added to, but of implicit rewards. Where that can't be told the row has an `error`, and its scores.
 *
 * @param row The input row.
 * @param kind Its shape.
 * @param verdicts One for every conversation of the row, in order.
 * @param options Whether to explain.
 */
export function scoredRow(
  row: Row,
  kind: RowKind,
  verdicts: readonly ExplainedVerdict[],
  options: ScoreColumnsOptions = {},
): Row {
  const checked = verdicts.map(withFiniteScore);
  const output: Row = { ...row };
  for (const column of ownColumns[kind]) delete output[column];
  if (quantized.has(output.weights)) delete output.weights; // an earlier run's; a column of the user's stays
  Object.assign(output, scoreColumns(kind, checked), partColumns(kind, checked, [stepScores]));
  if (options.explain === "tokens") Object.assign(output, tokenColumns(kind, checked));
  else if (options.explain) Object.assign(output, explainColumns(kind, checked));
  const precision = checked.find((verdict) => verdict.precision !== undefined)?.precision;
  if (precision !== undefined) output.precision = precision;
  const weights = checked.find(({ weights }) => weights !== undefined)?.weights;
  if (weights !== undefined) output.weights = weights;
  if (options.hubName !== undefined) output.scored_by = options.hubName;
  if (checked.some(({ truncated }) => truncated)) output.truncated = true;
  const errors = checked.map(errorOfVerdict);
  const failed = errors.findIndex((error) => error !== null);
  if (failed !== -1) output.error = errorOf(kind, failed, errors[failed]!);
  return output;
}

/** Why there is no score, or no explanation where one was asked for. */
function errorOfVerdict({ error, explanation }: ExplainedVerdict): AssayError | null {
  return error ?? (explanation instanceof AssayError ? explanation : null);
}

/** What an earlier run may have left, and must not be taken for this run's. */
const scoresOfAnyShape = ["score", "chosen_score", "rejected_score", "scores", "best", "truncated"];

/** The output row of an input row that could not be scored at all. */
export function failedRow(row: Row, error: AssayError): Row {
  const output: Row = { ...row };
  for (const column of scoresOfAnyShape) delete output[column];
  output.error = error.toJSON();
  return output;
}

/** NaN and infinities never reach the output, whatever a head gives. */
function withFiniteScore(verdict: ExplainedVerdict): ExplainedVerdict {
  if (verdict.score === null || Number.isFinite(verdict.score)) return verdict;
  const error = verdict.error ?? new AssayError(
    "scoring/not-finite",
    `Cannot use the score: expected a finite number, found ${verdict.score}`,
  );
  return { ...verdict, score: null, error };
}

function scoreColumns(kind: RowKind, verdicts: readonly Verdict[]): Row {
  const scores = verdicts.map(({ score }) => score);
  const tokens = verdicts.map(({ tokens }) => tokens);
  const deviations = verdicts.map(({ scoreStd }) => scoreStd);
  const hasDeviations = deviations.some((deviation) => deviation !== null);
  if (kind === "single") {
    return {
      score: scores[0],
      ...(hasDeviations && { score_std: deviations[0] }),
      tokens: tokens[0],
    };
  }
  if (kind === "best_of_n") {
    const spread = hasDeviations ? { score_std: deviations } : {};
    return { scores, best: indexOfBest(scores), ...spread, tokens };
  }
  const [chosen, rejected] = scores as [number | null, number | null];
  const marginDeviation = marginStd(verdicts[0]!, verdicts[1]!);
  return {
    chosen_score: chosen,
    rejected_score: rejected,
    margin: chosen === null || rejected === null ? null : chosen - rejected,
    ...(hasDeviations && { chosen_score_std: deviations[0], rejected_score_std: deviations[1] }),
    ...(marginDeviation !== null && { margin_std: marginDeviation }),
    chosen_tokens: tokens[0],
    rejected_tokens: tokens[1],
  };
}

/** The first of the highest scores; `null` where no candidate has one. */
function indexOfBest(scores: readonly (number | null)[]): number | null {
  let best: number | null = null;
  scores.forEach((score, index) => {
    if (score !== null && (best === null || score > scores[best]!)) best = index;
  });
  return best;
}

function explainColumns(kind: RowKind, verdicts: readonly Verdict[]): Row {
  const parts = new Set(verdicts.flatMap(({ parts }) => Object.keys(parts)));
  return { kernels: verdicts[0]!.kernels, ...partColumns(kind, verdicts, [...parts]) };
}

function tokenColumns(kind: RowKind, verdicts: readonly ExplainedVerdict[]): Row {
  const explanations = verdicts.map(({ explanation }) =>
    explanation instanceof AssayError ? undefined : explanation
  );
  return {
    kernels: verdicts[0]!.kernels,
    ...columnsOf(kind, "token_rewards", explanations.map((one) => one?.rewards ?? null)),
    ...columnsOf(kind, "empty_score", explanations.map((one) => one?.emptyScore ?? null)),
  };
}

/** The columns of parts that any of the verdicts has. */
function partColumns(kind: RowKind, verdicts: readonly Verdict[], names: readonly string[]): Row {
  return Object.assign(
    {},
    ...names.map((part) => columnsOf(kind, part, verdicts.map(({ parts }) => parts[part] ?? null))),
  );
}

/** The columns of what is told of each conversation; none where it is told of none. */
function columnsOf(kind: RowKind, name: string, values: readonly unknown[]): Row {
  if (values.every((value) => value === null)) return {};
  if (kind === "single") return { [name]: values[0] };
  if (kind === "best_of_n") return { [name]: values };
  return { [`chosen_${name}`]: values[0], [`rejected_${name}`]: values[1] };
}

function errorOf(
  kind: RowKind,
  index: number,
  error: AssayError,
): { code: string; message: string } {
  const { code, message } = error;
  if (kind === "single") return { code, message };
  const which = kind === "pair" ? ["chosen", "rejected"][index] : `response ${index + 1}`;
  return { code, message: `${which}: ${message}` };
}
