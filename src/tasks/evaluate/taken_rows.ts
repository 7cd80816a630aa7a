import type { ReadRow, Row } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";

/** What became of the rows that were read. */
export interface RowCounts {
  /** Rows read, and those of them that could not be evaluated. */
  readonly rows: { readonly read: number; readonly failed: number };
  /** Why the first of those could not. */
  readonly firstFailure: { readonly code: string; readonly message: string } | undefined;
}

/** Rows taken one by one, and what became of them: one that can't be evaluated is counted. */
export class TakenRows {
  readonly #take: (row: Row) => void;
  readonly #counts = { read: 0, failed: 0 };
  #firstFailure: RowCounts["firstFailure"];

  /**
   * Nothing yet.
   *
   * @param take Takes a row; an `AssayError` that it throws is that row's failure.
   */
  constructor(take: (row: Row) => void) {
    this.#take = take;
  }

  /** Takes a row. */
  add(read: ReadRow): void {
    this.#counts.read++;
    try {
      if (read.error !== undefined) throw read.error;
      this.#take(read.row!);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      this.#counts.failed++;
      this.#firstFailure ??= ownError(read.row) ?? error;
    }
  }

  /**
   * What became of them.
   *
   * @throws {AssayError} Where no row can be evaluated, why the first one can't.
   */
  counts(): RowCounts {
    const [rows, firstFailure] = [this.#counts, this.#firstFailure];
    if (firstFailure !== undefined && rows.failed === rows.read) {
      throw new AssayError(
        firstFailure.code,
        `Cannot evaluate any of ${rows.read} rows. The first: ${firstFailure.message}`,
      );
    }
    return { rows, firstFailure };
  }
}

/** Why a row has no score, where the scoring told. */
function ownError(row: Row | undefined): RowCounts["firstFailure"] {
  const error = row?.error as { code?: unknown; message?: unknown } | null | undefined;
  if (typeof error?.code !== "string" || typeof error.message !== "string") return undefined;
  return { code: error.code, message: error.message };
}
