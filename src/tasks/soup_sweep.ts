import { checkOptions, wholeFrom } from "../check_options.ts";
import { Checkpoint, openFolder } from "../checkpoint/checkpoint.ts";
import { AssayError } from "../error.ts";
import { averagedFolder, type SoupMember } from "../merging/averaged_folder.ts";
import { checkSoupMembers } from "../merging/soup_members.ts";
import { bootstrapMean, type Interval } from "../numbers/bootstrap.ts";
import type { LoadOptions } from "../scoring/load_options.ts";
import { RewardModel } from "../scoring/reward_model.ts";
import type { Row } from "../data/rows.ts";
import { PromptClusters } from "./evaluate/prompt_cluster.ts";
import type { RepeatableRows } from "./repeatable_rows.ts";
import type { LoadScorer } from "./score/open_scorer.ts";
import { scoreRows } from "./score/score_rows.ts";

/** How to sweep. */
export interface SweepOptions {
  /** Points of each line, its ends too; 11 by default. */
  readonly steps?: number | undefined;
  /** How models are loaded. */
  readonly load?: LoadOptions | undefined;
  /** Loads a model; `RewardModel.load` by default. */
  readonly loadScorer?: LoadScorer | undefined;
  /** Told how many models were scored with, and of how many. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
  /** Ends the sweep early. */
  readonly signal?: AbortSignal | undefined;
}

/** One averaged model of a line. */
export interface SweepPoint {
  /** λ: weights (1 − λ) φ_from + λ φ_to. */
  readonly lambda: number;
  /** Share of the pairs whose chosen response it prefers; equal scores count one half. */
  readonly accuracy: Interval;
  /** (1 − λ) Acc_from + λ Acc_to: what a line between the ends would have. */
  readonly expected: number;
  /** Accuracy less that, paired by pair. */
  readonly gain: Interval;
}

/** Accuracies along the line between two sets of weights. */
export interface SweepLine {
  /** Name of the model at λ = 0. */
  readonly from: string;
  /** Name of the model at λ = 1, or `average` of all. */
  readonly to: string;
  /** In ascending λ. */
  readonly points: readonly SweepPoint[];
  /** Whether no point's gain is below 0 beyond its interval: linear mode connectivity is not refuted. */
  readonly connected: boolean;
}

/** What a sweep found. */
export interface SoupSweep {
  /** Pairs that every model scored. */
  readonly pairs: number;
  /** Rows that are no pair, or that a model could not score. */
  readonly left_out: number;
  /** One line from the first model to the second; of more models one from each to their average. */
  readonly lines: readonly SweepLine[];
}

/**
 * Accuracy of averaged weights on held pairs, along the line between models (linear mode connectivity,
 * WARM, arXiv 2401.12187): where it holds, Acc((1 − λ) φ_1 + λ φ_2) ≥ (1 − λ) Acc(φ_1) + λ Acc(φ_2).
 * Each average is made as it is loaded, bit for bit what `writeSoup` would write; nothing is written, and
 * one model is in memory at a time.
 *
 * @example
 * ```ts
 * import { rowsInMemory, sweepSoup } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const model = "tests/golden/parity/llama";
 * const pairs = rowsInMemory([{ prompt: "2 + 2?", chosen: "4", rejected: "5" }]);
 * const { lines } = await sweepSoup([model, model], pairs, { steps: 3 });
 * assert.deepEqual(lines[0]?.points.map(({ gain }) => gain.estimate), [0, 0, 0]);
 * ```
 *
 * @param models Folders, URLs or names on the hub of two or more checkpoints that can be averaged.
 * @param rows Held pairs; read once for every model.
 * @param options How many points, how models are loaded.
 * @returns Plain JSON.
 * @throws {AssayError} What opening and averaging throws; `evaluation/no-label` where no row is a pair
 *   that every model scores.
 */
export async function sweepSoup(
  models: readonly string[],
  rows: RepeatableRows,
  options: SweepOptions = {},
): Promise<SoupSweep> {
  const { steps = 11 } = options;
  checkOptions("merging/bad-option", "sweep", { steps }, { steps: wholeFrom(2) });
  using opened = new DisposableStack();
  const members: SoupMember[] = [];
  for (const model of models) {
    const folder = await openFolder(model);
    members.push({ folder, checkpoint: opened.use(await Checkpoint.open(folder)) });
  }
  await checkSoupMembers(members.map(({ checkpoint }) => checkpoint));
  const plan = planOf(members, steps);
  const wins = new Map<string, Wins>();
  for (const weights of plan.weights) {
    const key = weights.join(" ");
    if (wins.has(key)) continue;
    wins.set(key, await winsOf(members, weights, rows, options));
    options.onProgress?.(wins.size, plan.distinct);
  }
  return report(plan.lines, wins);
}

