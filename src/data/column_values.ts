import { badColumn, listOfText } from "./message_columns.ts";
import { kindOfValue, type Row } from "./rows.ts";
import { valueOfText } from "./serialized_text.ts";
import { ownValue } from "../own_value.ts";

/**
 * The number in a column, whether it is written as a number (JSON, Parquet), as text (CSV) or as a list
 * of that one number (a head's output of one row). NaN and infinities come out as such: what they mean
 * is the caller's to say.
 *
 * @param row One row.
 * @param column The column's name.
 * @returns The number, or `undefined` where the column is absent, `null` or blank.
 * @throws {AssayError} `data/bad-row` where the column holds something else.
 */
export function numberInColumn(row: Row, column: string): number | undefined {
  const value = onlyItem(ownValue(row, column));
  if (value === undefined || value === null) return undefined;
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number(value);
  if (typeof value === "string") {
    const text = value.trim();
    if (text === "") return undefined;
    const number = numberOfText(text);
    if (number !== undefined) return number;
    const list = text.startsWith("[") ? valueOfText(text)?.value : undefined;
    if (list !== undefined && onlyItem(list) !== list) {
      return numberInColumn({ [column]: onlyItem(list) }, column);
    }
    throw badColumn(
      column,
      `expected a number, found the text ${JSON.stringify(text.slice(0, 40))}`,
    );
  }
  throw badColumn(column, `expected a number, found ${kindOfValue(value)}`);
}

/**
 * The list of numbers in a column (`scores` of a best-of-N row), or JSON text of one (a CSV cell). An
 * item that is `null` is `undefined` in the list.
 *
 * @returns The numbers, or `undefined` where the column is absent or `null`.
 * @throws {AssayError} `data/bad-row` where the column holds something else.
 */
export function numbersInColumn(row: Row, column: string): (number | undefined)[] | undefined {
  let value = ownValue(row, column);
  if (value === undefined || value === null || value === "") return undefined;
  if (typeof value === "string") value = listOfText(column, value);
  if (!Array.isArray(value)) {
    throw badColumn(column, `expected a list of numbers, found ${kindOfValue(value)}`);
  }
  return value.map((item, index) =>
    numberInColumn({ [`${column}[${index}]`]: item }, `${column}[${index}]`)
  );
}

/** What a list of one item holds, at any depth; anything else as it is. */
function onlyItem(value: unknown): unknown {
  let item = value;
  while (Array.isArray(item) && item.length === 1) item = item[0];
  return Array.isArray(item) ? value : item;
}

/** Numbers as JSON, Python, R and Excel write them; nothing else that JavaScript would accept. */
function numberOfText(text: string): number | undefined {
  if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) return Number(text);
  if (/^[+-]?nan$/i.test(text)) return NaN;
  const infinity = /^([+-]?)inf(inity)?$/i.exec(text);
  return infinity === null ? undefined : infinity[1] === "-" ? -Infinity : Infinity;
}
