/**
 * An LLM judge's win rates by model: as they came, calibrated for length, and length-controlled as
 * AlpacaEval 2 does it, with the rank correlation of each with the models' mean length and with the
 * length-controlled rate.
 *
 *     deno run --allow-read bench/calibration_win_rates.ts [JUDGEMENTS BASELINES]
 *
 * JUDGEMENTS holds rows of `instruction`, `baseline`, `model`, `judge`, `response` and
 * `p_beats_baseline`; BASELINES rows of `instruction`, `baseline` and `response`. Comparisons of the
 * judge `weighted_alpaca_eval_gpt4_turbo` are used. Neither AlpacaEval's instruction difficulties nor
 * its gamed baselines are among them, so the length-controlled rates are not the leaderboard's.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import {
  calibrateWinRates,
  codePointLength,
  type JudgedComparison,
  lengthControlledWinRate,
  spearman,
} from "../src/calibration/mod.ts";
import { readRows } from "../src/data/read_rows.ts";

const shared = (name: string) =>
  fileURLToPath(new URL(`../../shared/data/${name}`, import.meta.url));
const [
  judgements = shared("alpaca_eval_gpt4_judgements.jsonl.gz"),
  baselines = shared("alpaca_eval_baselines.jsonl.gz"),
] = Deno.args;

const baselineLength = new Map<string, number>();
for await (const { row } of readRows(baselines)) {
  if (row === undefined) continue;
  const { baseline, instruction, response } = row;
  baselineLength.set(`${baseline}\n${instruction}`, codePointLength(String(response)));
}

const byModel = new Map<string, JudgedComparison[]>();
for await (const { row } of readRows(judgements)) {
  if (row?.judge !== "weighted_alpaca_eval_gpt4_turbo") continue;
  const model = String(row.model);
  const baseline = baselineLength.get(`${row.baseline}\n${row.instruction}`);
  const own = byModel.get(model) ?? [];
  byModel.set(model, own);
  own.push({
    preference: Number(row.p_beats_baseline),
    lengthDifference: codePointLength(String(row.response)) - (baseline ?? NaN),
    model,
  });
}

const names = [...byModel.keys()].sort();
const all = names.flatMap((name) => byModel.get(name)!);
const controlled = names.map((name) => lengthControlledWinRate(byModel.get(name)!));
const together = calibrateWinRates(all);
const alone = names.map((name) => calibrateWinRates(byModel.get(name)!).overall);
const robust = calibrateWinRates(all, { iterations: 3 });

const rates: Record<string, number[]> = {
  "as it came": controlled.map(({ winRate }) => winRate),
  "calibrated, one curve for all models": names.map((name) =>
    together.models[name]!.calibratedWinRate
  ),
  "calibrated, a curve per model": alone.map(({ calibratedWinRate }) => calibratedWinRate),
  "calibrated, one curve, 3 robustness passes": names.map((name) =>
    robust.models[name]!.calibratedWinRate
  ),
  "length-controlled": controlled.map(({ lengthControlledWinRate }) => lengthControlledWinRate),
};
const length = names.map((name) => together.models[name]!.meanLengthDifference);
console.log(`${names.length} models, ${all.length} comparisons\n`);
console.log("| win rate | Spearman with mean length | Spearman with length-controlled |");
console.log("|---|---|---|");
for (const [name, values] of Object.entries(rates)) {
  const reference = spearman(values, rates["length-controlled"]!)!;
  console.log(`| ${name} | ${spearman(values, length)!.toFixed(3)} | ${reference.toFixed(3)} |`);
}
