import {
  conversationsInOrder,
  conversationsOfRow,
  type RowConversations,
} from "../../data/row_conversations.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { Verdict } from "../../scoring/verdict.ts";
import type { Conversation } from "../../text/conversation.ts";
import { failedRow, type ScoreColumnsOptions, scoredRow } from "./score_columns.ts";

/** What scoring rows needs of a reward model; `RewardModel` is one. */
export interface Scorer {
  /** Verdicts in the order of the conversations, with bounded memory. */
  scoreStream(
    conversations: AsyncIterable<Conversation>,
    options?: { signal?: AbortSignal },
  ): AsyncIterable<Verdict>;
}

/** How to score rows. */
export interface ScoreRowsOptions extends ScoreColumnsOptions {
  /** Ends the scoring early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** One output row. */
export interface ScoredRow {
  /** The input row and the columns of its verdicts. */
  readonly row: Row;
  /** Whether the row has an `error`. */
  readonly failed: boolean;
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
 * Scores rows as they come and gives them back in their order, each with its verdicts' columns. A row
 * that is bad, or whose conversation can't be scored, has an `error` instead; the others go on.
 *
 * @param rows The input.
 * @param scorer The reward model.
 */
export async function* scoreRows(
  rows: AsyncIterable<ReadRow>,
  scorer: Scorer,
  options: ScoreRowsOptions = {},
): AsyncGenerator<ScoredRow> {
  const { signal } = options;
  const input = rows[Symbol.asyncIterator]();
  const nextRow = untilAborted(() => input.next(), signal);
  const waiting: WaitingRow[] = [];
  const progress = { ended: false };
  try {
    while (!progress.ended) {
      const conversations = conversationsOf(nextRow, waiting, progress);
      const stream = scorer.scoreStream(conversations, signal === undefined ? {} : { signal });
      let next = 0; // the first waiting row that lacks a verdict
      for await (const verdict of stream) {
        while (isComplete(waiting[next]!)) next++;
        waiting[next]!.verdicts.push(verdict);
        while (waiting.length > 0 && isComplete(waiting[0]!)) {
          next = 0;
          yield outputRow(waiting.shift()!, options);
        }
      }
      while (waiting.length > 0) yield outputRow(waiting.shift()!, options);
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
