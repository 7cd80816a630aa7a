import type { Row } from "../data/rows.ts";
import type { AssayError } from "../error.ts";
import { jsonLinesWriter, type RowWriter, writeRowFile } from "../data/write_rows.ts";
import type { Output } from "./output.ts";
import { table, type TableDetail, type TableLine } from "./table.ts";

/** How a command shows its rows as a table. */
export interface RowTable {
  /** The columns' names; those that end in `#` are aligned to the right. */
  readonly header: TableLine;
  /** The cells of one output row, which is row `number` of the output, from 1. */
  line(row: Row, number: number): TableLine;
  /** What stands below that line, indented, a line each. */
  details?(row: Row): readonly TableDetail[];
}

/** Where a command's rows go, as its flags say. */
export interface RowOutputOptions {
  /** `--format`: `jsonl` or `table`. */
  readonly format?: string | undefined;
  /** `--output`: a file instead of standard output. */
  readonly output?: string | undefined;
}

/**
 * The writer of a command's rows: a file where `--output` names one, else standard output, as JSON
 * Lines or as a table. Standard output is never closed.
 *
 * @param output The command's output.
 * @param options The flags.
 * @param rowTable How rows look as a table.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function rowOutput(
  output: Output,
  options: RowOutputOptions,
  rowTable: RowTable,
): Promise<RowWriter> {
  if (options.output !== undefined) return await rowFile(options.output, output);
  if (options.format !== "table") {
    const sink = {
      write: (bytes: Uint8Array): Promise<void> => output.write(bytes),
      close: (): Promise<void> => Promise.resolve(),
    };
    return jsonLinesWriter(sink, { onUnwritable: unwritableRows(output) });
  }
  const lines = table(output, rowTable.header);
  let number = 0;
  return {
    write: (row: Row): Promise<void> =>
      lines.add(rowTable.line(row, ++number), rowTable.details?.(row)),
    close: (): Promise<void> => lines.close(),
  };
}

/**
 * The writer of a file of rows. A row that the file can't hold is told, and counts as failed.
 *
 * @param path The file.
 * @param output The command's output.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function rowFile(path: string, output: Output): Promise<RowWriter> {
  return await writeRowFile(path, { onUnwritable: unwritableRows(output) });
}

/** Rows told one by one; the others are like them. */
const toldRows = 5;

function unwritableRows(output: Output): (error: AssayError) => void {
  let count = 0;
  return ({ message, code }) => {
    output.rowFailed();
    if (++count <= toldRows) void output.warn(`${message} [${code}]`);
  };
}
