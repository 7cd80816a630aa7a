import { readRows, type ReadRowsOptions } from "../../data/read_rows.ts";
import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { undoCuratedRow } from "../../voting/curated_row.ts";
import { isFailedRow, undoFailedRow } from "./failed_row.ts";

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
 * in their old order, each with the columns and values that it had. How the input's text spelt them
 * (spaces, escapes, `1.0` for 1, line ends, blank lines) is not kept. From JSON Lines the rows are
 * exactly those; CSV and Parquet give columns that a row lacked as empty ones.
 *
 * What can't be given back comes out as an error: a line that was no row, and rows that are in none of
 * the files.
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
  const found = new Set<number>();
  let last: { input: string; line: number } | undefined;
  for await (const { item, input } of merged(inputs, options)) {
    last = { input, line: item.line };
    const place = placeOf({ done: false, value: item });
    if (place >= 0) found.add(place);
    let undone: UndoneRow;
    try {
      undone = { row: undoneRow(item), error: undefined };
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      undone = { row: undefined, error, input, line: item.line };
    }
    yield undone;
  }
  const error = missingRows(found);
  if (error !== undefined && last !== undefined) yield { row: undefined, error, ...last };
}

/** What tells that the files together are not all that the curation wrote. */
function missingRows(found: ReadonlySet<number>): AssayError | undefined {
  let last = -1;
  for (const place of found) last = Math.max(last, place);
  const count = last + 1 - found.size;
  if (count === 0) return undefined;
  const first: number[] = [];
  for (let place = 0; first.length < Math.min(count, 5); place++) {
    if (!found.has(place)) first.push(place);
  }
  return new AssayError(
    "voting/missing-rows",
    `Cannot give back ${count} of the rows that were curated: expected every source_row from 0 to ` +
      `${last}, found none of ${first.join(", ")}${count > first.length ? ", …" : ""}; name the ` +
      "file of dropped rows too",
  );
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
  return isFailedRow(row) ? undoFailedRow(row) : undoCuratedRow(row);
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
