import { checkOptions, oneOf } from "../check_options.ts";
import type { AssayError } from "../error.ts";

/** One row of a data set: column name → value, as JSON has them (whole numbers beyond 2⁵³ as `bigint`). */
export type Row = Record<string, unknown>;

/** One item of an input: a row, or the reason why its line could not be read. */
export interface ReadRow {
  /** Where the row stands: the line of a JSON Lines or CSV file, the row of a Parquet or Arrow file, from 1. */
  readonly line: number;
  /** The row; `undefined` where `error` is set. */
  readonly row: Row | undefined;
  /** Why the line is no row (`data/bad-row`); `undefined` for a row. */
  readonly error: AssayError | undefined;
}

/** The file formats that rows are read from and written to. */
export type RowFormat = "jsonl" | "csv" | "parquet" | "arrow";

/** All of them. */
export const rowFormats: readonly RowFormat[] = ["jsonl", "csv", "parquet", "arrow"];

/**
 * Makes sure that a format that was named is one.
 *
 * @throws {AssayError} `data/bad-option`.
 */
export function checkFormat(format: unknown): void {
  const kinds = { format: oneOf(...rowFormats) };
  checkOptions("data/bad-option", "read or write rows", { format }, kinds);
}

/** The format that a file's name tells, whether it is packed or not; `undefined` where it tells none. */
export function formatOfName(name: string): RowFormat | undefined {
  switch (extensionOf(name)) {
    case "jsonl":
    case "ndjson":
    case "json":
      return "jsonl";
    case "csv":
    case "tsv":
    case "tab":
      return "csv";
    case "parquet":
      return "parquet";
    case "arrow":
    case "arrows":
    case "feather":
    case "ipc":
      return "arrow";
    default:
      return undefined;
  }
}

/** What stands between the fields of a file of that name: a tab in `.tsv`, else a comma. */
export function delimiterOfName(name: string): string {
  const extension = extensionOf(name);
  return extension === "tsv" || extension === "tab" ? "\t" : ",";
}

function extensionOf(name: string): string | undefined {
  return /\.([a-z0-9]+)(?:\.(?:gz|zst|zstd))?$/i.exec(name)?.[1]?.toLowerCase();
}

/** What a value is, in the words of error messages: `a string`, `a list`, `nothing`, … */
export function kindOfValue(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : "a list";
  if (typeof value === "object") return "an object";
  return `a ${typeof value === "bigint" ? "number" : typeof value}`;
}
