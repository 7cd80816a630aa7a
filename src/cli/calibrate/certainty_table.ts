import type { Row } from "../../data/rows.ts";
import type { RowTable } from "../row_output.ts";
import { rounded } from "../table.ts";
import { errorNote } from "./calibrate_table.ts";

/** How rows with an interval, or marked for abstaining, look to people. */
export const certaintyTable: RowTable = {
  header: ["row", "score or margin#", "from#", "to#", "decided", "note"],
  line(row: Row, number: number): readonly string[] {
    const margin = Number(row.chosen_score ?? NaN) - Number(row.rejected_score ?? NaN);
    const value = Number.isFinite(margin) ? margin : row.score;
    const decided = typeof row.abstain === "boolean" ? (row.abstain ? "no" : "yes") : "";
    return [
      String(row.id ?? number),
      rounded(value),
      rounded(row.score_low ?? row.margin_low),
      rounded(row.score_high ?? row.margin_high),
      decided,
      errorNote(row),
    ];
  },
};
