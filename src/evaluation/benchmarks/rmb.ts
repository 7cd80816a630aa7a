import type { Benchmark, BenchmarkColumns, Figure } from "./benchmark.ts";
import { hasAll, PublishedColumns, without } from "./published_columns.ts";
import { bestOfRule, meanOf, subsetFigures } from "./rules.ts";

const goals = ["Helpfulness", "Harmlessness"];
const kinds: Readonly<Record<string, string>> = { Pairwise_set: "pairs", BoN_set: "best of N" };

const isPair = (row: BenchmarkColumns) => hasAll(row, ["conversation_input", "chosen", "reject"]);
const isList = (row: BenchmarkColumns) =>
  hasAll(row, ["conversation_input", "bon_best", "loser_list"]);

/**
 * RMB: pairs, and lists whose best answer must score above every other one; a tie is wrong. Goals and
 * kinds stand apart, all rows of one together; the score is the mean of the four.
 */
export const rmb: Benchmark = {
  name: "rmb",
  title: "RMB",
  source: "arXiv 2410.09893, Zhou-Zoey/RMB-Reward-Model-Benchmark",
  expects:
    '"conversation_input" (messages), "chosen" and "reject", or "bon_best" and "loser_list" ' +
    '(objects with "answer"), and "category_path"',
  isPublished: (row) => isPair(row) || isList(row),
  isUnmistakable: (row) => isPair(row) || isList(row),
  read(row) {
    const columns = new PublishedColumns(rmb, row);
    const prompt = columns.list("conversation_input").map((message) => {
      const turn = columns.within(message, '"conversation_input"');
      return { role: turn.text("role"), content: turn.text("content") };
    });
    const path = columns.text("category_path");
    const [kind, goal] = path.split("/");
    if (!Object.hasOwn(kinds, kind ?? "") || !goals.includes(goal ?? "")) {
      columns.fail(
        `${Object.keys(kinds).join(" or ")}, then ${goals.join(" or ")}, in "category_path"`,
        path,
      );
    }
    const answer = (value: unknown, where: string) => columns.within(value, where).text("answer");
    const base = {
      ...without(row, ["conversation_input", "chosen", "reject", "bon_best", "loser_list"]),
      id: row.id ?? row.pair_uid ?? row.bon_uid,
      subset: path,
      prompt,
    };
    if (isPair(row)) {
      const [chosen, rejected] = [answer(row.chosen, '"chosen"'), answer(row.reject, '"reject"')];
      return { ...base, chosen, rejected };
    }
    const losers = columns.list("loser_list").map((loser) => answer(loser, '"loser_list"'));
    return { ...base, responses: [answer(row.bon_best, '"bon_best"'), ...losers], num_correct: 1 };
  },
  marks: ["accuracy"],
  judge: bestOfRule("wrong"),
  average(means) {
    const sections = goals.flatMap((goal) =>
      Object.entries(kinds).flatMap(([folder, kind]): Figure[] => {
        const subsets = means.subsets.filter((subset) => subset.startsWith(`${folder}/${goal}`));
        if (subsets.length === 0) return [];
        return [{
          group: "section",
          name: `${goal}, ${kind}`,
          metric: "accuracy",
          value: means.over(subsets),
          rows: means.rows(subsets),
        }];
      })
    );
    const whole: Figure[] = sections.length < 4 ? [] : [{
      group: "benchmark",
      name: rmb.title,
      metric: "score",
      value: meanOf(sections.map(({ value }) => value)),
      rows: means.rows(),
    }];
    return [...whole, ...sections, ...subsetFigures(means)];
  },
  hasBaselines: true,
};
