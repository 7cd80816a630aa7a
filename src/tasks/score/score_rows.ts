import {
  conversationsInOrder,
  conversationsOfRow,
  type RowConversations,
} from "../../data/row_conversations.ts";
import type { Calibrator } from "../../calibration/calibrator.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { ScoreOptions } from "../../scoring/load_options.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import { rowCalibration } from "../calibrate/calibrate_rows.ts";
import type { OutputRow } from "../output_row.ts";
import { failedRow, type ScoreColumnsOptions, scoredRow } from "./score_columns.ts";
import type { Scorer } from "./scorer.ts";
import { type ToScore, verdictsInOrder } from "./verdicts_in_order.ts";

/** How to score rows. */
export interface ScoreRowsOptions extends ScoreColumnsOptions {
  /** Ends the scoring early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Told of the conversations that were scored, and of each layer that was streamed. */
  readonly onProgress?: ScoreOptions["onProgress"];
  /** Adds calibrated scores, as {@linkcode calibrateRows} does. */
  readonly calibrator?: Calibrator | undefined;
}

/** One scored row: the input row and the columns of its verdicts. */
export interface ScoredRow extends OutputRow {
  /** Conversations scored for the row. */
  readonly conversations: number;
  /** Tokens of those conversations together. */
  readonly tokens: number;
}

/** A row, and what its conversations are. */
export interface RowToScore {
  readonly read: ReadRow;
  readonly shape: RowConversations | AssayError;
}

/**
 * Scores rows as they come and gives them back in their order, each with its verdicts' columns: what
 * `assay score` writes. A row that is bad, or whose conversation can't be scored, has an `error`
 * instead; the others go on. No more rows are held than the model computes together.
 *
 * | shape of the row | added | with `explain` |
 * |---|---|---|
 * | one conversation (`messages`, or `prompt` and `response`) | `score`, `tokens` | `rewards`, `coefficients`, `gating` |
 * | pair (`chosen` and `rejected`) | `chosen_score`, `rejected_score`, `margin`, `chosen_tokens`, `rejected_tokens` | `chosen_rewards`, `rejected_rewards`, and so on |
 * | best of N (`responses`) | `scores`, `best` (from 0), `tokens` | lists `rewards`, `coefficients`, `gating` |
 *
 * @example
 * ```ts
 * import { openScorer, rowsInMemory, scoreRows } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * using model = await openScorer({ model: "tests/golden/parity/llama" });
 * const rows = rowsInMemory([{ id: 7, prompt: "2 + 2?", chosen: "4", rejected: "5" }]);
 * for await (const { row, failed } of scoreRows(rows.read(), model)) {
 *   assert.equal(failed, false);
 *   assert.equal(row.id, 7);
 *   assert.equal(row.margin, Number(row.chosen_score) - Number(row.rejected_score));
 * }
 * ```
 *
 * @param rows The input: `readRows(file)` of `@assay/assay/data`, or `rowsInMemory(rows).read()`.
 * @param scorer The reward model: `openScorer`'s, a `RewardModel` or a `RewardModelWorker`.
 * @throws {AssayError} `gpu/…` where the device fails as a whole; the signal's reason on abort.
 */
export async function* scoreRows(
  rows: AsyncIterable<ReadRow>,
  scorer: Scorer,
  options: ScoreRowsOptions = {},
): AsyncGenerator<ScoredRow> {
  const { signal, onProgress } = options;
  const calibrate = options.calibrator && rowCalibration(options.calibrator);
  const settings = { hubName: scorer.hubName, ...options };
  for await (const scored of verdictsInOrder(rows, rowToScore, scorer, { signal, onProgress })) {
    const output = judgedRow(scored.item, scored.verdicts, settings);
    yield calibrate === undefined ? output : { ...output, ...calibrate(output.row) };
  }
}

/** The conversations of a row, or why it has none. */
export function rowShape(read: ReadRow): RowConversations | AssayError {
  try {
    return read.error ?? conversationsOfRow(read.row!);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return new AssayError(error.code, `Row ${read.line}: ${error.message}`, { cause: error });
  }
}

function rowToScore(read: ReadRow): ToScore<RowToScore> {
  const shape = rowShape(read);
  const conversations = shape instanceof AssayError ? [] : conversationsInOrder(shape);
  return { item: { read, shape }, conversations };
}

/** The output row of a row whose verdicts are known, whoever gave them. */
export function judgedRow(
  { read, shape }: RowToScore,
  verdicts: readonly Verdict[],
  options: ScoreColumnsOptions,
): ScoredRow {
  const tokens = verdicts.reduce((sum, verdict) => sum + verdict.tokens, 0);
  const row = shape instanceof AssayError
    ? failedRow(read.row ?? { line: read.line }, shape)
    : scoredRow(read.row!, shape.kind, verdicts, options);
  return { row, failed: row.error !== undefined, conversations: verdicts.length, tokens };
}
