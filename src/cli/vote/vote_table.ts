import type { Row } from "../../data/rows.ts";
import type { RowTable } from "../row_output.ts";

/** How `assay vote --format table` shows a row. */
export const voteTable: RowTable = {
  header: ["row#", "id", "result#", "spread#", "vote share#", "category", "error"],
  line(row: Row, number: number): readonly string[] {
    const isPair = row.strength_mean !== undefined;
    const best = row.best === undefined || row.best === null ? "" : `best ${row.best}`;
    return [
      String(number),
      row.id === undefined ? "" : String(row.id).slice(0, 24),
      isPair ? rounded(row.strength_mean) : best || rounded(row.score),
      rounded(isPair ? row.strength_std : row.disagreement),
      rounded(row.vote_share),
      typeof row.category === "string" ? row.category : "",
      (row.error as { code?: string } | undefined)?.code ?? "",
    ];
  },
};

function rounded(value: unknown): string {
  return typeof value === "number" ? value.toFixed(4) : "";
}
