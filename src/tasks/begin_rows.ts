import type { ReadRow } from "../data/rows.ts";

/**
 * Reads the first row at once, so that an input that can't be read fails before a model is loaded.
 *
 * @example
 * ```ts
 * import { readRows } from "@assay/assay/data";
 * import { beginRows } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * await assert.rejects(beginRows(readRows("no/such.jsonl")), { code: "data/no-such-file" });
 * assert.notEqual(await beginRows(readRows("examples/conversations.jsonl")), undefined);
 * ```
 *
 * @param rows The rows, none of which has been read.
 * @returns All of the rows; `undefined` where there are none: then no model need be loaded.
 */
export async function beginRows(
  rows: AsyncIterable<ReadRow>,
): Promise<AsyncIterable<ReadRow> | undefined> {
  const seen = await withFirst(rows);
  return seen.first && seen.rows;
}

/** Rows whose first one has been looked at. */
export interface SeenRows {
  /** All of the rows. */
  readonly rows: AsyncIterable<ReadRow>;
  /** The first of them; `undefined` where there are none. */
  readonly first: ReadRow | undefined;
}

/** Looks at the first row, and gives all of them. */
export async function withFirst(rows: AsyncIterable<ReadRow>): Promise<SeenRows> {
  const iterator = rows[Symbol.asyncIterator]();
  const { done, value } = await iterator.next();
  async function* all(): AsyncGenerator<ReadRow> {
    try {
      if (!done) yield value;
      for (let next; !(next = await iterator.next()).done;) yield next.value;
    } finally {
      await iterator.return?.();
    }
  }
  return { rows: all(), first: done ? undefined : value };
}
