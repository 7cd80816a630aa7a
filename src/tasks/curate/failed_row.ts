import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { makeWay, withOriginalNames } from "../../voting/curated_row.ts";

/** Columns that tell why a row is left out, and what would make it look like a curated one. */
const names: readonly string[] = ["error", "source_row", "action"];
/** Holds a row whose own columns leave no other way to keep them apart from those. */
const wholeRow = "original_row";
/** The columns of a line that was no row. */
const unreadable: readonly string[] = ["line", "error", "source_row"];

/**
 * A row that can't be curated, for the file of dropped rows: its own columns, and `error` and
 * `source_row`. Its own columns of those names stay as `original_error` and so on; where it has such
 * a column too, the whole row stands in `original_row`.
 *
 * @param item The row, or why its line was none.
 * @param reason Why it can't be curated.
 * @param source Its place in the input, from 0.
 */
export function failedRow({ row, line }: ReadRow, reason: AssayError, source: number): Row {
  const told = { error: reason.toJSON(), source_row: source };
  if (row === undefined) return { line, ...told };
  const isTaken = [wholeRow, ...names.map((name) => `original_${name}`)]
    .some((name) => Object.hasOwn(row, name));
  return isTaken ? { ...told, [wholeRow]: row } : { ...makeWay(row, names), ...told };
}

/** Whether a row was left out, by its columns. */
export function isFailedRow(row: Row): boolean {
  return (row.action ?? null) === null && (row.error ?? null) !== null;
}

/**
 * The row that {@linkcode failedRow} was given.
 *
 * @throws {AssayError} `voting/not-a-row` for a line that was no row: its text was not kept.
 */
export function undoFailedRow(row: Row): Row {
  const whole = row[wholeRow] ?? undefined;
  if (whole !== undefined) return whole as Row;
  const { code } = row.error as { code?: unknown };
  if (code === "data/bad-row" && Object.keys(row).every((name) => unreadable.includes(name))) {
    throw new AssayError(
      "voting/not-a-row",
      `Cannot give back line ${row.line} of the input that was curated: expected a row, found that ` +
        "it was none, and its text was not kept; take it from that input",
    );
  }
  const { error: _, source_row: __, ...rest } = row;
  return withOriginalNames(rest, names);
}
