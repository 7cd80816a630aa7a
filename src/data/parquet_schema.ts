import type { SchemaElement } from "hyparquet";
import type { ColumnType, ColumnTypes } from "./column_types.ts";

/**
 * The schema of columns as Parquet writes it: elements in depth-first order, the root first. Everything
 * may be null.
 *
 * Booleans become BOOLEAN, whole numbers INT64, other numbers DOUBLE (NaN and infinities: null),
 * strings text, lists LIST, objects groups with every key that any row has (absent: null), and what is
 * `json` becomes JSON text, annotated as such.
 */
export function parquetSchema({ fields }: ColumnTypes): SchemaElement[] {
  const root = { name: "root", num_children: fields.size };
  return [root, ...[...fields].flatMap(([name, type]) => elementsOf(name, type))];
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
