import type { Row } from "../../data/rows.ts";
import { stepScores } from "../../heads/step_scores.ts";
import type { RowTable } from "../row_output.ts";
import type { TableDetail } from "../table.ts";
import { explainedResponses, largestReward } from "./token_heat.ts";

/** Objectives that a line shows with `--explain`. */
const shownObjectives = 3;
/** Tokens whose rewards a line shows. */
const shownTokens = 5;
/** Steps whose scores a line shows. */
const shownSteps = 12;

/**
 * How scored rows look to people: which row, its score (a pair's chosen score, the best of N), what
 * follows from it, and tokens; below it the error, whether it was cut, the scores of its steps, and with
 * `--explain` the objectives that add most to that score.
 */
export const scoreTable: RowTable = {
  header: ["row", "shape", "score#", "result", "tokens#"],
  line(row: Row, number: number): readonly string[] {
    return [String(row.id ?? number).slice(0, 40), ...cellsOfShape(row)];
  },
  details(row: Row): readonly TableDetail[] {
    const error = row.error as { code: string; message: string } | undefined;
    return [
      ...(error === undefined ? [] : [`${error.message} [${error.code}]`]),
      ...(row.truncated === true ? ["cut to the model's length"] : []),
      ...stepLines(row),
      ...strongestObjectives(row),
      ...tokenLines(row),
    ];
  },
};

function cellsOfShape(row: Row): readonly string[] {
  if ("chosen_score" in row && "chosen_tokens" in row) {
    const tokens = Number(row.chosen_tokens) + Number(row.rejected_tokens);
    return ["pair", decimal(row.chosen_score), marginText(row.margin), String(tokens)];
  }
  if (Array.isArray(row.scores) && Array.isArray(row.tokens)) {
    const count = row.scores.length;
    const best = row.best as number | null;
    const tokens = (row.tokens as number[]).reduce((sum, number) => sum + number, 0);
    return best === null ? [`best of ${count}`, "", "no score", String(tokens)] : [
      `best of ${count}`,
      decimal(row.scores[best]),
      `response ${best + 1} is best`,
      String(tokens),
    ];
  }
  if ("score" in row && "tokens" in row) {
    return ["single", decimal(row.score), row.score === null ? "no score" : "", String(row.tokens)];
  }
  return ["", "", "no score", ""];
}

function marginText(margin: unknown): string {
  if (typeof margin !== "number") return "no score";
  if (margin === 0) return "neither is better";
  return `${margin > 0 ? "chosen" : "rejected"} is better by ${decimal(Math.abs(margin))}`;
}

/** The steps' scores, of the conversation whose score is shown. */
function stepLines(row: Row): readonly string[] {
  const value = row[stepScores] ?? row[`chosen_${stepScores}`];
  const isList = Array.isArray(value) && typeof value[0] !== "number";
  const steps = isList ? value[(row.best ?? 0) as number] : value;
  if (!Array.isArray(steps)) return [];
  const shown = steps.slice(0, shownSteps).map((step) => Number(step).toFixed(3)).join(" ");
  return [`steps ${shown}${steps.length > shownSteps ? ` … (${steps.length})` : ""}`];
}

function strongestObjectives(row: Row): readonly string[] {
  const index = (row.best ?? 0) as number;
  const pick = (part: string): Record<string, number> | undefined => {
    const value = row[part] ?? row[`chosen_${part}`];
    return (Array.isArray(value) ? value[index] : value) ?? undefined;
  };
  const [rewards, coefficients] = [pick("rewards"), pick("coefficients")];
  if (rewards === undefined || coefficients === undefined) return [];
  return Object.keys(rewards)
    .map((name) => ({ name, reward: rewards[name]!, coefficient: coefficients[name]! }))
    .map((objective) => ({ ...objective, share: objective.reward * objective.coefficient }))
    .sort((a, b) => Math.abs(b.share) - Math.abs(a.share))
    .slice(0, shownObjectives)
    .map(({ name, reward, coefficient, share }) =>
      `${share < 0 ? "" : "+"}${share.toFixed(3)}  ${name}: reward ${reward.toFixed(3)} × ` +
      `coefficient ${coefficient.toFixed(3)}`
    );
}

/** What each token adds: coloured, and the strongest ones in numbers; of candidates the best. */
function tokenLines(row: Row): readonly TableDetail[] {
  const all = explainedResponses(row);
  const shown = typeof row.best === "number" ? all.slice(row.best, row.best + 1) : all;
  const most = largestReward(shown);
  return shown.flatMap(({ name, rewards }): TableDetail[] => {
    const heat = (reward: number): number => most === 0 ? 0 : reward / most;
    const strongest = rewards.toSorted((a, b) => Math.abs(b.reward) - Math.abs(a.reward))
      .slice(0, shownTokens)
      .map(({ text, reward }) =>
        `${reward < 0 ? "" : "+"}${reward.toFixed(3)} ${JSON.stringify(text)}`
      );
    return [
      rewards.map(({ text, reward }) => ({ text, heat: heat(reward) })),
      `${name}: ${strongest.join(" ")}`,
    ];
  });
}

function decimal(value: unknown): string {
  return typeof value === "number" ? value.toFixed(5) : "";
}
