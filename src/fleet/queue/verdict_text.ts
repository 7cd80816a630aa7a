/**
 * Results of a job as text: a line of JSON for what all its verdicts share, then a line for each row. Two
 * workers that give the same verdicts write the same bytes.
 *
 * @module
 */
import { stepScores } from "../../heads/step_scores.ts";
import { AssayError } from "../../error.ts";
import type { KernelsName } from "../../ops/backend.ts";
import type { Verdict } from "../../scoring/verdict.ts";

/** What became of one row: its verdicts, or why there are none, beside what the row itself tells. */
export type RowResult = readonly Verdict[] | AssayError;

/** What became of a job. */
export type JobResult =
  /** A worker scored it; `by` is the digest of that worker's identity. */
  | { readonly kind: "rows"; readonly by: string; readonly rows: readonly RowResult[] }
  /** It ended every worker that tried it, and was divided: the parts are jobs of their own. */
  | { readonly kind: "divided"; readonly parts: readonly (readonly [from: number, to: number])[] };

/** A verdict without what it shares with the others, and without what is not there. */
interface ToldVerdict {
  /** Score; "-0" where it is that. */
  s: number | "-0" | null;
  /** Its standard deviation. */
  d?: number;
  /** Tokens. */
  t: number;
  /** Whether it was cut. */
  c?: true;
  /** Parts. */
  p?: Verdict["parts"];
  e?: { code: string; message: string };
}

interface Head {
  readonly by: string;
  readonly kernels?: KernelsName;
  readonly precision?: "f16";
  readonly weights?: Verdict["weights"];
}

/**
 * The text of a job's result.
 *
 * @param result What became of it.
 * @param explain Whether all parts of judgements are wanted; step scores always are.
 */
export function resultText(result: JobResult, explain: boolean): string {
  if (result.kind === "divided") return JSON.stringify({ divided: result.parts });
  const first = result.rows.flatMap((row) => row instanceof AssayError ? [] : row)[0];
  const head: Head = {
    by: result.by,
    ...(first && { kernels: first.kernels }),
    ...(first?.precision && { precision: first.precision }),
    ...(first?.weights && { weights: first.weights }),
  };
  const lines = result.rows.map((row) =>
    row instanceof AssayError
      ? JSON.stringify(row.toJSON())
      : JSON.stringify(row.map((verdict) => told(verdict, explain)))
  );
  return [JSON.stringify(head), ...lines].join("\n");
}

/** The result in its text. */
export function readResultText(text: string): JobResult {
  const [first, ...lines] = text.split("\n");
  const head = JSON.parse(first!) as Head | { divided: [number, number][] };
  if ("divided" in head) return { kind: "divided", parts: head.divided };
  const rows = lines.map((line): RowResult => {
    const row = JSON.parse(line) as ToldVerdict[] | { code: string; message: string };
    return Array.isArray(row)
      ? row.map((verdict) => verdictOfTold(verdict, head))
      : new AssayError(row.code, row.message);
  });
  return { kind: "rows", by: head.by, rows };
}

function told(verdict: Verdict, explain: boolean): ToldVerdict {
  const { score, scoreStd, tokens, truncated, error } = verdict;
  const parts = Object.entries(verdict.parts).filter(([part]) => explain || part === stepScores);
  return {
    s: Object.is(score, -0) ? "-0" : score,
    ...(scoreStd !== null && { d: scoreStd }),
    t: tokens,
    ...(truncated && { c: true as const }),
    ...(parts.length > 0 && { p: Object.fromEntries(parts.map(withZeros)) }),
    ...(error !== null && { e: { code: error.code, message: error.message } }),
  };
}

/** JSON has no negative zero: it stands there as text. */
function withZeros([part, numbers]: [string, unknown]): [string, Verdict["parts"][string]] {
  const text = (value: unknown) => Object.is(value, -0) ? "-0" : value;
  const written = Array.isArray(numbers)
    ? numbers.map(text)
    : Object.fromEntries(Object.entries(numbers as object).map(([name, n]) => [name, text(n)]));
  return [part, written as Verdict["parts"][string]];
}

function numbersOf([part, numbers]: [string, unknown]): [string, Verdict["parts"][string]] {
  const read = Array.isArray(numbers)
    ? numbers.map(Number)
    : Object.fromEntries(Object.entries(numbers as object).map(([name, n]) => [name, Number(n)]));
  return [part, read];
}

function verdictOfTold(told: ToldVerdict, head: Head): Verdict {
  return {
    score: told.s === null ? null : Number(told.s),
    scoreStd: told.d ?? null,
    parts: Object.fromEntries(Object.entries(told.p ?? {}).map(numbersOf)),
    rewards: null,
    coefficients: null,
    gating: null,
    kernels: head.kernels ?? "cpu",
    ...(head.precision && { precision: head.precision }),
    ...(head.weights && { weights: head.weights }),
    tokens: told.t,
    truncated: told.c ?? false,
    error: told.e === undefined ? null : new AssayError(told.e.code, told.e.message),
  };
}
