import { ownValue } from "../own_value.ts";
import { stringifyJson } from "./json_text.ts";
import type { Row } from "./rows.ts";

/** Fields of one struct at most; an object with more keys is a dictionary, and kept as JSON. */
const mostFields = 1000;
/** Levels of lists and groups in one column at most; what lies deeper is kept as JSON. */
const mostLevels = 32;

/**
 * Columns and fields whose objects a chat template prints as they are: a group with every key that any
 * row has would give each the keys of all the others, as nulls.
 */
const exactNames: ReadonlySet<string> = new Set([
  "tools",
  "documents",
  "chat_template_kwargs",
  "tool_calls",
  "function_call",
]);

/** The type that holds every value seen so far in one place of the rows. */
export type ColumnType =
  | { readonly kind: "null" | "boolean" | "integer" | "big_integer" | "double" | "text" | "json" }
  | { readonly kind: "list"; readonly element: ColumnType }
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, ColumnType> };

const nothing: ColumnType = { kind: "null" };
const anything: ColumnType = { kind: "json" };

/**
 * The typed columns that hold a set of rows, found from the rows themselves, for formats that have
 * types: Parquet and Arrow. Values that fit no one type (a number in one row and a list in another, an
 * object with no keys, what is nested deeper than 32 levels), and `tools`, `tool_calls` and the like,
 * are `json`.
 */
export class ColumnTypes {
  readonly #fields = new Map<string, ColumnType>();

  /** Makes room for one more row. */
  add(row: Row): void {
    for (const [name, value] of Object.entries(row)) {
      this.#fields.set(name, merge(this.#fields.get(name) ?? nothing, typeOfField(name, value, 0)));
    }
  }

  /** The same columns, each of them JSON text: the loosest form, which holds whatever JSON holds. */
  loosened(): ColumnTypes {
    const loose = new ColumnTypes();
    for (const name of this.#fields.keys()) loose.#fields.set(name, anything);
    return loose;
  }

  /** The columns' types by name, in the order in which they first appeared. */
  get fields(): ReadonlyMap<string, ColumnType> {
    return this.#fields;
  }

  /**
   * A row's value of a column, in the form that the column's type wants: {@link valueOfType}.
   *
   * @param json What a format takes for JSON text.
   */
  value(row: Row, column: string, json: (text: string) => unknown): unknown {
    return valueOfType(this.#fields.get(column)!, ownValue(row, column), json);
  }
}

function typeOfField(name: string, value: unknown, level: number): ColumnType {
  const isExact = typeof value === "object" && value !== null && exactNames.has(name);
  return isExact ? anything : typeOfValue(value, level);
}

function typeOfValue(value: unknown, level: number): ColumnType {
  switch (typeof value) {
    case "boolean":
      return { kind: "boolean" };
    case "bigint":
      return BigInt.asIntN(64, value) === value ? { kind: "big_integer" } : anything;
    case "number":
      if (!Number.isFinite(value)) return nothing;
      return { kind: Number.isSafeInteger(value) && !Object.is(value, -0) ? "integer" : "double" };
    case "string":
      return { kind: "text" };
    case "object":
      return value === null ? nothing : typeOfObject(value, level);
    default:
      return nothing;
  }
}

function typeOfObject(value: object, level: number): ColumnType {
  if (level === mostLevels) return anything;
  if (Array.isArray(value)) {
    const element = value.reduce<ColumnType>(
      (type, item) => merge(type, typeOfValue(item, level + 1)),
      nothing,
    );
    return { kind: "list", element };
  }
  const entries = Object.entries(value);
  if (entries.length === 0) return anything; // Parquet has no group without fields
  if (Object.hasOwn(value, "__proto__")) return anything; // no reader gives such a field back
  return boundedStruct(
    new Map(entries.map(([name, inner]) => [name, typeOfField(name, inner, level + 1)])),
  );
}

function boundedStruct(fields: ReadonlyMap<string, ColumnType>): ColumnType {
  return fields.size > mostFields ? anything : { kind: "struct", fields };
}

/** The type that holds the values of both. */
function merge(first: ColumnType, second: ColumnType): ColumnType {
  if (second.kind === "null") return first;
  if (first.kind === "null") return second;
  if (first.kind === "list" && second.kind === "list") {
    return { kind: "list", element: merge(first.element, second.element) };
  }
  if (first.kind === "struct" && second.kind === "struct") {
    const fields = new Map(first.fields);
    for (const [name, type] of second.fields) {
      fields.set(name, merge(fields.get(name) ?? nothing, type));
    }
    return boundedStruct(fields);
  }
  if (first.kind === second.kind) return first;
  const kinds = new Set([first.kind, second.kind]);
  if (kinds.has("integer") && kinds.has("double")) return { kind: "double" };
  if (kinds.has("integer") && kinds.has("big_integer")) return { kind: "big_integer" };
  return anything;
}

/**
 * A value in the form that a column's type wants: whole numbers as `bigint`, JSON as what `json` makes of
 * its text, objects with every field, what is absent or no finite number as `null`.
 */
function valueOfType(type: ColumnType, value: unknown, json: (text: string) => unknown): unknown {
  if (value === undefined || value === null) return null;
  switch (type.kind) {
    case "integer":
    case "big_integer":
      return Number.isFinite(value) || typeof value === "bigint" ? BigInt(value as number) : null;
    case "double": {
      // A double without a fraction comes back from JSON text as a bigint.
      const number = typeof value === "bigint" ? Number(value) : value;
      return Number.isFinite(number) ? number : null;
    }
    case "null":
      return null;
    case "json":
      return json(stringifyJson(value));
    case "list":
      return (value as unknown[]).map((item) => valueOfType(type.element, item, json));
    case "struct":
      return Object.fromEntries(
        [...type.fields].map(([name, inner]) => [
          name,
          Object.hasOwn(value, name) ? valueOfType(inner, (value as Row)[name], json) : null,
        ]),
      );
    default:
      return value;
  }
}
