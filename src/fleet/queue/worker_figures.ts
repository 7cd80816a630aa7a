import { AssayError } from "../../error.ts";
import type { RowResult } from "./verdict_text.ts";

/** What a worker has done so far. */
export class WorkerFigures {
  #jobs = 0;
  #rows = 0;
  #failed = 0;
  #conversations = 0;
  #tokens = 0;
  #seconds = 0;

  /** Counts a job whose result is in the queue. */
  add(rows: readonly RowResult[]): void {
    this.#jobs++;
    this.#rows += rows.length;
    for (const row of rows) {
      const verdicts = row instanceof AssayError ? [] : row;
      this.#conversations += verdicts.length;
      for (const { tokens } of verdicts) this.#tokens += tokens;
      if (row instanceof AssayError || verdicts.some(({ error }) => error !== null)) this.#failed++;
    }
  }

  /** Counts time that the model computed. */
  computed(milliseconds: number): void {
    this.#seconds += milliseconds / 1000;
  }

  /** All of it. */
  get told(): WorkerCounts {
    return {
      jobs: this.#jobs,
      rows: this.#rows,
      failed: this.#failed,
      conversations: this.#conversations,
      tokens: this.#tokens,
      seconds: this.#seconds,
    };
  }
}

/** A worker's counts since it was started. */
export interface WorkerCounts {
  readonly jobs: number;
  readonly rows: number;
  /** Rows in which a conversation has no score. */
  readonly failed: number;
  readonly conversations: number;
  readonly tokens: number;
  /** Seconds that the model computed. */
  readonly seconds: number;
}
