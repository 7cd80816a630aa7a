import { readRows, type ReadRowsOptions } from "../../data/read_rows.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { undoCuratedRow } from "../../voting/curated_row.ts";

/** A row as it was before it was curated, or why it can't be made again. */
export type UndoneRow =
  | { readonly row: Row; readonly error: undefined }
  | {
    readonly row: undefined;
    readonly error: AssayError;
    /** The file, and the line in it, from 1. */
    readonly input: string;
    readonly line: number;
  };

/**
 * Undoes a curation: puts the rows of the curated file and of the file of dropped rows together again,
 * in their old order, each as it was.
 *
 * @example
 * ```ts
 * import { curateRows, rowsInMemory, undoCuration } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const voted = { prompt: "2 + 2?", chosen: "5", rejected: "4", strength_mean: -2.7 };
 * const curation = await curateRows(rowsInMemory([voted]), "flip", { below: -1 });
 * const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 * for await (const { row } of curation.rows()) {
 *   await Deno.writeTextFile(path, `${JSON.stringify(row)}\n`, { append: true });
 * }
 * for await (const { row } of undoCuration([path])) assert.deepEqual(row, voted);
 * ```
 *
 * @param inputs The curated file, and the dropped rows where there are any.
 * @param options The files' format, where their names don't tell.
 */
export async function* undoCuration(
  inputs: readonly string[],
  options: Pick<ReadRowsOptions, "format" | "delimiter"> = {},
): AsyncGenerator<UndoneRow> {
  for await (const { item, input } of merged(inputs, options)) {
    let undone: UndoneRow;
    try {
      undone = { row: undoneRow(item), error: undefined };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      undone = { row: undefined, error, input, line: item.line };
    }
    yield undone;
  }
}

function undoneRow({ row, error }: ReadRow): Row {
  if (row === undefined) throw error;
  if (row.action === "goal") {
    throw new AssayError(
      "voting/not-curated",
      "Cannot undo a relabelling with goals: it makes two rows of each; keep the file it was " +
        "made from",
    );
  }
  return row.action === undefined && row.error !== undefined
    ? withoutError(row)
    : undoCuratedRow(row);
}

function withoutError(row: Row): Row {
  const { error: _, source_row: __, ...rest } = row;
  return rest;
}

/** The rows of several files by their `source_row`; a row without one comes as soon as it is met. */
async function* merged(
  inputs: readonly string[],
  options: Pick<ReadRowsOptions, "format" | "delimiter">,
): AsyncGenerator<{ item: ReadRow; input: string }> {
  const readers = inputs.map((input) => ({ input, rows: readRows(input, options) }));
  const heads = await Promise.all(readers.map(({ rows }) => rows.next()));
  while (true) {
    let least: number | undefined;
    heads.forEach((head, index) => {
      if (!head.done && (least === undefined || placeOf(head) < placeOf(heads[least]!))) {
        least = index;
      }
    });
    if (least === undefined) return;
    const reader = readers[least]!;
    yield { item: heads[least]!.value!, input: reader.input };
    heads[least] = await reader.rows.next();
  }
}

function placeOf({ value }: IteratorResult<ReadRow, unknown>): number {
  const place = (value as ReadRow).row?.source_row;
  return typeof place === "number" ? place : -1;
}
