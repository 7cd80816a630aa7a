import type { RecordBatch } from "apache-arrow";
import { checkBatch } from "./arrow_checks.ts";
import { jsonValueOf } from "./arrow_values.ts";
import { badRow } from "./read_json_lines.ts";
import type { ReadRow } from "./rows.ts";

/**
 * The rows of a batch; the first is row `line` of its input.
 *
 * @throws {Error} Where its columns do not lie within its bytes.
 */
export function rowsOfBatch(batch: RecordBatch, line: number): ReadRow[] {
  checkBatch(batch);
  const columns = batch.schema.fields.map((field, index) => ({
    field,
    values: batch.getChildAt(index)!,
  }));
  return Array.from({ length: batch.numRows }, (_, index): ReadRow => {
    try {
      const row = Object.fromEntries(
        columns.map(({ field, values }) => [field.name, jsonValueOf(field, values.get(index))]),
      );
      return { line: line + index, row, error: undefined };
    } catch (error) {
      return badRow(line + index, error instanceof Error ? error.message : String(error));
    }
  });
}
