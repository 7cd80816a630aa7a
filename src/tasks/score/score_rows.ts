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
import type { Conversation } from "../../text/conversation.ts";
import { rowCalibration } from "../calibrate/calibrate_rows.ts";
import type { OutputRow } from "../output_row.ts";
import { failedRow, type ScoreColumnsOptions, scoredRow } from "./score_columns.ts";

/** What scoring rows needs of a reward model; `RewardModel` is one. */
export interface Scorer {
  /** Name and commit of a model of the hub; for the column `scored_by`. */
  readonly hubName?: string | undefined;
  /** Verdicts in the order of the conversations, with bounded memory. */
  scoreStream(
    conversations: AsyncIterable<Conversation>,
    options?: ScoreOptions,
  ): AsyncIterable<Verdict>;
}

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

/** A row that waits for its verdicts, or for the rows before it. */
interface WaitingRow {
  readonly read: ReadRow;
  readonly shape: RowConversations | AssayError;
  readonly conversations: readonly Conversation[];
  readonly verdicts: Verdict[];
}

/** Rows that may wait at once without asking for a verdict; else a long run of bad rows would pile up. */
const mostWaitingRows = 4096;

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
  const output = (waiting: WaitingRow): ScoredRow => {
    const scored = outputRow(waiting, { hubName: scorer.hubName, ...options });
    return calibrate === undefined ? scored : { ...scored, ...calibrate(scored.row) };
  };
  const input = rows[Symbol.asyncIterator]();
  const nextRow = untilAborted(() => input.next(), signal);
  const waiting: WaitingRow[] = [];
  const progress = { ended: false };
  try {
    while (!progress.ended) {
      const conversations = conversationsOf(nextRow, waiting, progress);
      const stream = scorer.scoreStream(conversations, { signal, onProgress });
      let next = 0; // the first waiting row that lacks a verdict
      for await (const verdict of stream) {
        while (isComplete(waiting[next]!)) next++;
        waiting[next]!.verdicts.push(verdict);
        while (waiting.length > 0 && isComplete(waiting[0]!)) {
          next = 0;
          yield output(waiting.shift()!);
        }
      }
      while (waiting.length > 0) yield output(waiting.shift()!);
    }
  } finally {
    const closed = input.return?.();
    // After an interrupt the input may never give the row that it was asked for.
    if (!signal?.aborted) await closed;
  }
}

/**
 * The conversations of the rows that follow, while the rows themselves go to `waiting`. Ends with the
 * input, or when so many rows without any conversation wait that they must be handed on first.
 */
async function* conversationsOf(
  nextRow: () => Promise<IteratorResult<ReadRow>>,
  waiting: WaitingRow[],
  progress: { ended: boolean },
): AsyncGenerator<Conversation> {
  let withoutVerdict = 0;
  while (withoutVerdict < mostWaitingRows) {
    const { done, value } = await nextRow();
    if (done) {
      progress.ended = true;
      return;
    }
    const row = waitingRow(value);
    waiting.push(row);
    if (row.conversations.length === 0) withoutVerdict++;
    yield* row.conversations;
  }
}

/** The same function, whose promise does not outlast the signal: a pipe may be silent for ever. */
function untilAborted<Value>(
  next: () => Promise<Value>,
  signal: AbortSignal | undefined,
): () => Promise<Value> {
  if (signal === undefined) return next;
  // Not Promise.race: the promise of an abort would keep something of every row that ever came.
  let giveUp: ((reason: unknown) => void) | undefined;
  signal.addEventListener("abort", () => giveUp?.(signal.reason), { once: true });
  return () =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(signal.reason);
      giveUp = reject;
      next().then(resolve, reject);
    });
}

function waitingRow(read: ReadRow): WaitingRow {
  let shape: RowConversations | AssayError;
  try {
    shape = read.error ?? conversationsOfRow(read.row!);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    shape = new AssayError(error.code, `Row ${read.line}: ${error.message}`, { cause: error });
  }
  const conversations = shape instanceof AssayError ? [] : conversationsInOrder(shape);
  return { read, shape, conversations, verdicts: [] };
}

function isComplete(row: WaitingRow): boolean {
  return row.verdicts.length === row.conversations.length;
}

function outputRow(waiting: WaitingRow, options: ScoreRowsOptions): ScoredRow {
  const { read, shape, verdicts } = waiting;
  const tokens = verdicts.reduce((sum, verdict) => sum + verdict.tokens, 0);
  const row = shape instanceof AssayError
    ? failedRow(read.row ?? { line: read.line }, shape)
    : scoredRow(read.row!, shape.kind, verdicts, options);
  return { row, failed: row.error !== undefined, conversations: verdicts.length, tokens };
}
