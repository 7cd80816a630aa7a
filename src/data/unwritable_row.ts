import { AssayError } from "../error.ts";
import { stringifyJson } from "./json_text.ts";
import type { Row } from "./rows.ts";

/** One row as one line of JSON, and why some of it had to be left out. */
export interface WrittenRow {
  /** The row that the text holds. */
  readonly row: Row;
  /** The JSON. */
  readonly text: string;
  /** Why it is not the row that was to be written; `undefined` where it is. */
  readonly error: AssayError | undefined;
}

/**
 * A row as JSON. Values that JSON can't hold (nested too deep, too long, turning in circles) never
 * end a run: the row comes out without them, and with an `error` that names them.
 *
 * @param row The row.
 * @param problem Why it can't be written as it is, where that is known already.
 */
export function writtenRow(row: Row, problem?: unknown): WrittenRow {
  if (problem === undefined) {
    try {
      const text = stringifyJson(row);
      if (typeof text === "string") return { row, text, error: undefined };
    } catch (cause) {
      problem = cause;
    }
  }
  const lost: string[] = [];
  const entries = Object.entries(row).filter(([column, value]) => {
    if (isWritable(value)) return true;
    lost.push(column);
    return false;
  });
  const error = unwritable(lost, problem);
  const columns = entries.filter(([column]) => column !== "error");
  const rest: Row = Object.fromEntries([...columns, ["error", error.toJSON()]]);
  try {
    return { row: rest, text: stringifyJson(rest), error };
  } catch {
    const alone: Row = { error: error.toJSON() }; // each value fits, all of them together don't
    return { row: alone, text: stringifyJson(alone), error };
  }
}

function isWritable(value: unknown): boolean {
  try {
    stringifyJson(value);
    return true;
  } catch {
    return false;
  }
}

function unwritable(columns: readonly string[], cause: unknown): AssayError {
  const [reason] = (cause instanceof Error ? cause.message : String(cause)).split("\n");
  const names = columns.slice(0, 5).map((column) => JSON.stringify(column.slice(0, 60)));
  const more = columns.length > names.length ? `, and ${columns.length - names.length} more` : "";
  const where = columns.length === 0 ? "the row" : `the columns ${names.join(", ")}${more}`;
  return new AssayError(
    "data/unwritable-row",
    `Cannot write ${where}: expected values that the output can hold, found others ` +
      `(${reason}); they are left out`,
    { cause },
  );
}
