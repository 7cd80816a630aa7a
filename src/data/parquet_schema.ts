import type { SchemaElement } from "hyparquet";
import { stringifyJson } from "./json_text.ts";
import type { Row } from "./rows.ts";
import { ownValue } from "../own_value.ts";

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
type ColumnType =
  | { readonly kind: "null" | "boolean" | "integer" | "big_integer" | "double" | "text" | "json" }
  | { readonly kind: "list"; readonly element: ColumnType }
  | { readonly kind: "struct"; readonly fields: ReadonlyMap<string, ColumnType> };

const encoder = new TextEncoder();

const nothing: ColumnType = { kind: "null" };
const anything: ColumnType = { kind: "json" };

/**
 * The Parquet columns that hold a set of rows, found from the rows themselves.
 *
 * Booleans become BOOLEAN, whole numbers INT64, other numbers DOUBLE (NaN and infinities: null),
 * strings text, lists LIST, objects groups with every key that any row has (absent: null). Values
 * that fit no one type (a number in one row and a list in another, an object with no keys, what is
 * nested deeper than 32 levels), and `tools`, `tool_calls` and the like, become JSON text, annotated as
 * such. Everything may be null.
 */
export class ParquetSchema {
  readonly #fields = new Map<string, ColumnType>();

  /** Makes room for one more row. */
  add(row: Row): void {
    for (const [name, value] of Object.entries(row)) {
      this.#fields.set(name, merge(this.#fields.get(name) ?? nothing, typeOfField(name, value, 0)));
    }
  }

  /** The same columns, each of them JSON text: the loosest form, which holds whatever JSON holds. */
  loosened(): ParquetSchema {
    const loose = new ParquetSchema();
    for (const name of this.#fields.keys()) loose.#fields.set(name, anything);
    return loose;
  }

  /** The columns' names, in the order in which they first appeared. */
  get columns(): readonly string[] {
    return [...this.#fields.keys()];
  }

  /**
   * The schema as Parquet writes it: elements in depth-first order, the root first. Columns of JSON
   * take its bytes.
   */
  get elements(): SchemaElement[] {
    const root = { name: "root", num_children: this.#fields.size };
    return [root, ...[...this.#fields].flatMap(([name, type]) => elementsOf(name, type))];
  }

  /** A row's value of a column, in the form that the column's type wants. */
  value(row: Row, column: string): unknown {
    return valueOfType(this.#fields.get(column)!, ownValue(row, column));
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

function elementsOf(name: string, type: ColumnType): SchemaElement[] {
  const base = { name, repetition_type: "OPTIONAL" as const };
  switch (type.kind) {
    case "boolean":
      return [{ ...base, type: "BOOLEAN" }];
    case "integer":
    case "big_integer":
      return [{ ...base, type: "INT64" }];
    case "double":
      return [{ ...base, type: "DOUBLE" }];
    case "null":
    case "text":
      return [{ ...base, type: "BYTE_ARRAY", converted_type: "UTF8" }];
    case "json":
      return [{ ...base, type: "BYTE_ARRAY", logical_type: { type: "JSON" } }];
    case "list":
      return [
        { ...base, converted_type: "LIST", num_children: 1 },
        { name: "list", repetition_type: "REPEATED", num_children: 1 },
        ...elementsOf("element", type.element),
      ];
    case "struct":
      return [
        { ...base, num_children: type.fields.size },
        ...[...type.fields].flatMap(([field, inner]) => elementsOf(field, inner)),
      ];
  }
}

function valueOfType(type: ColumnType, value: unknown): unknown {
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
      return encoder.encode(stringifyJson(value));
    case "list":
      return (value as unknown[]).map((item) => valueOfType(type.element, item));
    case "struct":
      return Object.fromEntries(
        [...type.fields].map(([name, inner]) => [
          name,
          Object.hasOwn(value, name) ? valueOfType(inner, (value as Row)[name]) : null,
        ]),
      );
    default:
      return value;
  }
}
