import type { Benchmark } from "./benchmark.ts";
import { judgePreferences } from "./judge_preferences.ts";
import { plainFigures } from "./rules.ts";

/** Rows of no known benchmark: pairs and candidates as Assay reads them, a tie one half, by subset. */
export const plainRows: Benchmark = {
  name: "plain",
  title: "rows",
  source: "",
  expects: '"chosen" and "rejected", or "responses" with "num_correct" or "qualities"',
  isPublished: () => false,
  read: (row) => ({ ...row }),
  marks: ["accuracy"],
  judge: judgePreferences,
  average: plainFigures,
  hasBaselines: true,
};
