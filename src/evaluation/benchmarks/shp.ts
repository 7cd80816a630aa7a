import type { Benchmark } from "./benchmark.ts";
import { judgePreferences } from "./judge_preferences.ts";
import { preferencePair } from "./preference_pair.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { plainFigures } from "./rules.ts";

const names = ["history", "human_ref_A", "human_ref_B", "labels"];

/** Stanford Human Preferences: two answers of people; `labels` is 1 where A is preferred, 0 where B is. */
export const shp: Benchmark = {
  name: "shp",
  title: "SHP",
  source: "stanfordnlp/SHP",
  expects: '"history", "human_ref_A", "human_ref_B" and "labels" (1: A is preferred, 0: B)',
  isPublished: (row) => hasAll(row, names),
  isUnmistakable: (row) => hasAll(row, names),
  read(row) {
    const columns = new PublishedColumns(shp, row);
    const label = columns.oneOf("labels", [0, 1]);
    const domain = columns.value("domain");
    const pair = preferencePair(
      columns.text("human_ref_A"),
      columns.text("human_ref_B"),
      label === 1 ? -1 : 1,
    );
    return {
      ...without(row, ["history", "human_ref_A", "human_ref_B"]),
      ...(typeof domain === "string" && { subset: domain }),
      prompt: columns.text("history"),
      ...pair,
    };
  },
  marks: ["accuracy"],
  judge: judgePreferences,
  average: plainFigures,
  hasBaselines: true,
};
