import { AssayError } from "../error.ts";
import { setOwnValue } from "../own_value.ts";
import type { CuratedPair } from "./curation.ts";

/** A row of a preference set: its columns by name. */
export type PreferenceRow = Readonly<Record<string, unknown>>;

/** Columns that a curated row has beside its own. */
const addedColumns: readonly string[] = [
  "action",
  "flipped",
  "source_row",
  "margin",
  "label_smoothing",
  "similarity",
  "margin_cap",
  "margin_flag",
];

/** Columns whose sign says which side is ahead: a flip negates them. */
const signedColumns: readonly string[] = [
  "margin",
  "strength_mean",
  "score_margin",
  "calibrated_margin",
  "margins",
];

/** Probabilities of the chosen side: a flip takes them from 1, and keeps the old value beside. */
const probabilityColumns: readonly string[] = ["vote_share", "target_probability"];

/** What a recipe may write. A row's own column of such a name makes way, as `original_…`. */
const ownNames: readonly string[] = [
  "action",
  "flipped",
  "source_row",
  "similarity",
  "margin_cap",
  "margin_flag",
  "goal",
];

/** Before the name of a column that had to make way. */
const original = "original_";

/** The scores' own margin makes way for the margin to train for, which has TRL's column name. */
const scoreMargin = "score_margin";

/**
 * Writes what was done to a pair into its row, in TRL's preference layout (`prompt`, `chosen`,
 * `rejected`, `margin`, …; other columns stay).
 *
 * Added: `action`, `flipped`, `source_row`, and where the recipe sets them `margin` and
 * `label_smoothing`. A `margin` that `score` or `vote` wrote is renamed `score_margin`: a trainer
 * would else take it for the margin to train for. In a flipped row every pair of columns named after
 * the sides changes places (`chosen`, `rejected_score`, …), margins and `strength_mean` change sign,
 * `vote_share` and `target_probability` are taken from 1; all rows keep the latter two as measured in
 * `original_vote_share` and `original_target_probability`. A column of the row's own that has the name
 * of an added one stays as `original_…` (`original_action`).
 *
 * @param row The pair as `vote` wrote it.
 * @param curated What was done to it.
 * @param sourceRow Its place in the input, from 0.
 * @param extra Further columns of the recipe.
 * @returns A new row; {@linkcode undoCuratedRow} makes the old one of it.
 * @throws {AssayError} `voting/already-curated` where the row comes from `curate`, or where a column of
 *   its own could not be told from those that curate writes.
 */
export function curatedRow(
  row: PreferenceRow,
  curated: CuratedPair,
  sourceRow: number,
  extra: PreferenceRow = {},
): Record<string, unknown> {
  checkNotCurated(row);
  const renamed = withoutCurateNames(row);
  const flipped = curated.action === "flip";
  const result = flipped ? flipPair(renamed) : renamed;
  for (const column of probabilityColumns) {
    if (Object.hasOwn(row, column)) result[original + column] = row[column];
  }
  result.action = curated.action;
  result.flipped = flipped;
  result.source_row = sourceRow;
  if (curated.margin !== null) result.margin = curated.margin;
  if (curated.labelSmoothing !== null) result.label_smoothing = curated.labelSmoothing;
  return Object.assign(result, extra);
}

/**
 * Makes the row that {@linkcode curatedRow} was given of the row that it returned: the same columns in
 * their old order, each with the same value.
 *
 * @param row A curated row.
 * @returns The row as it was.
 * @throws {AssayError} `voting/not-curated` where the row has no `action`, `flipped` and `source_row`.
 */
export function undoCuratedRow(row: PreferenceRow): Record<string, unknown> {
  if (typeof row.flipped !== "boolean" || typeof row.source_row !== "number") {
    throw new AssayError(
      "voting/not-curated",
      "Cannot undo a curation: expected the columns action, flipped and source_row that curate " +
        "writes, found a row without them",
    );
  }
  let result: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    if (!addedColumns.includes(column)) setOwnValue(result, column, value);
  }
  if (row.flipped) result = flipPair(result);
  for (const column of probabilityColumns) {
    if (Object.hasOwn(result, original + column)) result[column] = result[original + column];
    delete result[original + column];
  }
  return withOriginalNames(renameColumn(result, scoreMargin, "margin"), ownNames);
}

function checkNotCurated(row: PreferenceRow): void {
  const has = (column: string): boolean => Object.hasOwn(row, column);
  const made = ["action", "flipped", "source_row"];
  const found = [
    ...(made.every(has) ? made : []),
    ...["label_smoothing", scoreMargin],
    ...[...ownNames, ...probabilityColumns].map((column) => original + column),
  ].filter(has);
  if (found.length > 0) {
    throw new AssayError(
      "voting/already-curated",
      `Cannot curate a row: expected none of curate's own columns, found ${found.join(", ")}; ` +
        "undo the earlier curation first (curate --undo), or rename the columns",
    );
  }
}

