import type { Row } from "../../data/rows.ts";
import type { VoteSummary } from "../../tasks/vote/vote_summary.ts";
import type { Category } from "../../voting/categories.ts";
import type { RowTable } from "../row_output.ts";
import { rounded, withEnds } from "../table.ts";

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

/**
 * A summary in one line, for standard error.
 *
 * @param summary The summary.
 */
export function summaryLine(summary: VoteSummary): string {
  const { rows, voters, strength } = summary;
  const parts: string[] = [];
  if (strength !== null) {
    const counts = (Object.entries(strength.categories) as [Category, number][])
      .filter(([, count]) => count > 0)
      .map(([category, count]) => `${count} ${category}`);
    parts.push(
      `${rows.pair} pairs (${counts.join(", ")}; ${
        (100 * strength.negative).toFixed(1)
      } % negative)`,
    );
  }
  if (rows.single > 0) parts.push(`${rows.single} single rows`);
  if (rows.best_of_n > 0) parts.push(`${rows.best_of_n} rows of candidates`);
  if (rows.failed > 0) parts.push(`${rows.failed} failed`);
  const by = voters.length === 1 ? "1 voter" : `${voters.length} voters`;
  return `${parts.join(", ") || "no rows"} by ${by}`;
}

/**
 * What each aggregation and voter makes of picking the best of n, a line each, for standard error.
 *
 * @param summary The summary.
 */
export function goldLines({ gold }: VoteSummary): string[] {
  if (gold === undefined) return [];
  const { curves, n, prompts, left_out } = gold;
  const others = left_out === 0 ? "" : `, ${left_out} others left out`;
  return [
    `gold quality of the best of ${n} over ${prompts} rows${others}:`,
    ...curves.map(({ proxy, points, peak, over_optimised }) => {
      const peaked = peak.n === n ? "" : `; ${rounded(peak.gold)} at the best of ${peak.n}`;
      const falls = over_optimised ? ", over-optimised" : "";
      return `  ${proxy}: ${withEnds(points.at(-1)!.gold)}${peaked}${falls}`;
    }),
  ];
}
