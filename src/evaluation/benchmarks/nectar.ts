import type { Benchmark } from "./benchmark.ts";
import { judgePreferences } from "./judge_preferences.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { plainFigures } from "./rules.ts";

const names = ["prompt", "answers", "num_responses"];

/** Nectar: seven answers by rank, 1 the best; every two of different rank compared. */
export const nectar: Benchmark = {
  name: "nectar",
  title: "Nectar",
  source: "berkeley-nest/Nectar",
  expects: '"prompt" and "answers" (objects with "answer" and "rank", 1 the best)',
  isPublished: (row) => hasAll(row, ["prompt", "answers"]),
  isUnmistakable: (row) => hasAll(row, names) && Array.isArray(row.answers),
  read(row) {
    const columns = new PublishedColumns(nectar, row);
    const answers = columns.list("answers").map((answer) => columns.within(answer, '"answers"'));
    return {
      ...without(row, ["answers"]),
      prompt: columns.text("prompt"),
      responses: answers.map((answer) => answer.text("answer")),
      qualities: answers.map((answer) => -answer.number("rank")),
    };
  },
  marks: ["accuracy"],
  judge: judgePreferences,
  average: plainFigures,
  hasBaselines: true,
};
