/**
 * Post-hoc calibration of four published reward models on 1,403 RewardBench pairs: accuracy on
 * LLMBar, on HumanEvalPack and on all pairs, and the rank correlation of score and length, before
 * and after, beside the values computed with statsmodels and NumPy.
 *
 *     deno task bench:rewardbench            (or: deno run --allow-read bench/calibration_rewardbench.ts)
 *     deno run --allow-read bench/calibration_rewardbench.ts path/to/rewardbench_scores
 *
 * The folder holds `scores.csv` and `expected.json`.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import {
  binMean,
  fit,
  type FitOptions,
  type Pool,
  poolOfPairs,
  type ScoredPair,
  spearman,
  windowHalfWidth,
} from "../src/calibration/mod.ts";
import { readRows } from "../src/data/read_rows.ts";

/** Accuracy in percent, correct where the chosen margin is above 0. */
export interface SetAccuracies {
  /** The five `llmbar-*` subsets, 419 pairs. */
  readonly LLMBar: number;
  /** The six `hep-*` subsets, 984 pairs. */
  readonly HEP: number;
  /** All 1,403 pairs. */
  readonly all: number;
}

/** One line of the table. */
export interface TableRow extends SetAccuracies {
  /** Reward model. */
  readonly model: string;
  /** As `expected.json` names it. */
  readonly method: string;
  /** Rank correlation of score and length over all responses after the method. */
  readonly spearman: number | null;
}

/** The methods of `expected.json` and the options that give them. */
export const calibrationMethods: Readonly<Record<string, FitOptions>> = {
  "RC-LWR f=0.5": { method: "lwr", frac: 0.5, delta: 0 },
  "RC-LWR f=0.9": { method: "lwr", frac: 0.9, delta: 0 },
  "RC-LWR f=1.0": { method: "lwr", frac: 1, delta: 0 },
  "RC-Mean(repo window, stable ties)": { method: "mean", compat: "repo" },
  "RC-Mean(full window)": { method: "mean" },
};

/** Reads `scores.csv`: the pairs of each model, by the model's name. */
export async function readScores(folder: string | URL): Promise<Map<string, ScoredPair[]>> {
  const rows: Record<string, unknown>[] = [];
  for await (const { row, error } of readRows(inFolder(folder, "scores.csv"))) {
    if (row === undefined) throw error;
    rows.push(row);
  }
  const models = Object.keys(rows[0]!).flatMap((name) =>
    name.endsWith("__chosen") ? [name.slice(0, -"__chosen".length)] : []
  );
  return new Map(models.map((model) => [
    model,
    rows.map((row) => ({
      chosen: response(row[`${model}__chosen`], row.len_chosen),
      rejected: response(row[`${model}__rejected`], row.len_rejected),
      subset: String(row.subset),
    })),
  ]));
}

/** `expected.json`, by model. */
export async function readExpected(
  folder: string | URL,
): Promise<Record<string, Record<string, unknown>>> {
  return JSON.parse(await Deno.readTextFile(inFolder(folder, "expected.json")));
}

function inFolder(folder: string | URL, file: string): string {
  return folder instanceof URL ? fileURLToPath(new URL(file, folder)) : `${folder}/${file}`;
}

function response(score: unknown, length: unknown) {
  return { score: Number(score), features: { length: Number(length) } };
}

/** Accuracies of scores by row, in percent. */
export function accuracies(pool: Pool, scores: ArrayLike<number>): SetAccuracies {
  const { chosen, rejected, subsets } = pool.pairs!;
  const share = (prefix: string) => {
    let pairs = 0;
    let correct = 0;
    for (let pair = 0; pair < chosen.length; pair++) {
      if (!subsets![pair]!.startsWith(prefix)) continue;
      pairs++;
      if (scores[chosen[pair]!]! - scores[rejected[pair]!]! > 0) correct++;
    }
    return 100 * correct / pairs;
  };
  return { LLMBar: share("llmbar-"), HEP: share("hep-"), all: share("") };
}

/** The table's lines for one model: as it came, then by each method. */
export function tableRows(model: string, pairs: readonly ScoredPair[]): TableRow[] {
  const pool = poolOfPairs(pairs);
  const length = pool.features.length!;
  const line = (method: string, scores: ArrayLike<number>) => ({
    model,
    method,
    ...accuracies(pool, scores),
    spearman: spearman(scores, length),
  });
  return [
    line("orig", pool.scores),
    ...Object.entries(calibrationMethods).map(([method, options]) =>
      line(method, fit(pool, options).scores)
    ),
  ];
}

/**
 * RC-Mean's half window, and the pairs that it leaves as they are for too few rows in the released
 * code's window (the full window has one row more, and leaves three pairs fewer).
 */
export function windowFacts(pairs: readonly ScoredPair[]): { d: number; skipped: number } {
  const pool = poolOfPairs(pairs);
  const length = pool.features.length!;
  const d = windowHalfWidth(length, pool.pairs, 4);
  const { x, count } = binMean(length, pool.scores, { halfWidth: d, window: "repo" });
  const rowsNear = new Map(Array.from(x, (value, knot) => [value, count[knot]!]));
  const few = ({ features }: ScoredPair["chosen"]) => rowsNear.get(features.length!)! < 20;
  return { d, skipped: pairs.filter((pair) => few(pair.chosen) || few(pair.rejected)).length };
}

if (import.meta.main) {
  const folder = Deno.args[0] ?? new URL("../../shared/data/rewardbench_scores/", import.meta.url);
  const expected = await readExpected(folder);
  console.log(
    "| model | method | LLMBar | HumanEvalPack | all | Spearman(score, length) | expected |",
  );
  console.log("|---|---|---|---|---|---|---|");
  for (const [model, pairs] of await readScores(folder)) {
    for (const row of tableRows(model, pairs)) {
      const reference = expected[model]?.[row.method] as SetAccuracies | undefined;
      const equal = reference !== undefined &&
        (["LLMBar", "HEP", "all"] as const).every((set) =>
          row[set].toFixed(2) === reference[set].toFixed(2)
        );
      console.log(
        `| ${model} | ${row.method} | ${row.LLMBar.toFixed(2)} | ${row.HEP.toFixed(2)} | ${
          row.all.toFixed(2)
        } | ${row.spearman?.toFixed(4) ?? "–"} | ${equal ? "equal" : JSON.stringify(reference)} |`,
      );
    }
  }
}
