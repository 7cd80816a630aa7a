import type { RecordBatch } from "apache-arrow";
import type { ReadRow } from "./rows.ts";

/** A record batch of `apache-arrow`, whichever copy of that package made it. */
export interface ArrowRecordBatch {
  /** How many rows it has. */
  readonly numRows: number;
  /** Names and types of its columns. */
  readonly schema: { readonly fields: readonly { readonly name: string }[] };
  /** The values of a column. */
  getChildAt(index: number): unknown;
}

/** Record batches as a program may hold them: an Arrow table, a reader, or any batches one by one. */
export type RecordBatches =
  | { readonly batches: readonly ArrowRecordBatch[] }
  | Iterable<ArrowRecordBatch>
  | AsyncIterable<ArrowRecordBatch>;

/**
 * The rows of Arrow record batches, as `readRows` gives those of a file: of a table or a reader of
 * `apache-arrow`, or of batches that a program makes. No more than a batch is held.
 *
 * Values come as JSON has them: 64-bit integers as numbers where exact, else as `bigint`; dates and
 * times as ISO 8601 strings; decimals as numbers; binary columns as text where they are UTF-8, else as
 * base64; maps as objects. A row that holds JSON that is none is an item with an error.
 *
 * @example
 * ```ts
 * import { readRecordBatches } from "@assay/assay/data";
 * import { tableFromArrays } from "apache-arrow";
 * import assert from "node:assert/strict";
 *
 * const table = tableFromArrays({ prompt: ["Hi", "2+2?"], response: ["Hello.", "4"] });
 * const [, second] = await Array.fromAsync(readRecordBatches(table));
 * assert.deepEqual(second?.row, { prompt: "2+2?", response: "4" });
 * ```
 */
export async function* readRecordBatches(batches: RecordBatches): AsyncGenerator<ReadRow> {
  const { rowsOfBatch } = await import("./batch_rows.ts"); // with all of Arrow, where it is wanted
  let line = 1;
  for await (const batch of "batches" in batches ? batches.batches : batches) {
    for (const row of rowsOfBatch(batch as RecordBatch, line)) yield row;
    line += batch.numRows;
  }
}
