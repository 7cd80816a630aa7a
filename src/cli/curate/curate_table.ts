import type { Row } from "../../data/rows.ts";
import type { RowTable } from "../row_output.ts";

/** How `assay curate --format table` shows a row. */
export const curateTable: RowTable = {
  header: ["source row#", "id", "action", "strength#", "margin#", "smoothing#", "category"],
  line(row: Row): readonly string[] {
    return [
      row.source_row === undefined ? "" : String(row.source_row),
      row.id === undefined ? "" : String(row.id).slice(0, 24),
      typeof row.action === "string" ? row.action : "",
      rounded(row.strength_mean),
      rounded(row.margin),
      rounded(row.label_smoothing),
      typeof row.category === "string" ? row.category : "",
    ];
  },
};

function rounded(value: unknown): string {
  return typeof value === "number" ? value.toFixed(4) : "";
}
