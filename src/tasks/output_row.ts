import type { Row } from "../data/rows.ts";

/** One output row of a task. */
export interface OutputRow {
  /** The input row and the columns that the task adds. */
  readonly row: Row;
  /** Whether the row has an `error`. */
  readonly failed: boolean;
}
