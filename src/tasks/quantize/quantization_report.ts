import { discordantShare } from "../../numbers/ranks.ts";
import { RewardModel } from "../../scoring/reward_model.ts";
import type { LoadOptions } from "../../scoring/load_options.ts";
import type { QuantizedWeights } from "../../scoring/weights_name.ts";
import type { RepeatableRows } from "../repeatable_rows.ts";
import { scoreRows } from "../score/score_rows.ts";

/** How scores of a model with quantized weights differ from those of the model itself. */
export interface QuantizationReport {
  /** What the weights were quantized to. */
  readonly weights: QuantizedWeights;
  /** Inputs that share a scale. */
  readonly group: 32 | 128;
  /** Rows of the input. */
  readonly rows: number;
  /** Those that are left out, since one of the models has no score for them. */
  readonly failed: number;
  /** Conversations that are compared. */
  readonly scores: number;
  /** Largest |Δscore|; `null` where nothing was compared. */
  readonly largestChange: number | null;
  /** Mean |Δscore|. */
  readonly meanChange: number | null;
  /** Standard deviation of the model's own scores, to hold the changes against. */
  readonly spread: number | null;
  /** Kendall's τ over all scores; pairs that are tied in either count as unchanged. */
  readonly kendall: number | null;
  /** Pairs of a row's responses. */
  readonly pairs: number;
  /** Share of them whose preferred side is the same. */
  readonly agreement: number | null;
  /** Bytes of the model's own weights on the device. */
  readonly weightBytes: number;
  /** The same quantized. */
  readonly quantizedWeightBytes: number;
}

/** What to compare. */
export interface QuantizationReportOptions extends Omit<LoadOptions, "weights" | "weightGroup"> {
  /** Forms that are compared with the model itself, one after another. */
  readonly weights: readonly QuantizedWeights[];
  /** Inputs that share a scale: 32 (the default) or 128. */
  readonly group?: 32 | 128 | undefined;
  /** Told of each row that was scored, and by which model. */
  readonly onRow?: ((weights: QuantizedWeights | undefined, rows: number) => void) | undefined;
}

/** Scores of rows; `null` for a row that has none. */
interface ModelScores {
  readonly rows: readonly (readonly number[] | null)[];
  readonly weightBytes: number;
}

/**
 * Compares the scores of a model with quantized weights with its own, on rows: those of pairs, of single
 * conversations, of candidates. One model is loaded at a time. A bad row is counted and ends nothing.
 *
 * @example
 * ```ts
 * import { reportQuantization, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = rowsInMemory([{ prompt: "2 + 2?", chosen: "4", rejected: "5" }, { prompt: 7 }]);
 * const [report] = await reportQuantization("tests/golden/parity/llama", rows, { weights: ["int8"] });
 * assert.equal(report?.pairs, 1);
 * assert.equal(report?.failed, 1);
 * ```
 *
 * @param model Folder or URL of the checkpoint, whose weights are not quantized.
 * @param rows Read once for each model.
 * @throws {AssayError} What loading and scoring throw.
 */
export async function reportQuantization(
  model: string,
  rows: RepeatableRows,
  { weights, group = 32, onRow, ...load }: QuantizationReportOptions,
): Promise<QuantizationReport[]> {
  const own = await scoresOf(model, rows, load, (count) => onRow?.(undefined, count));
  const reports: QuantizationReport[] = [];
  for (const form of weights) {
    const options = { ...load, weights: form, weightGroup: group };
    const quantized = await scoresOf(model, rows, options, (count) => onRow?.(form, count));
    reports.push({ weights: form, group, ...compared(own, quantized) });
  }
  return reports;
}

async function scoresOf(
  source: string,
  rows: RepeatableRows,
  load: LoadOptions,
  onRow: (rows: number) => void,
): Promise<ModelScores> {
  using model = await RewardModel.load(source, load);
  const scores: (readonly number[] | null)[] = [];
  for await (const { row, failed } of scoreRows(rows.read(), model, { signal: load.signal })) {
    scores.push(failed ? null : numbersOf(row));
    onRow(scores.length);
  }
  return { rows: scores, weightBytes: model.plan.weightBytes };
}

function numbersOf(row: Readonly<Record<string, unknown>>): readonly number[] {
  if (Array.isArray(row.scores)) return row.scores as number[];
  if (typeof row.margin === "number") return [row.chosen_score, row.rejected_score] as number[];
  return [row.score as number];
}

function compared(own: ModelScores, quantized: ModelScores) {
  const before: number[] = [];
  const after: number[] = [];
  const counts = { failed: 0, pairs: 0, agreeing: 0 };
  own.rows.forEach((scores, index) => {
    const others = quantized.rows[index] ?? null;
    if (scores === null || others === null) {
      counts.failed++;
      return;
    }
    before.push(...scores);
    after.push(...others);
    for (let i = 0; i < scores.length; i++) {
      for (let j = i + 1; j < scores.length; j++) {
        counts.pairs++;
        const preferred = Math.sign(scores[i]! - scores[j]!);
        if (preferred === Math.sign(others[i]! - others[j]!)) counts.agreeing++;
      }
    }
  });
  const changes = before.map((score, i) => Math.abs(score - after[i]!));
  const discordant = discordantShare(before, after);
  return {
    rows: own.rows.length,
    failed: counts.failed,
    scores: before.length,
    largestChange: changes.length === 0 ? null : changes.reduce((a, b) => Math.max(a, b), 0),
    meanChange: meanOf(changes),
    spread: spreadOf(before),
    kendall: discordant === null ? null : 1 - 2 * discordant,
    pairs: counts.pairs,
    agreement: counts.pairs === 0 ? null : counts.agreeing / counts.pairs,
    weightBytes: own.weightBytes,
    quantizedWeightBytes: quantized.weightBytes,
  };
}

function meanOf(numbers: readonly number[]): number | null {
  return numbers.length === 0 ? null : numbers.reduce((sum, x) => sum + x, 0) / numbers.length;
}

function spreadOf(numbers: readonly number[]): number | null {
  const mean = meanOf(numbers);
  if (mean === null) return null;
  return Math.sqrt(meanOf(numbers.map((x) => (x - mean) ** 2))!);
}
