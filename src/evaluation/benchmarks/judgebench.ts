import type { Benchmark, Figure } from "./benchmark.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { bestOfRule, subsetFigures } from "./rules.ts";

/** The four kinds, by how `source` begins. */
const kinds: Readonly<Record<string, string>> = {
  knowledge: "mmlu-pro",
  reasoning: "livebench-reasoning",
  math: "livebench-math",
  code: "livecodebench",
};

const columns = ["question", "response_A", "response_B", "label"];

/**
 * JudgeBench: pairs with an objectively right answer; all pairs together, a tie is wrong (of the two
 * orders in which its program asks, a tie gives each side one).
 */
export const judgeBench: Benchmark = {
  name: "judgebench",
  title: "JudgeBench",
  source: "arXiv 2410.12784, ScalerLab/JudgeBench",
  expects: '"question", "response_A", "response_B", "label" (A>B or B>A) and "source"',
  isPublished: (row) => hasAll(row, columns),
  isUnmistakable: (row) => hasAll(row, columns) && (row.label === "A>B" || row.label === "B>A"),
  read(row) {
    const published = new PublishedColumns(judgeBench, row);
    const label = published.oneOf("label", ["A>B", "B>A"]);
    const [first, second] = [published.text("response_A"), published.text("response_B")];
    return {
      ...without(row, ["question", "response_A", "response_B"]),
      id: row.id ?? row.pair_id,
      subset: published.text("source"),
      prompt: published.text("question"),
      chosen: label === "A>B" ? first : second,
      rejected: label === "A>B" ? second : first,
    };
  },
  marks: ["accuracy"],
  judge: bestOfRule("wrong"),
  average(means) {
    const sections = Object.entries(kinds).flatMap(([name, start]): Figure[] => {
      const subsets = means.subsets.filter((subset) => subset.startsWith(start));
      if (subsets.length === 0) return [];
      const value = means.over(subsets);
      return [{ group: "section", name, metric: "accuracy", value, rows: means.rows(subsets) }];
    });
    const whole: Figure = {
      group: "benchmark",
      name: judgeBench.title,
      metric: "accuracy",
      value: means.all(),
      rows: means.rows(),
    };
    return [whole, ...sections, ...subsetFigures(means)];
  },
  hasBaselines: true,
};
