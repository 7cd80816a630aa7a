import type { AsyncBuffer } from "hyparquet";
import { DEFAULT_PARSERS } from "hyparquet/src/convert.js";
import { AssayError } from "../error.ts";
import { parseJson } from "./json_text.ts";
import { readFooter } from "./parquet_footer.ts";
import { type ColumnValues, readGroup } from "./parquet_group.ts";
import { badRow } from "./read_json_lines.ts";
import type { ReadRow, Row } from "./rows.ts";

/** Rows that come at a time at most. */
const windowRows = 32;

/** Stands for text that is not UTF-8 until its row is known. */
class UndecodableText {}

/**
 * Reads rows from Parquet, a page of each column after another. Neither the file nor a row group is
 * ever in memory as a whole, however large its row groups are.
 *
 * Values come as JSON has them: 64-bit integers as numbers where exact, else as `bigint`; dates and
 * times as ISO 8601 strings; binary columns as text where they are UTF-8, else as base64. A row that
 * holds text that is not UTF-8, or JSON that is none, is an item with an error.
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
    const metadata = await readFooter(file);
    for (const group of metadata.row_groups) {
      for await (const columns of readGroup({ file, metadata, parsers }, group, windowRows)) {
        const rows = rowsOf(line, columns);
        line += rows.length;
        yield rows;
      }
    }
  } catch (error) {
    if (error instanceof AssayError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new AssayError("data/bad-file", `Cannot read ${name} as Parquet: ${reason}`, {
      cause: error,
    });
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

function decodeJson(bytes: Uint8Array | undefined): unknown {
  const text = decodeText(bytes);
  if (typeof text !== "string") return text;
  try {
    return parseJson(text);
  } catch {
    return new UndecodableText();
  }
}

const parsers = { ...DEFAULT_PARSERS, stringFromBytes: decodeText, jsonFromBytes: decodeJson };

function rowsOf(line: number, columns: readonly ColumnValues[]): ReadRow[] {
  const count = columns[0]?.[1].length ?? 0;
  return Array.from({ length: count }, (_, index) => {
    try {
      const row: Row = Object.fromEntries(
        columns.map(([column, values]) => [column, jsonValue(column, values[index])]),
      );
      return { line: line + index, row, error: undefined };
    } catch (error) {
      return badRow(line + index, error instanceof Error ? error.message : String(error));
    }
  });
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
