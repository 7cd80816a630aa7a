/**
 * Assay on a model that `layers_model.ts` made: `layers.ts FOLDER [KERNELS]` prints a line of JSON for the
 * loaded model, for each case, and for the kernels of each case.
 *
 * @module
 */
import { join } from "node:path";
import { RewardModel } from "../../mod.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import type { KernelSet } from "../../src/gpu/kernel_set.ts";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import { messagesOf } from "../models/vocabulary.ts";
import { timeDispatches } from "./dispatch_times.ts";
import { type Case, casesFile } from "./layers_model.ts";
import type { LayersRow } from "./rows.ts";

/** Measurements of a case: as many as fit, within bounds. */
const least = 3;
const most = 9;
const milliseconds = 6000;

function print(row: LayersRow): void {
  console.log(JSON.stringify(row));
}

/** Makes sure that Assay scores the very ids that PyTorch is given. */
async function checkIds(folder: string, cases: readonly Case[]): Promise<void> {
  using checkpoint = await Checkpoint.open(folder);
  const maxTokens = Math.max(...cases.map(({ tokens }) => tokens));
  const tokenizer = await ChatTokenizer.open(checkpoint, { maxTokens });
  for (const ids of cases.flatMap(({ ids }) => ids)) {
    const found = tokenizer.tokenize(messagesOf(ids)).ids;
    if (found.join() !== ids.join()) throw new Error("the tokenizer made other token ids");
  }
}

async function scoresOf(
  model: RewardModel,
  sequences: readonly (readonly number[])[],
): Promise<number[]> {
  const verdicts = await model.score(sequences.map(messagesOf));
  return verdicts.map(({ score, error }) => {
    if (score === null) throw new Error(`${error?.code}: ${error?.message}`);
    return score;
  });
}

async function measure(model: RewardModel, { count, tokens, ids }: Case): Promise<number[]> {
  const times: number[] = [];
  let scores: number[] = [];
  const until = performance.now() + milliseconds;
  while (times.length < least || times.length < most && performance.now() < until) {
    const start = performance.now();
    scores = await scoresOf(model, ids);
    times.push(performance.now() - start);
  }
  print({ row: "case", count, tokens, scores, milliseconds: times });
  return scores;
}

/**
 * The kernels of a case. Its scores are held against those that were measured, and the first and last
 * conversation alone against the same in company: the same bits, or the run fails.
 */
async function profile(
  model: RewardModel,
  { count, tokens, ids }: Case,
  scores: readonly number[],
): Promise<void> {
  const start = performance.now();
  let again: number[] = [];
  const times = await timeDispatches(async () => {
    again = await scoresOf(model, ids);
  });
  const wall = performance.now() - start;
  const alone = [...await scoresOf(model, [ids[0]!]), ...await scoresOf(model, [ids.at(-1)!])];
  const failure = again.join() !== scores.join()
    ? `other scores while the kernels were timed: ${again}, not ${scores}`
    : alone.join() !== [scores[0], scores.at(-1)].join()
    ? `other scores alone than in company: ${alone}`
    : undefined;
  print({ row: "profile", count, tokens, wall, ...times, ...(failure && { failure }) });
  if (failure !== undefined) Deno.exitCode = 1;
}

async function main([folder, kernels]: readonly string[]): Promise<void> {
  const cases: Case[] = JSON.parse(await Deno.readTextFile(join(folder!, casesFile)));
  const config = JSON.parse(await Deno.readTextFile(join(folder!, "config.json")));
  await checkIds(folder!, cases);
  const start = performance.now();
  using model = await RewardModel.load(folder!, {
    backend: "gpu",
    sharePrefixes: false,
    ...(kernels !== undefined && { kernels: kernels as KernelSet }),
  });
  const seconds = (performance.now() - start) / 1000;
  print({ row: "model", kernels: model.kernels, seconds, config });
  for (const one of cases) await scoresOf(model, one.ids); // warms up; tiles are chosen on the way
  const scores: number[][] = [];
  for (const one of cases) scores.push(await measure(model, one));
  for (const [i, one] of cases.entries()) await profile(model, one, scores[i]!);
}

if (import.meta.main) await main(Deno.args);
