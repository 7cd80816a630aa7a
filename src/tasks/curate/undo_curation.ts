import { readRows } from "../../data/read_rows.ts";
import type { ReadRow, RowFormat } from "../../data/rows.ts";
import type { RowWriter } from "../../data/write_rows.ts";
import { AssayError } from "../../error.ts";
import { undoCuratedRow } from "../../voting/curated_row.ts";
import type { Output } from "../../cli/output.ts";

/**
 * Undoes a curation: puts the rows of the curated file and of the file of dropped rows together again,
 * in their old order, each as it was.
 *
 * @param inputs The curated file, and the dropped rows where there are any.
 * @param format The files' format, where their names don't tell.
 * @param writer Where the rows go.
 * @param output Told which rows fail.
 * @returns Number of rows written.
 */
export async function undoCuration(
  inputs: readonly string[],
  format: RowFormat | undefined,
  writer: RowWriter,
  output: Output,
): Promise<number> {
  let written = 0;
  for await (const { item, input } of merged(inputs, format)) {
    try {
      if (item.row === undefined) throw item.error;
      if (item.row.action === "goal") {
        throw new AssayError(
          "voting/not-curated",
          "Cannot undo a relabelling with goals: it makes two rows of each; keep the file it was " +
            "made from",
        );
      }
      await writer.write(
        item.row.action === undefined && item.row.error !== undefined
          ? withoutError(item.row)
          : undoCuratedRow(item.row),
      );
      written++;
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      await output.warn(`line ${item.line} of ${input}: ${error.message} [${error.code}]`);
      output.rowFailed();
    }
  }
  return written;
}

function withoutError(row: NonNullable<ReadRow["row"]>): NonNullable<ReadRow["row"]> {
  const { error: _, source_row: __, ...rest } = row;
  return rest;
}

/** The rows of several files by their `source_row`; a row without one comes as soon as it is met. */
async function* merged(
  inputs: readonly string[],
  format: RowFormat | undefined,
): AsyncGenerator<{ item: ReadRow; input: string }> {
  const readers = inputs.map((input) => ({ input, rows: readRows(input, { format }) }));
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
