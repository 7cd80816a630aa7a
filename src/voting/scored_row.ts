import { AssayError } from "../error.ts";

/** The scores of one row by one voter; NaN where the voter has none. */
export type ScoredRow =
  | { readonly kind: "pair"; readonly chosen: number; readonly rejected: number }
  | { readonly kind: "single"; readonly score: number }
  | { readonly kind: "best_of_n"; readonly scores: readonly number[] };

/**
 * Reads a voter's scores from the columns that `score` writes: `chosen_score` and `rejected_score` of
 * a pair, `scores` (or SimPO's `all_rm_scores`) of best of N, `score` of a single row. Null, text that
 * is no number, NaN and infinities are scores that the voter lacks.
 *
 * @param row A row of a score file of any tool; numbers may be text, as in CSV.
 * @param name What the columns call a score: with `calibrated_score`, as `calibrate` writes, they are
 * `chosen_calibrated_score`, `rejected_calibrated_score`, `calibrated_scores`, `calibrated_score`.
 * @returns The scores.
 * @throws {AssayError} `voting/no-scores` where the row has none of the columns.
 *
 * @example
 * ```ts
 * import { scoredRow } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(scoredRow({ id: 7, chosen_score: 1.5, rejected_score: null }), {
 *   kind: "pair",
 *   chosen: 1.5,
 *   rejected: NaN,
 * });
 * ```
 */
export function scoredRow(row: Readonly<Record<string, unknown>>, name = "score"): ScoredRow {
  const [chosen, rejected, many] = [`chosen_${name}`, `rejected_${name}`, `${name}s`];
  // CSV and Parquet have every row's columns in every row: where one of them is filled, empty ones are
  // another shape's.
  const isFilled = (column: string) =>
    Object.hasOwn(row, column) && row[column] !== null && row[column] !== "";
  const isOther = !isFilled(chosen) && !isFilled(rejected) && (isFilled(many) || isFilled(name));
  if (!isOther && Object.hasOwn(row, chosen) && Object.hasOwn(row, rejected)) {
    return { kind: "pair", chosen: readNumber(row[chosen]), rejected: readNumber(row[rejected]) };
  }
  const list = readList(row[many] ?? (name === "score" ? row.all_rm_scores : undefined));
  if (list !== undefined) return { kind: "best_of_n", scores: list.map(readNumber) };
  if (Object.hasOwn(row, name)) return { kind: "single", score: readNumber(row[name]) };
  throw new AssayError(
    "voting/no-scores",
    `Cannot read a voter's scores: expected the columns ${chosen} and ${rejected}, ${many}, or ` +
      `${name}, found ${Object.keys(row).slice(0, 20).join(", ") || "an empty row"}`,
  );
}

/**
 * A score as written in a row.
 *
 * @param value A number, text that spells one, or a list of one of these (a head's output of one row).
 * @returns The number; NaN for everything that is not a finite number.
 */
export function readNumber(value: unknown): number {
  const only = onlyItem(value);
  const isText = typeof only === "string" && only.trim() !== "";
  const number = isText || typeof only === "bigint" ? Number(only) : only;
  return typeof number === "number" && Number.isFinite(number) ? number : NaN;
}

/** What a list of one item holds, at any depth, or the text of such a list; anything else as it is. */
function onlyItem(value: unknown): unknown {
  let item = readList(value) ?? value;
  while (Array.isArray(item) && item.length === 1) item = item[0];
  return Array.isArray(item) ? value : item;
}

/** A list, or the text of one, as CSV has it. */
function readList(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (typeof value !== "string" || !value.trimStart().startsWith("[")) return undefined;
  try {
    const parsed: unknown = JSON.parse(value);
    return Array.isArray(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
