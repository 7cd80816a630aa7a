import type { ConfigReader } from "../checkpoint/config_reader.ts";

/** The 19 objectives of ArmoRM-Llama3-8B-v0.1, in the order of its tensors. */
export const armoObjectives: readonly string[] = [
  "helpsteer-helpfulness",
  "helpsteer-correctness",
  "helpsteer-coherence",
  "helpsteer-complexity",
  "helpsteer-verbosity",
  "ultrafeedback-overall_score",
  "ultrafeedback-instruction_following",
  "ultrafeedback-truthfulness",
  "ultrafeedback-honesty",
  "ultrafeedback-helpfulness",
  "beavertails-is_safe",
  "prometheus-score",
  "argilla-overall_quality",
  "argilla-judge_lm",
  "code-complexity",
  "code-style",
  "code-explanation",
  "code-instruction-following",
  "code-readability",
];

/** The attributes of HelpSteer2, in the order of its data: what URM and QRM-Gemma-2 were trained on. */
export const helpSteerObjectives: readonly string[] = armoObjectives.slice(0, 5);

/** More objectives than any head has; a shape can claim any number of rows that hold nothing. */
const mostObjectives = 4096;

/**
 * Names of a head's objectives: the checkpoint's own list, else those of the published models where there
 * are as many, else numbers.
 *
 * @param published Lists of published models with such a head, of different lengths.
 */
export function objectiveNames(
  config: ConfigReader,
  count: number,
  published: readonly (readonly string[])[] = [],
): readonly string[] {
  if (count > mostObjectives) {
    throw config.unexpected("num_objectives", `at most ${mostObjectives}`, count);
  }
  const names = config.texts("objective_names");
  if (names !== undefined) {
    if (names.length === count && new Set(names).size === count) return names;
    throw config.unexpected("objective_names", `a list of ${count} different names`, names);
  }
  return published.find(({ length }) => length === count) ??
    Array.from({ length: count }, (_, index) => `objective-${index}`);
}
