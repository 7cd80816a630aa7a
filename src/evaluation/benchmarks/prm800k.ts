import type { Benchmark } from "./benchmark.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { judgeSteps, stepFigures, stepMarks } from "./step_rules.ts";

/** PRM800K: solutions whose steps people rated −1, 0 or 1; the first −1 is the first wrong step. */
export const prm800k: Benchmark = {
  name: "prm800k",
  title: "PRM800K",
  source: "arXiv 2305.20050, openai/prm800k",
  expects: '"question" (an object with "problem") and "label" (an object with "steps", each with ' +
    '"completions" that have "text" and "rating", and "chosen_completion")',
  isPublished: (row) => hasAll(row, ["question", "label"]) && typeof row.label === "object",
  isUnmistakable: (row) =>
    hasAll(row, ["question", "label"]) &&
    Array.isArray((row.label as { readonly steps?: unknown }).steps),
  read(row) {
    const columns = new PublishedColumns(prm800k, row);
    const question = columns.within(row.question, '"question"');
    const steps = columns.within(row.label, '"label"').list("steps").map((step) =>
      chosenStep(columns.within(step, '"steps"'))
    );
    const firstWrong = steps.findIndex(({ rating }) => rating === -1);
    return {
      ...without(row, ["question", "label"]),
      prompt: question.text("problem"),
      steps: steps.map(({ text }) => text),
      label: firstWrong,
    };
  },
  marks: stepMarks,
  judge: judgeSteps,
  average: (means) => stepFigures(means, prm800k.title),
  hasBaselines: false,
};

/** The completion that the solution goes on with: the chosen one, the person's own, or the only one. */
function chosenStep(
  step: PublishedColumns,
): { readonly text: string; readonly rating: number } {
  const index = step.value("chosen_completion");
  const own = step.value("human_completion");
  if (index === undefined && own !== undefined) {
    // What the labeller wrote is right by its making.
    return { text: step.within(own, '"human_completion"').text("text"), rating: 1 };
  }
  const completions = step.list("completions");
  if (index === undefined && completions.length > 1) {
    step.fail('"chosen_completion" where a step has several completions', undefined);
  }
  const place = index === undefined ? 0 : step.number("chosen_completion");
  const completion = step.within(completions[place], '"completions"');
  return { text: completion.text("text"), rating: completion.oneOf("rating", [-1, 0, 1]) };
}
