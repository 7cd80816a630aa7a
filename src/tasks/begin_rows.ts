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
  rows: AsyncGenerator<ReadRow>,
): Promise<AsyncIterable<ReadRow> | undefined> {
  const first = await rows.next();
  if (first.done) return undefined;
  return (async function* () {
    try {
      yield first.value;
      yield* rows;
    } finally {
      await rows.return(undefined);
    }
  })();
}
