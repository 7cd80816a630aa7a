import { checkOptions, wholeFrom } from "../check_options.ts";
import { ColumnTypes } from "./column_types.ts";
import type { Row } from "./rows.ts";

/** How rows are divided among record batches. */
export interface ArrowStreamOptions {
  /** Rows of a batch at most; 1,024 by default. */
  readonly rowsPerBatch?: number | undefined;
}

/**
 * Rows as a stream of Arrow record batches (Arrow's IPC format), for libraries of data frames: a chunk
 * of bytes for each batch, which together are one stream, `apache-arrow`'s `tableFromIPC` takes as they
 * are, and a request or a file may hold. The columns' types are found from all the rows, which must
 * therefore be in memory; for more rows than that, `writeRowFile` writes an Arrow file.
 *
 * Booleans become Bool, whole numbers Int64, other numbers Float64 (NaN and infinities: null), strings
 * Utf8, lists List, objects Struct (absent keys: null), and values that fit no one type JSON text,
 * annotated as `arrow.json`.
 *
 * @example
 * ```ts
 * import { arrowStream } from "@assay/assay/data";
 * import { tableFromIPC } from "apache-arrow";
 * import assert from "node:assert/strict";
 *
 * const rows = [{ id: 1n, scores: [0.5, 0.25] }, { id: 2n }];
 * const table = await tableFromIPC(arrowStream(rows));
 * assert.equal(table.numRows, 2);
 * assert.deepEqual([...table.getChild("scores")!.get(0)], [0.5, 0.25]);
 * ```
 *
 * @throws {AssayError} `data/bad-option`.
 */
export async function* arrowStream(
  rows: readonly Row[],
  options: ArrowStreamOptions = {},
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const kinds = { rowsPerBatch: wholeFrom(1) };
  checkOptions("data/bad-option", "write record batches", options, kinds);
  const { rowsPerBatch = 1024 } = options;
  const types = new ColumnTypes();
  for (const row of rows) types.add(row);
  const [{ RecordBatchStreamWriter }, { arrowChunks }] = await Promise.all([
    import("apache-arrow"), // where it is wanted
    import("./write_arrow.ts"),
  ]);
  yield* arrowChunks(new RecordBatchStreamWriter(), { types, rows, rowsPerBatch });
}
