import type { Row } from "./rows.ts";

/**
 * One row as one line of JSON, with the two things that plain `JSON.parse` and `JSON.stringify` lose:
 * whole numbers beyond 2⁵³ (ids, mostly) and Python's `NaN`, `Infinity` and `-Infinity`.
 */

/** The third argument of a reviver: the number as it was written (ECMAScript 2026, V8 since 11.4). */
interface ReviverContext {
  readonly source?: string;
}

type Reviver = (key: string, value: unknown, context: ReviverContext) => unknown;

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON;

/** Stands in for a bare `NaN` while the line is parsed; only lines that JSON refuses ever see it. */
const notANumberMark = "\u0000assay: not a number\u0000";

/** Digits of a whole number at most: to read more takes longer than their number tells. */
const mostDigits = 4096;

const reviveBigIntegers: Reviver = (_key, value, context) => {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context.source ?? "";
  if (!/^-?\d+$/.test(source)) return value;
  if (source.length > mostDigits) {
    throw new SyntaxError(`a number of more than ${mostDigits} digits`);
  }
  return BigInt(source);
};

const reviveNotANumber: Reviver = (key, value, context) =>
  value === notANumberMark ? NaN : reviveBigIntegers(key, value, context);

/**
 * Reads one JSON value.
 *
 * Whole numbers that a double can't hold become `bigint`; bare `NaN`, `Infinity` and `-Infinity`, as
 * Python's `json.dumps` writes them, become those numbers. Other numbers are doubles: digits beyond
 * a double's precision, and the difference between `1.0` and `1`, do not survive.
 *
 * @param text One JSON value.
 * @throws {SyntaxError} Where the text is not JSON.
 */
export function parseJson(text: string): unknown {
  // The reviver visits every value, so only lines that may hold a big integer pay for it: sixteen
  // digits that are not a fraction's.
  const reviver = /(?:^|[^.\d])\d{16}/.test(text) ? reviveBigIntegers as () => unknown : undefined;
  try {
    return JSON.parse(text, reviver);
  } catch (error) {
    const replaced = /NaN|Infinity/.test(text) ? withoutBareWords(text) : undefined;
    if (replaced === undefined) throw error;
    try {
      return JSON.parse(replaced, reviveNotANumber as () => unknown);
    } catch {
      throw error;
    }
  }
}

/** The text with numbers' bare words replaced by what JSON has; `undefined` where a string has no end. */
function withoutBareWords(text: string): string | undefined {
  const pieces: string[] = [];
  let done = 0;
  const marks = /"|\bNaN\b|\bInfinity\b/g;
  for (let mark = marks.exec(text); mark !== null; mark = marks.exec(text)) {
    const [word] = mark;
    if (word === '"') {
      // Not by one pattern for a string: of text with many quotes it would try every one to the end.
      const end = endOfString(text, mark.index);
      if (end === undefined) return undefined;
      marks.lastIndex = end;
      continue;
    }
    pieces.push(
      text.slice(done, mark.index),
      word === "NaN" ? JSON.stringify(notANumberMark) : "1e999",
    );
    done = marks.lastIndex;
  }
  pieces.push(text.slice(done));
  return pieces.join("");
}

function endOfString(text: string, start: number): number | undefined {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === 0x5c) at++;
    else if (character === 0x22) return at + 1;
  }
  return undefined;
}

/**
 * Writes a value as JSON on one line: `bigint` as its digits, NaN and infinities as `null`.
 *
 * @param value A row, or any value of one.
 */
export function stringifyJson(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof TypeError) || !/BigInt/i.test(error.message)) throw error;
    // Most likely a bigint; to look for one in every row would cost every row.
    return JSON.stringify(rawDigits(value));
  }
}

/**
 * The value with every `bigint` as what `JSON.stringify` writes as those digits. Goes down without
 * the call stack, so that no depth is too deep.
 */
export function rawDigits(value: unknown): unknown {
  const result: Row = {};
  const waiting: [target: object, key: string | number, value: unknown][] = [[
    result,
    "value",
    value,
  ]];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [target, key, inner] = next;
    const isNested = typeof inner === "object" && inner !== null;
    const copy = typeof inner === "bigint"
      ? rawJson(inner.toString())
      : isNested
      ? Array.isArray(inner) ? [] : {}
      : inner;
    // Defined, not assigned: a key may be called __proto__.
    Object.defineProperty(target, key, {
      value: copy,
      enumerable: true,
      configurable: true,
      writable: true,
    });
    if (!isNested) continue;
    const entries = Array.isArray(inner) ? [...inner.entries()] : Object.entries(inner);
    for (const [name, item] of entries.reverse()) waiting.push([copy as object, name, item]);
  }
  return result.value;
}
