import {
  Bool,
  type DataType,
  Field,
  Float64,
  Int64,
  List,
  makeBuilder,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Utf8,
} from "apache-arrow";
import { jsonExtension } from "./arrow_values.ts";
import type { ColumnType, ColumnTypes } from "./column_types.ts";
import type { Row } from "./rows.ts";

/**
 * The schema of columns as Arrow has it. Everything may be null.
 *
 * Booleans become Bool, whole numbers Int64, other numbers Float64 (NaN and infinities: null), strings
 * Utf8, lists List, objects Struct with every key that any row has (absent: null), and what is `json`
 * becomes JSON text, annotated as such (`arrow.json`).
 */
export function arrowSchema({ fields }: ColumnTypes): Schema {
  return new Schema([...fields].map(([name, type]) => fieldOf(name, type)));
}

function fieldOf(name: string, type: ColumnType): Field {
  const metadata = type.kind === "json" ? new Map([jsonExtension]) : undefined;
  return new Field(name, arrowType(type), true, metadata);
}

function arrowType(type: ColumnType): DataType {
  switch (type.kind) {
    case "boolean":
      return new Bool();
    case "integer":
    case "big_integer":
      return new Int64();
    case "double":
      return new Float64();
    case "null":
    case "text":
    case "json":
      return new Utf8();
    case "list":
      return new List(fieldOf("item", type.element));
    case "struct":
      return new Struct([...type.fields].map(([name, inner]) => fieldOf(name, inner)));
  }
}

/** A record batch of some rows; `types` must have seen all of them. */
export function recordBatchOf(
  schema: Schema,
  types: ColumnTypes,
  rows: readonly Row[],
): RecordBatch {
  const children = schema.fields.map(({ name, type }) => {
    const builder = makeBuilder({ type, nullValues: [null] });
    for (const row of rows) builder.append(types.value(row, name, String) as never);
    return builder.finish().flush();
  });
  const data = makeData({ type: new Struct(schema.fields), length: rows.length, children });
  return new RecordBatch(schema, data);
}
