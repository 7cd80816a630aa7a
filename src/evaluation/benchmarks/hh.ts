import type { Benchmark } from "./benchmark.ts";
import { judgePreferences } from "./judge_preferences.ts";
import { hasAll, PublishedColumns } from "./published_columns.ts";
import { plainFigures } from "./rules.ts";

/** HH-RLHF: two transcripts that end in different answers. */
export const hh: Benchmark = {
  name: "hh",
  title: "HH-RLHF",
  source: "arXiv 2204.05862, Anthropic/hh-rlhf",
  expects:
    '"chosen" and "rejected" (transcripts of "\\n\\nHuman:" and "\\n\\nAssistant:", or messages)',
  isPublished: (row) => hasAll(row, ["chosen", "rejected"]),
  read(row) {
    const columns = new PublishedColumns(hh, row);
    for (const name of ["chosen", "rejected"]) columns.conversation(name);
    return { ...row };
  },
  marks: ["accuracy"],
  judge: judgePreferences,
  average: plainFigures,
  hasBaselines: true,
};
