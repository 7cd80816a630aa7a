import type { Benchmark } from "./benchmark.ts";
import { judgePreferences } from "./judge_preferences.ts";
import { preferencePair } from "./preference_pair.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { plainFigures } from "./rules.ts";

const raw = ["instruction", "completions"];
/** The ratings of a binarized pair: by HuggingFaceH4, and by argilla. */
const ratings = [["score_chosen", "score_rejected"], ["chosen-rating", "rejected-rating"]] as const;

/**
 * UltraFeedback: completions with an `overall_score`, every two of different score compared; and the
 * binarized sets, whose pairs of equal ratings have no preference.
 */
export const ultraFeedback: Benchmark = {
  name: "ultrafeedback",
  title: "UltraFeedback",
  source: "arXiv 2310.01377, openbmb/UltraFeedback and its binarized sets",
  expects: '"instruction" and "completions" (objects with "response" and "overall_score"); or ' +
    '"prompt", "chosen", "rejected" and "score_chosen", "score_rejected" (or "chosen-rating", ' +
    '"rejected-rating")',
  isPublished: (row) =>
    hasAll(row, raw) ||
    ratings.some((names) => hasAll(row, ["chosen", "rejected", ...names])),
  isUnmistakable: (row) => hasAll(row, raw) && Array.isArray(row.completions),
  read(row) {
    const columns = new PublishedColumns(ultraFeedback, row);
    if (hasAll(row, raw)) {
      const completions = columns.list("completions").map((completion) =>
        columns.within(completion, '"completions"')
      );
      return {
        ...without(row, ["instruction", "completions"]),
        prompt: columns.text("instruction"),
        responses: completions.map((completion) => completion.text("response")),
        qualities: completions.map((completion) => completion.number("overall_score")),
      };
    }
    const names = ratings.find((pair) => hasAll(row, pair)) ?? ratings[0];
    const [chosen, rejected] = names.map((name) => columns.number(name)) as [number, number];
    if (chosen < rejected) {
      columns.fail(`"${names[0]}" to be at least "${names[1]}", ${rejected}`, chosen);
    }
    const pair = preferencePair(
      columns.conversation("rejected"),
      columns.conversation("chosen"),
      chosen - rejected,
    );
    return { ...without(row, ["chosen", "rejected", "messages"]), ...pair };
  },
  marks: ["accuracy"],
  judge: judgePreferences,
  average: plainFigures,
  hasBaselines: true,
};
