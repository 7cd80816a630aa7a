import { AssayError } from "../error.ts";
import { ColumnTypes } from "./column_types.ts";
import { type ByteSink, checkWritable, fileSink, gzipSink } from "./byte_sink.ts";
import { writeRecords } from "./csv_records.ts";
import { checkFormat, delimiterOfName, formatOfName, type Row, type RowFormat } from "./rows.ts";
import { namelessFile } from "./temporary_file.ts";
import { waitingRows } from "./waiting_rows.ts";
import { writtenRow } from "./unwritable_row.ts";
import { writeWholeFile } from "./whole_file.ts";

/** Where rows go. Every row is written in the order of the calls; `close` must be awaited at the end. */
export interface RowWriter {
  /** Writes one row. Resolves when the writer is ready for the next (backpressure). */
  write(row: Row): Promise<void>;
  /** Writes what is left, and ends the file. */
  close(): Promise<void>;
}

/** Who hears of rows that can't be written as they are. */
export interface RowWriterOptions {
  /**
   * Told of each row that holds what the output can't: it was written without that, and with an
   * `error` (`data/unwritable-row`).
   */
  readonly onUnwritable?: ((error: AssayError) => void) | undefined;
}

/** Characters gathered before they are written. */
const gatheredCharacters = 65536;
/** Milliseconds after which rows are written even though few are gathered, so that a reader sees them come. */
const gatheringTime = 100;

/**
 * Writes rows as JSON Lines: one object on a line, keys in their order, `bigint` as its digits, NaN
 * and infinities as `null`.
 *
 * @param sink Where the bytes go; closed with the writer.
 * @param options Who hears of rows that JSON can't hold.
 */
export function jsonLinesWriter(sink: ByteSink, options: RowWriterOptions = {}): RowWriter {
  const encoder = new TextEncoder();
  let text = "";
  let flushedAt = 0;
  const flush = async () => {
    const bytes = encoder.encode(text);
    text = "";
    flushedAt = performance.now();
    if (bytes.length > 0) await sink.write(bytes);
  };
  return {
    async write(row: Row): Promise<void> {
      const written = writtenRow(row);
      if (written.error !== undefined) options.onUnwritable?.(written.error);
      text += written.text + "\n";
      const isDue = text.length >= gatheredCharacters ||
        performance.now() - flushedAt >= gatheringTime;
      if (isDue) await flush();
    },
    async close(): Promise<void> {
      await flush();
      await sink.close();
    },
  };
}

/** How to write a file of rows. */
export interface RowFileOptions extends RowWriterOptions {
  /** The file format; by default what the name's extension tells, else JSON Lines. */
  readonly format?: RowFormat | undefined;
}

/**
 * Creates a file of rows, or replaces it: JSON Lines as the rows come; CSV, Parquet and Arrow when the writer
 * is closed, because their columns and types are known only when the last row is. Until then the rows
 * wait in a nameless temporary file in the same folder, which must be permitted
 * (`--allow-write=FOLDER`) and of which an interrupted run leaves nothing.
 *
 * No output stays half written: where a file of JSON Lines can't be written any further, it ends with
 * its last whole row; CSV, Parquet, Arrow and gzipped files are there as a whole or not at all. A row that an
 * output can't hold never ends it: see {@linkcode RowWriterOptions}.
 *
 * A name that ends in `.gz` is gzipped (JSON Lines and CSV).
 *
 * CSV (in `.tsv` with tabs): one column for every key of any row, in the order in which keys first appear; `null` and
 * absent are empty; lists and objects are JSON text. Parquet and Arrow: booleans, whole numbers (64 bits), other numbers (NaN and
 * infinities: null), strings, lists, and objects with every key that any row has (absent: null); values
 * that fit no one type, and `tools`, `tool_calls` and the like, are JSON text, annotated as such.
 *
 * @example
 * ```ts
 * import { readRows, writeRowFile } from "@assay/assay/data";
 * import assert from "node:assert/strict";
 *
 * const path = await Deno.makeTempFile({ suffix: ".parquet" });
 * const writer = await writeRowFile(path);
 * await writer.write({ id: 1, scores: [0.5, 0.25] });
 * await writer.close();
 * for await (const { row } of readRows(path)) {
 *   assert.deepEqual(row, { id: 1, scores: [0.5, 0.25] });
 * }
 * ```
 *
 * @param path The file's path; `.jsonl`, `.csv`, `.parquet` or `.arrow` tells the format.
 * @param options The format, where the name does not tell it, and who hears of bad rows.
 * @throws {AssayError} `data/cannot-write` where the file can't be created, or written any further, or
 *   its name says that it is packed in a way that is not written.
 */
export async function writeRowFile(path: string, options: RowFileOptions = {}): Promise<RowWriter> {
  checkFormat(options.format);
  const packing = /\.(zst|zstd|bz2|xz|zip|lz4)$/i.exec(path)?.[1];
  if (packing !== undefined) {
    throw new AssayError(
      "data/cannot-write",
      `Cannot write ${path}: rows are written plain or gzipped (.gz), not as .${packing}`,
    );
  }
  const format = options.format ?? formatOfName(path) ?? "jsonl";
  if (format === "jsonl") return jsonLinesWriter(await fileSink(path), options);
  await checkWritable(path); // a path that can't be written fails early
  const waiting = await waitingRows(path, (error) => options.onUnwritable?.(error));
  const columns = new Set<string>();
  const types = new ColumnTypes();
  return {
    async write(row: Row): Promise<void> {
      const { row: writable, text, error } = writtenRow(row);
      if (error !== undefined) options.onUnwritable?.(error);
      for (const column of Object.keys(writable)) columns.add(column);
      if (format !== "csv") types.add(writable);
      await waiting.write(text);
    },
    async close(): Promise<void> {
      try {
        await waiting.flush();
        if (format === "csv") {
          await writeCsv(path, [...columns], () => waiting.read(), delimiterOfName(path));
        } else await writeTyped(path, format, types, () => waiting.read());
      } finally {
        await waiting.close();
      }
    },
  };
}

/**
 * Makes sure that a file of rows can be written, before long work is done for it; nothing is changed.
 * For all but JSON Lines, that is its folder too.
 *
 * @throws {AssayError} `data/cannot-write`.
 */
export async function checkRowFile(path: string): Promise<void> {
  await checkWritable(path);
  if ((formatOfName(path) ?? "jsonl") === "jsonl") return;
  await (await namelessFile(path)).close();
}

/** Writes Parquet or Arrow in the rows' own types; where those turn out not to hold them, in the loosest. */
async function writeTyped(
  path: string,
  format: "parquet" | "arrow",
  types: ColumnTypes,
  rows: () => AsyncIterable<Row>,
): Promise<void> {
  const write = format === "parquet" // loaded where it is wanted
    ? (await import("./write_parquet.ts")).writeParquet
    : (await import("./write_arrow_file.ts")).writeArrowFile;
  try {
    await writeWholeFile(path, (sink) => write(sink, types, rows()));
  } catch (error) {
    if (error instanceof AssayError) throw error;
    await writeWholeFile(path, (sink) => write(sink, types.loosened(), rows()));
  }
}

async function writeCsv(
  path: string,
  columns: readonly string[],
  rows: () => AsyncIterable<Row>,
  delimiter: string,
): Promise<void> {
  await writeWholeFile(path, async (file) => {
    const sink = path.endsWith(".gz") ? gzipSink(file) : file;
    if (columns.length > 0) await writeRecords(sink, columns, rows(), delimiter);
    await sink.close();
  });
}
