import type { Benchmark, BenchmarkColumns } from "./benchmark.ts";
import { judgePreferences } from "./judge_preferences.ts";
import { preferencePair, preferenceStrength } from "./preference_pair.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { plainFigures } from "./rules.ts";

const rated = ["prompt", "response", "helpfulness", "correctness", "coherence"];
const compared = ["prompt", "response_1", "response_2", "preference_strength"];
const third = ["context", "response1", "response2", "overall_preference"];

/**
 * HelpSteer: answers with ratings, rows of one prompt one after another (1, 2), of which those with
 * more `helpfulness` are the better ones; two answers with the strength of the preference (2); and the
 * third's conversations with an overall preference.
 */
export const helpSteer: Benchmark = {
  name: "helpsteer",
  title: "HelpSteer",
  source: "nvidia/HelpSteer, nvidia/HelpSteer2, nvidia/HelpSteer3",
  expects: '"prompt", "response" and ratings ("helpfulness", …); or "prompt", "response_1", ' +
    '"response_2" and "preference_strength"; or "context", "response1", "response2" and ' +
    '"overall_preference"',
  isPublished: (row) => [rated, compared, third].some((names) => hasAll(row, names)),
  isUnmistakable: (row) => hasAll(row, compared) || hasAll(row, third),
  read(row) {
    const columns = new PublishedColumns(helpSteer, row);
    if (hasAll(row, third)) {
      const preference = preferenceStrength(columns, "overall_preference");
      const pair = preferencePair(
        columns.text("response1"),
        columns.text("response2"),
        preference,
      );
      const domain = columns.value("domain");
      return {
        ...without(row, ["context", "response1", "response2"]),
        prompt: columns.conversation("context"),
        ...(typeof domain === "string" && { subset: domain }),
        ...pair,
      };
    }
    if (hasAll(row, compared)) {
      const preference = preferenceStrength(columns, "preference_strength");
      const pair = preferencePair(
        columns.text("response_1"),
        columns.text("response_2"),
        preference,
      );
      return {
        ...without(row, ["response_1", "response_2"]),
        prompt: turns(columns.text("prompt")),
        ...pair,
      };
    }
    return joined([row]);
  },
  together: { by: "prompt", isPart: (row) => hasAll(row, rated), join: joined },
  marks: ["accuracy"],
  judge: judgePreferences,
  average: plainFigures,
  hasBaselines: true,
};

/** The rated answers of one prompt. */
function joined(rows: readonly BenchmarkColumns[]): Record<string, unknown> {
  const all = rows.map((row) => new PublishedColumns(helpSteer, row));
  return {
    prompt: turns(all[0]!.text("prompt")),
    responses: all.map((columns) => columns.text("response")),
    qualities: all.map((columns) => columns.number("helpfulness")),
  };
}

/**
 * A prompt of several turns, which HelpSteer 2 writes with `<extra_id_1>User` and
 * `<extra_id_1>Assistant` between them; a single one as it is.
 */
function turns(prompt: string): unknown {
  const parts = prompt.split(/\n?<extra_id_1>(User|Assistant)\n/);
  if (parts.length === 1) return prompt;
  const messages = [{ role: "user", content: parts[0]! }];
  for (let index = 1; index < parts.length; index += 2) {
    messages.push({ role: parts[index]!.toLowerCase(), content: parts[index + 1]! });
  }
  return messages;
}