/**
 * A score's `margin` under the name `score_margin`, which no trainer takes for its own.
 *
 * @param row A pair as `score` or `vote` wrote it.
 * @returns A new row.
 */
export function renameScoreMargin(row: PreferenceRow): Record<string, unknown> {
  return renameColumn(row, "margin", scoreMargin);
}

/**
 * The row without the names that a recipe writes: its own columns of such names are called
 * `original_…`, in their places, and a score's `margin` is `score_margin`, which no trainer takes for
 * its own.
 *
 * @param row A pair as `score` or `vote` wrote it.
 * @returns A new row.
 */
export function withoutCurateNames(row: PreferenceRow): Record<string, unknown> {
  return makeWay(renameScoreMargin(row), ownNames);
}

/** A row whose columns of some names are called `original_…`, in their places. */
export function makeWay(row: PreferenceRow, names: readonly string[]): Record<string, unknown> {
  return renamed(row, (column) => names.includes(column) ? original + column : column);
}

/** Undoes {@linkcode makeWay}. */
export function withOriginalNames(
  row: PreferenceRow,
  names: readonly string[],
): Record<string, unknown> {
  const isMoved = (column: string): boolean =>
    column.startsWith(original) && names.includes(column.slice(original.length));
  return renamed(row, (column) => isMoved(column) ? column.slice(original.length) : column);
}

/**
 * The pair with its sides exchanged, and everything that tells which side is ahead with it: margins
 * and `strength_mean` change sign, probabilities are taken from 1, a `winner` changes.
 *
 * @param row A pair.
 * @returns A new row.
 */
export function flipPair(row: PreferenceRow): Record<string, unknown> {
  const result = swapSides(row);
  for (const column of signedColumns) {
    if (Object.hasOwn(result, column)) result[column] = negate(result[column]);
  }
  for (const column of probabilityColumns) {
    const value = result[column];
    if (typeof value === "number") result[column] = 1 - value;
    else if (isNumberText(value)) result[column] = String(1 - Number(value));
  }
  if (result.winner === "chosen") result.winner = "rejected";
  else if (result.winner === "rejected") result.winner = "chosen";
  return result;
}

/**
 * Exchanges every two columns that differ only in `chosen` and `rejected` (`chosen`, `chosen_score`,
 * `score_rejected`, …); a column that has no other half is renamed.
 *
 * @param row A pair.
 * @returns A new row with the sides exchanged and the order of the columns kept.
 *
 * @example
 * ```ts
 * import { swapSides } from "@assay/assay/voting";
 * import assert from "node:assert/strict";
 *
 * const row = { prompt: "?", chosen: "a", rejected: "b", score_chosen: 1, score_rejected: 2 };
 * assert.deepEqual(swapSides(row), {
 *   prompt: "?",
 *   chosen: "b",
 *   rejected: "a",
 *   score_chosen: 2,
 *   score_rejected: 1,
 * });
 * ```
 */
export function swapSides(row: PreferenceRow): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [column, value] of Object.entries(row)) {
    const other = otherSide(column);
    if (other === undefined) setOwnValue(result, column, value);
    else if (Object.hasOwn(row, other)) result[column] = row[other];
    else result[other] = value;
  }
  return result;
}

function otherSide(column: string): string | undefined {
  const words = column.split("_");
  const place = words.findIndex((word) => word === "chosen" || word === "rejected");
  if (place < 0) return undefined;
  return words.with(place, words[place] === "chosen" ? "rejected" : "chosen").join("_");
}

/** A number, a list of them, or the text of either, as a CSV cell has it. */
function negate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(negate);
  if (isNumberText(value)) {
    const digits = value.trim();
    return digits.startsWith("-") ? digits.slice(1) : `-${digits.replace(/^\+/, "")}`;
  }
  if (typeof value === "string" && value.trimStart().startsWith("[")) {
    try {
      return JSON.stringify(negate(JSON.parse(value)));
    } catch {
      return value;
    }
  }
  return typeof value === "number" || typeof value === "bigint" ? -value : value;
}

function isNumberText(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && Number.isFinite(Number(value));
}

function renameColumn(row: PreferenceRow, from: string, to: string): Record<string, unknown> {
  return renamed(row, (column) => column === from ? to : column);
}

function renamed(row: PreferenceRow, name: (column: string) => string): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).map(([column, value]) => [name(column), value]));
}