/** What sums of shares may differ by. */
const rounding = 1e-12;

/** The averages along each line. */
interface Line {
  readonly from: string;
  readonly to: string;
  readonly lambdas: readonly number[];
  readonly weights: readonly (readonly number[])[];
}

function planOf(members: readonly SoupMember[], steps: number) {
  const count = members.length;
  const lambdas = Array.from({ length: steps }, (_, step) => step / (steps - 1));
  const at = (from: number, lambda: number): number[] =>
    members.map((_, member) =>
      count === 2
        ? member === 0 ? 1 - lambda : lambda
        : (member === from ? 1 - lambda : 0) + lambda / count
    );
  const froms = count === 2 ? [0] : members.map((_, member) => member);
  const lines = froms.map((from): Line => ({
    from: members[from]!.folder.name,
    to: count === 2 ? members[1]!.folder.name : "average",
    lambdas,
    weights: lambdas.map((lambda) => at(from, lambda)),
  }));
  const weights = lines.flatMap((line) => line.weights);
  return { lines, weights, distinct: new Set(weights.map((own) => own.join(" "))).size };
}

/** For each row 1, ½ or 0; NaN where it is no pair or has no scores. And the cluster of its prompt. */
interface Wins {
  readonly wins: readonly number[];
  readonly prompts: readonly number[];
}

async function winsOf(
  members: readonly SoupMember[],
  weights: readonly number[],
  rows: RepeatableRows,
  { load = {}, loadScorer = RewardModel.load, signal }: SweepOptions,
): Promise<Wins> {
  using scorer = await loadScorer(averagedFolder(members, weights), { ...load, signal });
  const clusters = new PromptClusters();
  const wins: number[] = [];
  const prompts: number[] = [];
  for await (const { row } of scoreRows(rows.read(), scorer, { signal })) {
    wins.push(winOf(row));
    prompts.push(clusters.of(row));
  }
  return { wins, prompts };
}

function winOf({ chosen_score: chosen, rejected_score: rejected, error }: Row): number {
  if (typeof chosen !== "number" || typeof rejected !== "number" || error !== undefined) return NaN;
  return (Math.sign(chosen - rejected) + 1) / 2;
}

function report(lines: readonly Line[], all: ReadonlyMap<string, Wins>): SoupSweep {
  const scored = [...all.values()];
  const { wins: first, prompts } = scored[0]!;
  const kept = [...first.keys()].filter((row) =>
    scored.every(({ wins }) => !Number.isNaN(wins[row]))
  );
  if (kept.length === 0) {
    throw new AssayError(
      "evaluation/no-label",
      "Cannot sweep: expected pairs (chosen and rejected) that every model scores, found none among " +
        `${first.length} rows`,
    );
  }
  const mean = meanByPrompt(kept, prompts);
  return {
    pairs: kept.length,
    left_out: first.length - kept.length,
    lines: lines.map(({ from, to, lambdas, weights }) => {
      const wins = weights.map((own) => all.get(own.join(" "))!.wins);
      const [start, end] = [wins[0]!, wins.at(-1)!];
      const points = lambdas.map((lambda, step): SweepPoint => {
        const between = (row: number) => start[row]! + lambda * (end[row]! - start[row]!);
        const accuracy = mean((row) => wins[step]![row]!);
        const gain = mean((row) => wins[step]![row]! - between(row));
        return { lambda, accuracy, expected: accuracy.estimate! - gain.estimate!, gain };
      });
      const isBelow = ({ gain }: SweepPoint): boolean => (gain.high ?? 0) < -rounding;
      return { from, to, points, connected: !points.some(isBelow) };
    }),
  };
}

/** Means over rows, with intervals that draw prompts. */
function meanByPrompt(
  rows: readonly number[],
  prompts: readonly number[],
): (value: (row: number) => number) => Interval {
  const numbers = new Map([...new Set(rows.map((row) => prompts[row]!))].map((p, i) => [p, i]));
  const clusters = rows.map((row) => numbers.get(prompts[row]!)!);
  const counts = new Float64Array(numbers.size);
  for (const cluster of clusters) counts[cluster]!++;
  return (value) => {
    const sums = new Float64Array(numbers.size);
    rows.forEach((row, place) => sums[clusters[place]!]! += value(row));
    return bootstrapMean({ sums, counts });
  };
}
