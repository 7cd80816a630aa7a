import type { Row } from "../data/rows.ts";
import type { RowTable } from "./row_output.ts";

/** Objectives that a line shows with `--explain`. */
const shownObjectives = 3;

/**
 * How scored rows look to people: which row, its score (a pair's chosen score, the best of N), what
 * follows from it, tokens, and with `--explain` the objectives that add most to the score, each as
 * reward × coefficient.
 *
 * @param explain Whether the rows carry rewards and coefficients.
 */
export function scoreTable(explain: boolean): RowTable {
  const header = ["row", "shape", "score#", "result", "tokens#"];
  return {
    header: explain ? [...header, "strongest objectives", "note"] : [...header, "note"],
    line(row: Row, number: number): readonly string[] {
      const cells = [String(row.id ?? number), ...cellsOfShape(row)];
      if (explain) cells.push(strongestObjectives(row));
      cells.push(noteOf(row));
      return cells.map(oneLine);
    },
  };
}

function cellsOfShape(row: Row): readonly string[] {
  if ("chosen_score" in row) {
    const margin = row.margin as number | null;
    const result = margin === null
      ? ""
      : `${margin > 0 ? "chosen" : margin < 0 ? "rejected" : "neither"} is better by ${
        decimal(Math.abs(margin))
      }`;
    const tokens = Number(row.chosen_tokens) + Number(row.rejected_tokens);
    return ["pair", decimal(row.chosen_score), result, String(tokens)];
  }
  if (Array.isArray(row.scores)) {
    const scores = row.scores as (number | null)[];
    const best = row.best as number | null;
    const result = best === null ? "" : `response ${best + 1} of ${scores.length} is best`;
    const tokens = (row.tokens as number[]).reduce((sum, count) => sum + count, 0);
    return [
      `best of ${scores.length}`,
      best === null ? "" : decimal(scores[best]),
      result,
      String(tokens),
    ];
  }
  if ("score" in row && "tokens" in row) {
    return ["single", decimal(row.score), "", String(row.tokens)];
  }
  return ["", "", "", ""];
}

function strongestObjectives(row: Row): string {
  const index = (row.best ?? 0) as number;
  const pick = (part: string): Record<string, number> | undefined => {
    const value = row[part] ?? row[`chosen_${part}`];
    return (Array.isArray(value) ? value[index] : value) ?? undefined;
  };
  const [rewards, coefficients] = [pick("rewards"), pick("coefficients")];
  if (rewards === undefined || coefficients === undefined) return "";
  return Object.keys(rewards)
    .map((name) => ({ name, reward: rewards[name]!, coefficient: coefficients[name]! }))
    .sort((a, b) => Math.abs(b.reward * b.coefficient) - Math.abs(a.reward * a.coefficient))
    .slice(0, shownObjectives)
    .map(({ name, reward, coefficient }) =>
      `${name} ${reward.toFixed(3)}×${coefficient.toFixed(3)}`
    )
    .join(", ");
}

function noteOf(row: Row): string {
  const error = row.error as { code: string; message: string } | undefined;
  if (error !== undefined) return `${error.message} [${error.code}]`;
  return row.truncated ? "truncated" : "";
}

function decimal(value: unknown): string {
  return typeof value === "number" ? value.toFixed(5) : "";
}

function oneLine(cell: string): string {
  // deno-lint-ignore no-control-regex
  return cell.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, " ");
}
