import { AssayError } from "../../error.ts";
import { ownValue } from "../../own_value.ts";
import type { BenchmarkColumns } from "./benchmark.ts";

/** What a layout is, for error messages. */
export interface Layout {
  readonly title: string;
  readonly expects: string;
}

/**
 * The columns of one published row, read by name and kind.
 *
 * Every method throws `evaluation/layout`, with the benchmark, what its rows hold, and what was found.
 */
export class PublishedColumns {
  readonly #layout: Layout;
  readonly #row: BenchmarkColumns;

  constructor(layout: Layout, row: BenchmarkColumns) {
    this.#layout = layout;
    this.#row = row;
  }

  /** The value of a column; `undefined` for one that is absent or `null`. */
  value(name: string): unknown {
    return ownValue(this.#row, name) ?? undefined;
  }

  /** A text. */
  text(name: string): string {
    const value = this.value(name);
    return typeof value === "string" ? value : this.fail(`a text in "${name}"`, value);
  }

  /** A text, or a list of messages: what a prompt or a response may be. */
  conversation(name: string): unknown {
    const value = this.value(name);
    if (typeof value === "string" || Array.isArray(value) && value.length > 0) return value;
    return this.fail(`a text or messages in "${name}"`, value);
  }

  /** A list of texts. */
  texts(name: string, count?: number): readonly string[] {
    const list = this.list(name);
    const other = list.find((item) => typeof item !== "string");
    if (other !== undefined) return this.fail(`a list of texts in "${name}"`, list, other);
    if (count !== undefined && list.length !== count) {
      return this.fail(`${count} texts in "${name}"`, list);
    }
    return list as string[];
  }

  /** A list that is not empty. */
  list(name: string): readonly unknown[] {
    const value = this.value(name);
    if (Array.isArray(value) && value.length > 0) return value;
    return this.fail(`a list in "${name}"`, value);
  }

  /** A finite number. */
  number(name: string): number {
    const value = this.value(name);
    const number = typeof value === "bigint" ? Number(value) : value;
    if (typeof number === "number" && Number.isFinite(number)) return number;
    return this.fail(`a number in "${name}"`, value);
  }

  /** One of some values. */
  oneOf<Value>(name: string, values: readonly Value[]): Value {
    const value = this.value(name);
    const plain = typeof value === "bigint" ? Number(value) : value;
    if (values.includes(plain as Value)) return plain as Value;
    return this.fail(
      `${values.map((one) => JSON.stringify(one)).join(" or ")} in "${name}"`,
      value,
    );
  }

  /** The columns of an object that a list or another column holds. */
  within(value: unknown, where: string): PublishedColumns {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return new PublishedColumns(this.#layout, value as BenchmarkColumns);
    }
    return this.fail(`an object in ${where}`, value);
  }

  /** The error of a row that is laid out in another way. */
  fail(expected: string, found: unknown, item?: unknown): never {
    throw layoutError(this.#layout, expected, foundText(found, item));
  }
}

/** The row without some of its columns, for a row that says them under other names. */
export function without(
  row: BenchmarkColumns,
  names: readonly string[],
): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));
}

/** Whether a row has all of some columns, none of them `null`. */
export function hasAll(row: BenchmarkColumns, names: readonly string[]): boolean {
  return names.every((name) => (ownValue(row, name) ?? null) !== null);
}

/** The error of a row that is no row of a benchmark. */
export function layoutError(
  { title, expects }: Layout,
  expected: string,
  found: string,
): AssayError {
  return new AssayError(
    "evaluation/layout",
    `Cannot read the row as one of ${title}: expected ${expected}, found ${found}; its rows have ` +
      expects,
  );
}

/** Names of a row's columns, for error messages. */
export function columnsText(row: BenchmarkColumns): string {
  const names = Object.keys(row);
  const shown = names.slice(0, 20).map((name) => JSON.stringify(name.slice(0, 40))).join(", ");
  return `the columns ${shown || "none"}${names.length > 20 ? ", …" : ""}`;
}

function foundText(found: unknown, item?: unknown): string {
  if (found === undefined || found === null) return "nothing";
  if (Array.isArray(found)) {
    const length = found.length === 0 ? "an empty list" : `a list of ${found.length}`;
    return item === undefined ? length : `${length} with ${foundText(item)} in it`;
  }
  if (typeof found === "object") return "an object";
  return typeof found === "string" ? `the text ${JSON.stringify(found.slice(0, 40))}` : `${found}`;
}
