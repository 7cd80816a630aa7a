import type { Benchmark } from "./benchmark.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { judgeSteps, stepFigures, stepMarks } from "./step_rules.ts";

const names = ["problem", "steps", "label"];

/** ProcessBench: solutions by steps with the first wrong one; F1 by subset, and their mean. */
export const processBench: Benchmark = {
  name: "processbench",
  title: "ProcessBench",
  source: "arXiv 2412.06559, QwenLM/ProcessBench",
  expects:
    '"id" (gsm8k-0, …), "problem", "steps" (texts) and "label" (the first wrong step from 0, -1 ' +
    "where all are right)",
  isPublished: (row) => hasAll(row, names),
  isUnmistakable: (row) => hasAll(row, [...names, "final_answer_correct"]),
  read(row) {
    const columns = new PublishedColumns(processBench, row);
    const steps = columns.texts("steps");
    const label = columns.number("label");
    if (!Number.isInteger(label) || label < -1 || label >= steps.length) {
      columns.fail(`-1 or a step from 0 to ${steps.length - 1} in "label"`, label);
    }
    const set = typeof row.id === "string" ? /^(.+)-\d+$/.exec(row.id)?.[1] : undefined;
    return {
      ...without(row, ["problem"]),
      ...(set !== undefined && row.subset === undefined && { subset: set }),
      prompt: columns.text("problem"),
      steps,
      label,
    };
  },
  marks: stepMarks,
  judge: judgeSteps,
  average: (means) => stepFigures(means, processBench.title),
  hasBaselines: false,
};
