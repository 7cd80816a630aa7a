import type { Row } from "../../data/rows.ts";
import type { TokenReward } from "../../tasks/score/token_explanation.ts";

/** One response of a row, token by token. */
export interface ExplainedResponse {
  /** Which of the row's responses: `response`, `chosen`, `rejected`, `response 2`. */
  readonly name: string;
  /** Its score. */
  readonly score: number | null;
  /** Score of an empty response; `null` of implicit rewards. */
  readonly emptyScore: number | null;
  /** What each token adds. */
  readonly rewards: readonly TokenReward[];
}

/**
 * The responses of a row that `--explain tokens` told of.
 *
 * @param row A row as `score` writes it.
 */
export function explainedResponses(row: Row): ExplainedResponse[] {
  const response = (name: string, score: unknown, empty: unknown, rewards: unknown) =>
    Array.isArray(rewards)
      ? [{
        name,
        score: typeof score === "number" ? score : null,
        emptyScore: typeof empty === "number" ? empty : null,
        rewards: rewards as readonly TokenReward[],
      }]
      : [];
  if (Array.isArray(row.scores)) {
    const { scores, token_rewards: lists, empty_score: empty } = row;
    return (Array.isArray(lists) ? lists : []).flatMap((list, place) =>
      response(
        `response ${place + 1}`,
        (scores as unknown[])[place],
        Array.isArray(empty) ? empty[place] : null,
        list,
      )
    );
  }
  const sides = ["chosen", "rejected"].flatMap((side) =>
    response(
      side,
      row[`${side}_score`],
      row[`${side}_empty_score`],
      row[`${side}_token_rewards`],
    )
  );
  return sides.length > 0
    ? sides
    : response("response", row.score, row.empty_score, row.token_rewards);
}

/** The largest size of a reward among responses, by which colours are scaled; 0 without any. */
export function largestReward(responses: readonly ExplainedResponse[]): number {
  return responses.reduce(
    (most, { rewards }) => rewards.reduce((m, { reward }) => Math.max(m, Math.abs(reward)), most),
    0,
  );
}
