import type { CsvOptions } from "./read_csv.ts";
import { indexedFile, notInOrder, startsWith } from "./indexed_file.ts";
import { type BytesRead, type InputBytes, inputChunks, openInput } from "./input_bytes.ts";
import { readJsonText } from "./read_json_text.ts";
import {
  checkFormat,
  delimiterOfName,
  formatOfName,
  type ReadRow,
  type RowFormat,
} from "./rows.ts";

/** How to read an input. */
export interface ReadRowsOptions {
  /** The file format; by default what the name's extension tells, else JSON Lines. */
  readonly format?: RowFormat | undefined;
  /** What stands between the fields of CSV; by default a comma, or a tab in `.tsv`. */
  readonly delimiter?: string | undefined;
  /** Told how much of the input has been read, for progress. */
  readonly onBytes?: ((bytes: BytesRead) => void) | undefined;
}

/**
 * Reads the rows of a file or of standard input, one at a time and in order, with bounded memory.
 *
 * Formats are JSON Lines, CSV, Parquet and Arrow (files, which Feather calls its version 2, and streams of
 * record batches). JSON Lines and CSV may be packed by gzip or Zstandard (recognised by their first bytes); a file that
 * is one JSON list is read item by item. A line that is no row is an item with `error` set
 * (`data/bad-row`) and the reading goes on; only an input that can't be opened or read at all throws. An
 * empty input has no rows.
 *
 * @example
 * ```ts
 * import { readRows } from "@assay/assay/data";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".jsonl" });
 * await Deno.writeTextFile(path, '{"prompt":"Hi","response":"Hello"}\nnot a row\n');
 * const lines = [];
 * for await (const { line, row, error } of readRows(path)) {
 *   lines.push([line, row?.prompt ?? error?.code]);
 * }
 * assert.deepEqual(lines, [[1, "Hi"], [2, "data/bad-row"]]);
 * ```
 *
 * @param input A path, or `-` for standard input.
 * @param options The format, where the name does not tell it, and who is told of progress.
 * @throws {AssayError} `data/no-such-file`, `data/no-permission`, `data/bad-file`; `data/delimiter`,
 *   `data/line-ends` and `data/json-layout` for a file whose rows are laid out in another way.
 */
export async function* readRows(
  input: string,
  options: ReadRowsOptions = {},
): AsyncGenerator<ReadRow> {
  checkFormat(options.format);
  const format = options.format ?? formatOfName(input) ?? "jsonl";
  // Rows come in batches as far as here: a generator's turn for each row, in every room that it
  // passes, would cost more than the parsing.
  for await (const rows of rowBatches(input, format, options)) {
    for (const row of rows) yield row;
  }
}

/** How to read a stream. */
export interface ReadRowStreamOptions {
  /** What error messages call it; `the stream` by default. */
  readonly name?: string | undefined;
  /** The format; JSON Lines by default. Parquet has its index at its end, and no stream is read as such. */
  readonly format?: RowFormat | undefined;
  /** What stands between the fields of CSV; a comma by default. */
  readonly delimiter?: string | undefined;
}

/**
 * Reads the rows of a stream of bytes, such as the body of a request or of an answer, as
 * {@linkcode readRows} does those of a file: JSON Lines, CSV, or a stream of Arrow record batches, plain
 * or packed by gzip or Zstandard. With bounded memory; where the rows are wanted no further, the stream
 * is cancelled.
 *
 * @example
 * ```ts
 * import { readRowStream } from "@assay/assay/data";
 * import assert from "node:assert/strict";
 *
 * const answer = new Response('{"prompt":"Hi","response":"Hello."}\n');
 * const [first] = await Array.fromAsync(readRowStream(answer.body!));
 * assert.equal(first?.row?.response, "Hello.");
 * ```
 *
 * @throws {AssayError} `data/bad-file`, and what {@linkcode readRows} throws for a file's layout.
 */
export async function* readRowStream(
  stream: AsyncIterable<Uint8Array>,
  { name = "the stream", format = "jsonl", delimiter }: ReadRowStreamOptions = {},
): AsyncGenerator<ReadRow> {
  checkFormat(format);
  const chunks = inputChunks(name, stream, { isText: format !== "arrow" });
  const csv = { delimiter, isGiven: delimiter !== undefined };
  for await (const rows of streamedRows({ name, chunks }, format, csv)) {
    for (const row of rows) yield row;
  }
}

async function* rowBatches(
  input: string,
  format: RowFormat,
  { delimiter, onBytes }: ReadRowsOptions,
): AsyncGenerator<readonly ReadRow[]> {
  if (format === "parquet") {
    const { readParquet } = await import("./read_parquet.ts");
    return yield* indexedFile({ path: input, kind: "Parquet", onBytes, read: readParquet });
  }
  if (format === "arrow" && input !== "-" && await startsWith(input, "ARROW1")) {
    const { readArrowFile } = await import("./read_arrow.ts");
    return yield* indexedFile({ path: input, kind: "an Arrow file", onBytes, read: readArrowFile });
  }
  const csv = { delimiter: delimiter ?? delimiterOfName(input), isGiven: delimiter !== undefined };
  yield* streamedRows(await openInput(input, onBytes, format !== "arrow"), format, csv);
}

/** Rows of bytes that come in order. */
async function* streamedRows(
  { name, chunks }: InputBytes,
  format: RowFormat,
  csv: CsvOptions,
): AsyncGenerator<readonly ReadRow[]> {
  switch (format) {
    case "jsonl":
      return yield* readJsonText(name, chunks);
    // What the others need is loaded where it is wanted.
    case "csv":
      return yield* (await import("./read_csv.ts")).readCsv(name, chunks, csv);
    case "arrow":
      return yield* (await import("./read_arrow.ts")).readArrowStream(name, chunks);
    case "parquet":
      throw notInOrder(name, "Parquet");
  }
}
