import { readRows } from "../data/read_rows.ts";
import type { ReadRow, RowFormat } from "../data/rows.ts";
import type { ProgressBar } from "../cli/progress_bar.ts";

/** An input that can be read more than once. */
export interface RepeatableRows {
  /**
   * The rows from the first one on.
   *
   * @param label What the progress bar calls the reading.
   */
  read(label: string): AsyncIterable<ReadRow>;
}

/**
 * Rows that a fit reads and that are then read again to be written. A file is read twice; standard
 * input and pipes, which can't be, are kept in memory.
 *
 * @param input A path, or `-` for standard input.
 * @param format The file format, where the name does not tell it.
 * @param bar Shows how far the reading is.
 */
export async function repeatableRows(
  input: string,
  format: RowFormat | undefined,
  bar: ProgressBar,
): Promise<RepeatableRows> {
  const fromInput = (label: string): AsyncGenerator<ReadRow> =>
    readRows(input, {
      format,
      onBytes: ({ read, byteLength }) => bar.update(label, read, byteLength),
    });
  if (await isFile(input)) return { read: fromInput };
  let kept: ReadRow[] | undefined;
  return {
    async *read(label: string) {
      if (kept !== undefined) {
        yield* kept;
        return;
      }
      kept = [];
      for await (const row of fromInput(label)) {
        kept.push(row);
        yield row;
      }
    },
  };
}

async function isFile(input: string): Promise<boolean> {
  if (input === "-") return false;
  try {
    return (await Deno.stat(input)).isFile;
  } catch {
    return false; // the reading itself says what is wrong
  }
}
