import type { ReadRowsOptions } from "../data/read_rows.ts";
import type { ReadRow } from "../data/rows.ts";
import { beginRows } from "../tasks/begin_rows.ts";
import { inputRows } from "../tasks/dataset_rows.ts";
import { downloadReport } from "./from_hub.ts";
import type { ProgressBar } from "./progress_bar.ts";
import type { Output } from "./output.ts";
import { standardInput } from "../runtime/standard_streams.ts";

/**
 * The input's rows. The first one is read at once, so that an input that can't be read fails before a
 * model is loaded.
 *
 * @param input A path, `-` for standard input, or `hf:datasets/…` for a data set of the hub.
 * @param options How to read.
 * @param output Told where the keyboard is read, and where there is no row.
 * @param bar Shows a download.
 * @param signal Ends a download.
 * @returns The rows, or `undefined` where there are none: then no model need be loaded.
 * @throws {AssayError} `data/no-such-file` and the others of `readRows`.
 */
export async function startReading(
  input: string,
  options: ReadRowsOptions,
  output: Output,
  bar: ProgressBar,
  signal?: AbortSignal,
): Promise<AsyncIterable<ReadRow> | undefined> {
  if (input === "-" && standardInput().isTerminal) {
    await output.note("reading rows from the keyboard; Ctrl-D ends them");
  }
  const rows = await beginRows(
    inputRows(input, options, downloadReport(output, bar, signal)),
  );
  if (rows === undefined) {
    await output.note(`${input === "-" ? "standard input" : input} has no rows`);
  }
  return rows;
}
