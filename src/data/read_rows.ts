import type { AsyncBuffer } from "hyparquet";
import { AssayError } from "../error.ts";
import { type BytesRead, inputError, openInput } from "./input_bytes.ts";
import { readJsonText } from "./read_json_text.ts";
import {
  checkFormat,
  delimiterOfName,
  formatOfName,
  type ReadRow,
  type RowFormat,
} from "./rows.ts";
import { folderFound } from "../runtime/failure.ts";
import type { OpenedFile } from "../runtime/file_types.ts";
import { files } from "../runtime/files.ts";

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
 * JSON Lines and CSV may be packed by gzip or Zstandard (recognised by their first bytes); a file that
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

async function* rowBatches(
  input: string,
  format: RowFormat,
  { delimiter, onBytes }: ReadRowsOptions,
): AsyncGenerator<readonly ReadRow[]> {
  if (format === "parquet") return yield* readParquetFile(input, onBytes);
  const { name, chunks } = await openInput(input, onBytes);
  if (format === "csv") {
    const { readCsv } = await import("./read_csv.ts"); // loaded where it is wanted, as Parquet is
    yield* readCsv(name, chunks, {
      delimiter: delimiter ?? delimiterOfName(input),
      isGiven: delimiter !== undefined,
    });
  } else yield* readJsonText(name, chunks);
}

async function* readParquetFile(
  path: string,
  onBytes: ReadRowsOptions["onBytes"],
): AsyncGenerator<readonly ReadRow[]> {
  if (path === "-") {
    throw new AssayError(
      "data/bad-file",
      "Cannot read Parquet from standard input: its index stands at its end; save it as a file first",
    );
  }
  let file: OpenedFile | undefined;
  try {
    file = await files.open(path, { read: true });
    const { size, isFile } = await file.stat();
    if (!isFile) throw folderFound(path);
    const { readParquet } = await import("./read_parquet.ts");
    yield* readParquet(path, fileBuffer(file, size, onBytes));
  } catch (error) {
    throw inputError(path, error);
  } finally {
    file?.close();
  }
}

/** A file as hyparquet wants it: positional reads, one at a time. */
function fileBuffer(
  file: OpenedFile,
  byteLength: number,
  onBytes: ReadRowsOptions["onBytes"],
): AsyncBuffer {
  let last: Promise<unknown> = Promise.resolve();
  let read = 0;
  const readRange = async (start: number, end: number): Promise<ArrayBuffer> => {
    const bytes = new Uint8Array(end - start);
    await file.seek(start, 0);
    for (let offset = 0; offset < bytes.length;) {
      const count = await file.read(bytes.subarray(offset));
      if (count === null) throw new Error("the file ends before its data");
      offset += count;
    }
    read += bytes.length;
    onBytes?.({ read: Math.min(read, byteLength), byteLength });
    return bytes.buffer;
  };
  return {
    byteLength,
    slice(start: number, end: number = byteLength): Promise<ArrayBuffer> {
      // One after another, because a seek and its read must not be torn apart by another's.
      const range = last.then(() => readRange(start, Math.min(end, byteLength)));
      last = range.catch(() => undefined);
      return range;
    },
  };
}
