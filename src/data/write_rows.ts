import { stringify } from "csv-stringify/sync";
import { AssayError } from "../error.ts";
import { type ByteSink, fileSink } from "./byte_sink.ts";
import { stringifyJson } from "./json_text.ts";
import { ParquetSchema } from "./parquet_schema.ts";
import { writeParquet } from "./write_parquet.ts";
import { readJsonLines } from "./read_json_lines.ts";
import { delimiterOfName, formatOfName, type Row, type RowFormat } from "./rows.ts";

/** Where rows go. Every row is written in the order of the calls; `close` must be awaited at the end. */
export interface RowWriter {
  /** Writes one row. Resolves when the writer is ready for the next (backpressure). */
  write(row: Row): Promise<void>;
  /** Writes what is left, and ends the file. */
  close(): Promise<void>;
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
 */
export function jsonLinesWriter(sink: ByteSink): RowWriter {
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
      text += stringifyJson(row) + "\n";
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
export interface RowFileOptions {
  /** The file format; by default what the name's extension tells, else JSON Lines. */
  readonly format?: RowFormat | undefined;
}

/**
 * Creates a file of rows, or replaces it: JSON Lines as the rows come; CSV and Parquet when the writer
 * is closed, because their columns and types are known only when the last row is. Until then the rows
 * wait in a file of JSON Lines beside it (`FILE.rows.tmp`), which an interrupted run leaves behind.
 *
 * A name that ends in `.gz` is gzipped (JSON Lines and CSV).
 *
 * CSV (in `.tsv` with tabs): one column for every key of any row, in the order in which keys first appear; `null` and
 * absent are empty; lists and objects are JSON text. Parquet: see {@link ParquetSchema}.
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
 * @param path The file's path; `.jsonl`, `.csv` or `.parquet` tells the format.
 * @param options The format, where the name does not tell it.
 * @throws {AssayError} `data/cannot-write` where the file can't be created, or its name says that it is
 * packed in a way that is not written.
 */
export async function writeRowFile(path: string, options: RowFileOptions = {}): Promise<RowWriter> {
  const packing = /\.(zst|zstd|bz2|xz|zip|lz4)$/i.exec(path)?.[1];
  if (packing !== undefined) {
    throw new AssayError(
      "data/cannot-write",
      `Cannot write ${path}: rows are written plain or gzipped (.gz), not as .${packing}`,
    );
  }
  const format = options.format ?? formatOfName(path) ?? "jsonl";
  if (format === "jsonl") return jsonLinesWriter(await fileSink(path));
  const file = await fileSink(path); // created first, so that a path that can't be written fails early
  const waiting = `${path}.rows.tmp`;
  const rows = jsonLinesWriter(await fileSink(waiting));
  const columns = new Set<string>();
  const schema = new ParquetSchema();
  return {
    write(row: Row): Promise<void> {
      for (const column of Object.keys(row)) columns.add(column);
      if (format === "parquet") schema.add(row);
      return rows.write(row);
    },
    async close(): Promise<void> {
      await rows.close();
      const stored = storedRows(waiting);
      if (format === "csv") await writeCsv(file, [...columns], stored, delimiterOfName(path));
      else await writeParquet(file, schema, stored);
      await Deno.remove(waiting);
    },
  };
}

async function* storedRows(path: string): AsyncGenerator<Row> {
  const file = await Deno.open(path, { read: true });
  for await (const rows of readJsonLines(file.readable)) {
    for (const { row, error } of rows) {
      if (error !== undefined) throw error;
      yield row!;
    }
  }
}

async function writeCsv(
  sink: ByteSink,
  columns: readonly string[],
  rows: AsyncIterable<Row>,
  delimiter: string,
): Promise<void> {
  const encoder = new TextEncoder();
  let records: string[][] = [[...columns]];
  const flush = async () => {
    const bytes = encoder.encode(stringify(records, { delimiter }));
    records = [];
    await sink.write(bytes);
  };
  if (columns.length > 0) {
    for await (const row of rows) {
      records.push(columns.map((column) => cellOf(row[column])));
      if (records.length >= 256) await flush();
    }
    if (records.length > 0) await flush();
  }
  await sink.close();
}

function cellOf(value: unknown): string {
  if (value === undefined || value === null) return "";
  return typeof value === "object" ? stringifyJson(value) : String(value);
}
