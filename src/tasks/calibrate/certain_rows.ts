import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import type { OutputRow } from "../output_row.ts";

/** How many rows a fit read, and why some could not be used. */
export interface UsedRows {
  /** Rows read. */
  readonly read: number;
  /** Rows that could not be used. */
  readonly failed: number;
  /** Why the first of those could not. */
  readonly firstFailure: { readonly code: string; readonly message: string } | null;
}

/**
 * Gives every row to a fit, and counts those that it can't use.
 *
 * @param rows The rows.
 * @param doing What can't be done, as in `Cannot <doing> on any of 3 rows`.
 * @param use Takes a row, or throws an `AssayError`.
 * @throws {AssayError} Where no row can be used, why the first one can't.
 */
export async function usedRows(
  rows: AsyncIterable<ReadRow>,
  doing: string,
  use: (row: Row) => void,
): Promise<UsedRows> {
  let [read, failed] = [0, 0];
  let first: AssayError | undefined;
  for await (const { row, error } of rows) {
    read++;
    try {
      if (row === undefined) throw error!;
      use(row);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      failed++;
      first ??= error;
    }
  }
  if (first !== undefined && failed === read) {
    throw new AssayError(
      first.code,
      `Cannot ${doing} on any of ${read} rows. The first: ${first.message}`,
    );
  }
  return { read, failed, firstFailure: first?.toJSON() ?? null };
}

/** A row that could not be used: its columns are there, and empty; its own error goes before. */
export function failedRow(read: ReadRow, columns: Row, error?: AssayError): OutputRow {
  if (read.row === undefined) {
    return { row: { line: read.line, error: read.error!.toJSON() }, failed: true };
  }
  return {
    row: { ...read.row, ...columns, error: read.row.error ?? error!.toJSON() },
    failed: true,
  };
}

/** Whether a row came with an error. */
export function rowHasError({ error }: Row): boolean {
  return error !== undefined && error !== null && error !== "";
}
