/**
 * Rows as a job carries them: a line of JSON each, which reads back as exactly the row that was read of
 * the input, so that what is written of it later has the same bytes.
 *
 * @module
 */
import { parseJson, rawDigits } from "../../data/json_text.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";

/** The key of what stands in for a value that JSON lacks. No column of JSON text is called so by chance. */
const mark = "\u0000";

/** Levels of lists and objects at most; what lies deeper could not be written either. */
const mostLevels = 1000;

/** `[line, row]`, `[line, row, "exact"]` with stand-ins in it, or `[line, null, {code, message}]`. */
type Told = [line: number, row: Row | null, more?: "exact" | { code: string; message: string }];

/** One item of an input as a line of text, without its line end. */
export function rowText({ line, row, error }: ReadRow): string {
  if (row === undefined) return JSON.stringify([line, null, error!.toJSON()]);
  try {
    return isPlain(row, 0)
      ? JSON.stringify([line, row])
      : JSON.stringify(rawDigits([line, standIn(row), "exact"]));
  } catch (cause) {
    const unwritable = new AssayError(
      "data/unwritable-row",
      `Row ${line}: expected values that a job can carry, found others (${
        (cause as Error).message
      })`,
      { cause },
    );
    return JSON.stringify([line, null, unwritable.toJSON()]);
  }
}

/** The item of an input in a line of text. */
export function readRowText(text: string): ReadRow {
  const [line, row, more] = parseJson(text) as Told;
  if (row === null) {
    const { code, message } = more as { code: string; message: string };
    return { line, row: undefined, error: new AssayError(code, message) };
  }
  return { line, row: more === "exact" ? original(row) as Row : row, error: undefined };
}

/** Whether JSON holds it as it is. */
function isPlain(value: unknown, level: number): boolean {
  switch (typeof value) {
    case "string":
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(value) && !Object.is(value, -0);
    case "object":
      break;
    default:
      return false; // bigint, undefined
  }
  if (value === null) return true;
  if (level > mostLevels) throw new RangeError(`more than ${mostLevels} levels`);
  if (Array.isArray(value)) return value.every((item) => isPlain(item, level + 1));
  for (const key of Object.keys(value)) {
    if (key === mark || !isPlain((value as Row)[key], level + 1)) return false;
  }
  return true;
}

function standIn(value: unknown): unknown {
  if (value === undefined) return { [mark]: "undefined" };
  if (typeof value === "number" && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { [mark]: Object.is(value, -0) ? "-0" : String(value) };
  }
  // It would be read as a double, had it not been told what it was.
  if (typeof value === "bigint" && Number.isSafeInteger(Number(value))) {
    return { [mark]: "bigint", value: String(value) };
  }
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(standIn);
  const copy = Object.fromEntries(Object.entries(value).map(([key, item]) => [key, standIn(item)]));
  return Object.hasOwn(value, mark) ? { [mark]: "object", value: Object.entries(copy) } : copy;
}

function original(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(original);
  const told = Object.hasOwn(value, mark) ? (value as Row)[mark] : undefined;
  if (told === undefined) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, original(item)]));
  }
  const inner = (value as Row).value;
  if (told === "undefined") return undefined;
  if (told === "bigint") return BigInt(inner as string);
  if (told === "object") return Object.fromEntries(original(inner) as [string, unknown][]);
  return Number(told);
}
