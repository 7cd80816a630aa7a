import { AssayError } from "../error.ts";
import { readJsonArray } from "./read_json_array.ts";
import { readJsonLines } from "./read_json_lines.ts";
import type { ReadRow } from "./rows.ts";

/** Bytes that are looked at, at most, to tell how a file is laid out. */
const mostHead = 1024 * 1024;

/**
 * Reads rows from JSON Lines, or from one JSON list of objects, as its beginning tells.
 *
 * @param name What error messages call the file.
 * @param chunks The bytes of the file, without a byte-order mark.
 * @throws {AssayError} `data/json-layout` for an object over many lines or one that holds a table by
 *   its columns, `data/line-ends` for lines that end with CR alone.
 */
export async function* readJsonText(
  name: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly ReadRow[]> {
  const input = chunks[Symbol.asyncIterator]();
  let head: Uint8Array = new Uint8Array(0);
  let layout: Layout | undefined;
  try {
    for (let isEnd = false; layout === undefined;) {
      const next = await input.next();
      isEnd = next.done === true;
      if (!isEnd) head = joined(head, next.value!);
      layout = layoutOf(head, isEnd || head.length >= mostHead);
    }
    if (layout === "object") throw manyLines(name);
    if (layout === "cr") throw lineEnds(name);
    const whole = prepend(head, input);
    if (layout === "list") yield* readJsonArray(name, whole);
    else yield* checkedRows(name, readJsonLines(whole));
  } finally {
    await input.return?.();
  }
}

/** JSON Lines; one list; an object over many lines; lines that end with CR. */
type Layout = "lines" | "list" | "object" | "cr";

/** What the first bytes tell; `undefined` where more are needed to tell. */
function layoutOf(head: Uint8Array, isEnd: boolean): Layout | undefined {
  const text = new TextDecoder().decode(head).trimStart();
  const end = text.indexOf("\n");
  if (end === -1 && !isEnd) return undefined;
  const line = end === -1 ? text : text.slice(0, end);
  const rest = end === -1 ? "" : text.slice(end).trimStart();
  if (/[}\]]\s*\r\s*[{[]/.test(line)) return "cr";
  if (line.startsWith("[")) {
    if (!isJson(line)) return "list";
    // A list on a line of its own: the whole file, or the first of many lines that are no rows.
    return rest !== "" ? "lines" : isEnd ? "list" : undefined;
  }
  if (!line.startsWith("{") || isJson(line)) return "lines";
  const last = line.trimEnd().at(-1)!;
  if (!"{[,:".includes(last)) return "lines";
  if (rest === "" && !isEnd) return undefined;
  const goesOn = last === "{" || last === "," ? /^["}]/.test(rest) : rest !== "";
  return goesOn ? "object" : "lines";
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** The rows, the first of which must not be a whole table. */
async function* checkedRows(
  name: string,
  batches: AsyncIterable<readonly ReadRow[]>,
): AsyncGenerator<readonly ReadRow[]> {
  let isFirst = true;
  for await (const rows of batches) {
    const first = isFirst ? rows[0] : undefined;
    if (rows.length > 0) isFirst = false;
    const table = first?.row === undefined ? undefined : tableOf(first.row);
    if (table !== undefined) {
      throw new AssayError(
        "data/json-layout",
        `Cannot read ${name}: expected one row on each line, found a table ${table} in one object; ` +
          "write it with df.to_json(FILE, orient='records', lines=True)",
      );
    }
    yield rows;
  }
}

const sideColumns = ["prompt", "chosen", "rejected", "response", "completion", "score", "id"];

/** How an object holds a whole table, as pandas writes them; `undefined` for a row. */
function tableOf(row: Readonly<Record<string, unknown>>): string | undefined {
  const values = Object.values(row);
  if (values.length === 0) return undefined;
  const isPlaces = (keys: readonly string[]) =>
    keys.length > 0 && keys.every((key) => /^\d+$/.test(key));
  const isObject = (value: unknown): value is object =>
    typeof value === "object" && value !== null && !Array.isArray(value);
  if (values.every(isObject)) {
    if (values.every((value) => isPlaces(Object.keys(value)))) return "by its columns";
    if (isPlaces(Object.keys(row))) return "by its index";
  }
  if (Array.isArray(row.data) && (Array.isArray(row.columns) || isObject(row.schema))) {
    return "beside the names of its columns";
  }
  const length = Array.isArray(values[0]) ? values[0].length : -1;
  const isLists = length > 0 &&
    values.every((value) => Array.isArray(value) && value.length === length);
  const isPlain = (value: unknown) => typeof value === "string" || typeof value === "number";
  const isColumn = (name: string) => {
    const column = Object.hasOwn(row, name) ? row[name] : undefined;
    return Array.isArray(column) && column.every(isPlain);
  };
  return isLists && values.length > 1 && sideColumns.some(isColumn)
    ? "by its columns, as lists,"
    : undefined;
}

function manyLines(name: string): AssayError {
  return new AssayError(
    "data/json-layout",
    `Cannot read ${name}: expected one JSON object on each line, found one over many lines; put each ` +
      "on a line with `jq -c .`, or write a table with df.to_json(FILE, orient='records', lines=True)",
  );
}

function lineEnds(name: string): AssayError {
  return new AssayError(
    "data/line-ends",
    `Cannot read ${name}: expected lines that end with LF or CRLF, found lines that end with CR alone; ` +
      "convert it with `tr '\\r' '\\n'`",
  );
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

async function* prepend(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}
