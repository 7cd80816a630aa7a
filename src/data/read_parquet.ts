import {
  type AsyncBuffer,
  type FileMetaData,
  parquetMetadataAsync,
  parquetReadObjects,
} from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { AssayError } from "../error.ts";
import { badRow } from "./read_json_lines.ts";
import type { ReadRow, Row } from "./rows.ts";

/** Rows decoded at a time where the file says which pages hold them. */
const windowRows = 1024;

/** Stands for text that is not UTF-8 until its row is known. */
class UndecodableText {}

/**
 * Reads rows from Parquet, one row group after another, and within a row group a window of rows
 * after another where the file has an offset index. The file is never in memory as a whole.
 *
 * Values come as JSON has them: 64-bit integers as numbers where exact, else as `bigint`; dates and
 * times as ISO 8601 strings; binary columns as text where they are UTF-8, else as base64. A row that
 * holds text that is not UTF-8 is an item with an error.
 *
 * @param name What error messages call the file.
 * @param file The file's bytes: any object with `byteLength` and `slice(start, end)`.
 * @throws {AssayError} `data/bad-file` where the file is no Parquet or is damaged.
 */
export async function* readParquet(
  name: string,
  file: AsyncBuffer,
): AsyncGenerator<readonly ReadRow[]> {
  let line = 1;
  try {
    const metadata = await parquetMetadataAsync(file);
    for (const { start, end } of rowWindows(metadata)) {
      const rows = await parquetReadObjects({
        file,
        metadata,
        compressors,
        rowStart: start,
        rowEnd: end,
        utf8: false,
        useOffsetIndex: true,
        parsers: { stringFromBytes: decodeText },
      });
      yield rows.map((row) => readRowOf(line++, row));
    }
  } catch (error) {
    if (error instanceof AssayError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssayError("data/bad-file", `Cannot read ${name} as Parquet: ${reason}`, {
      cause: error,
    });
  }
}

/** The ranges of rows to decode at a time, in order. */
function* rowWindows(metadata: FileMetaData): Generator<{ start: number; end: number }> {
  let start = 0;
  for (const group of metadata.row_groups) {
    const groupEnd = start + Number(group.num_rows);
    // Without an index every window would decode its whole row group again.
    const isIndexed = group.columns.every((column) => column.offset_index_offset !== undefined);
    const step = isIndexed ? windowRows : groupEnd - start;
    for (; start < groupEnd; start = Math.min(start + step, groupEnd)) {
      yield { start, end: Math.min(start + step, groupEnd) };
    }
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

function decodeText(bytes: Uint8Array | undefined): string | UndecodableText | undefined {
  if (!bytes) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return new UndecodableText();
  }
}

function readRowOf(line: number, values: Record<string, unknown>): ReadRow {
  try {
    const row: Row = Object.fromEntries(
      Object.entries(values).map(([column, value]) => [column, jsonValue(column, value)]),
    );
    return { line, row, error: undefined };
  } catch (error) {
    return badRow(line, error instanceof Error ? error.message : String(error));
  }
}

/** A decoded Parquet value as JSON has it. */
function jsonValue(column: string, value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== "object") return value;
  if (value instanceof UndecodableText) {
    throw new Error(`expected UTF-8 text in "${column}", found bytes that are not UTF-8`);
  }
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Uint8Array) {
    const text = decodeText(value);
    return typeof text === "string" ? text : value.toBase64();
  }
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value as unknown[], (item) => jsonValue(column, item));
  }
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, jsonValue(column, inner)]),
  );
}
