import type { Row } from "../../data/rows.ts";
import type { RowWriter } from "../../data/write_rows.ts";
import type { ScoredRow } from "../../tasks/score/score_rows.ts";
import type { Interrupt } from "../interrupt.ts";
import type { Output } from "../output.ts";

/** What writing scored rows needs. */
export interface WriteScoredParts {
  readonly output: Output;
  readonly writer: RowWriter;
  readonly interrupt: Interrupt;
  /** Told of every row that was written, and its number, from 1. */
  readonly onRow: (row: Row, number: number) => void;
}

/**
 * Writes scored rows as they come, and closes the writer. An interrupt ends them in order.
 *
 * @returns What they amount to, and whether that is all of them.
 */
export async function writeScored(
  rows: AsyncIterable<ScoredRow>,
  { output, writer, interrupt, onRow }: WriteScoredParts,
): Promise<{ readonly tally: Tally; readonly isWhole: boolean }> {
  const tally = new Tally();
  let isWhole = true;
  try {
    for await (const scored of rows) {
      tally.add(scored);
      if (scored.failed) output.rowFailed();
      await writer.write(scored.row);
      await interrupt.breathe();
      onRow(scored.row, tally.rows);
    }
  } catch (error) {
    if (!interrupt.signal.aborted) throw await closing(writer, error);
    isWhole = false;
    await output.warn("interrupted: the rows that follow were not scored");
    output.rowFailed();
  }
  await writer.close();
  return { tally, isWhole };
}

/** Ends the output before an error is told, so that what was scored until then is not lost. */
async function closing(writer: RowWriter, error: unknown): Promise<unknown> {
  try {
    await writer.close();
  } catch {
    // The first error is the one to tell.
  }
  return error;
}

/** What a run amounts to. */
export class Tally {
  rows = 0;
  #failed = 0;
  #conversations = 0;
  #tokens = 0;
  readonly #start = performance.now();

  add(scored: { failed: boolean; conversations: number; tokens: number }): void {
    this.rows++;
    if (scored.failed) this.#failed++;
    this.#conversations += scored.conversations;
    this.#tokens += scored.tokens;
  }

  /** @param where Where they were scored. */
  toString(where: string): string {
    const seconds = (performance.now() - this.#start) / 1000;
    const failed = this.#failed === 0 ? "" : `, ${this.#failed} failed`;
    return `${this.rows} rows${failed}; ${this.#conversations} conversations, ${this.#tokens} tokens ` +
      `in ${seconds.toFixed(1)} s ${where}`;
  }
}
