/**
 * Files of rows, read and written as the command line does.
 *
 * @module
 */
import { Buffer } from "buffer-in-browsers";
import { AssayError } from "../../src/error.ts";
import { writeRecords } from "../../src/data/csv_records.ts";
import { checkText, kindBytes } from "../../src/data/input_kind.ts";
import { readCsv } from "../../src/data/read_csv.ts";
import { readJsonText } from "../../src/data/read_json_text.ts";
import { delimiterOfName, formatOfName, type ReadRow, type Row } from "../../src/data/rows.ts";
import { writtenRow } from "../../src/data/unwritable_row.ts";
import { download } from "./elements.ts";

/** The rows of a file: JSON Lines, a JSON list or CSV, also gzipped. */
export async function* rowsOfFile(
  file: File,
  onBytes: (read: number) => void = () => {},
): AsyncGenerator<ReadRow> {
  const { name } = file;
  const format = formatOfName(name);
  if (format === "parquet") {
    throw new AssayError(
      "data/bad-file",
      `Cannot read ${name}: this page reads JSON Lines and CSV; Parquet is for the command line, or ` +
        "write it with df.to_json(FILE, orient='records', lines=True)",
    );
  }
  const chunks = chunksOf(file, onBytes);
  const batches = format === "csv"
    ? readCsv(name, buffersOf(chunks), { delimiter: delimiterOfName(name) })
    : readJsonText(name, chunks);
  for await (const rows of batches) yield* rows;
}

/** The bytes as csv-parse wants them where there is no Node: as the library that stands in for Node's. */
async function* buffersOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const { buffer, byteOffset, byteLength } of chunks) {
    yield Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
  }
}

/** Bytes that are read at once. */
const chunkBytes = 256 * 1024;

async function* chunksOf(
  file: File,
  onBytes: (read: number) => void,
): AsyncGenerator<Uint8Array> {
  const head = new Uint8Array(await file.slice(0, kindBytes).arrayBuffer());
  const isGzip = head[0] === 0x1f && head[1] === 0x8b;
  if (!isGzip) {
    checkText(file.name, head);
    for (let at = 0; at < file.size; at += chunkBytes) {
      const bytes = new Uint8Array(await file.slice(at, at + chunkBytes).arrayBuffer());
      onBytes(Math.min(at + chunkBytes, file.size));
      yield at === 0 ? withoutMark(bytes) : bytes;
    }
    return;
  }
  const reader = file.stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  try {
    for (let isFirst = true;; isFirst = false) {
      const { done, value } = await reader.read();
      if (done) return;
      if (isFirst) checkText(file.name, value);
      yield isFirst ? withoutMark(value) : value;
    }
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    const reason = (cause as Error).message;
    throw new AssayError("data/bad-file", `Cannot read ${file.name}: ${reason}`, { cause });
  } finally {
    await reader.cancel().catch(() => {});
  }
}

/** Without the mark with which some programs begin UTF-8. */
function withoutMark(bytes: Uint8Array): Uint8Array {
  const isMarked = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  return isMarked ? bytes.subarray(3) : bytes;
}

/** Rows whose texts are put together before the browser may move them out of memory. */
const gatheredRows = 1000;

/** Output rows that wait to be downloaded. */
export class OutputRows {
  readonly #columns = new Set<string>();
  #lines: string[] = [];
  #blob = new Blob();
  count = 0;
  failures = 0;

  add(row: Row, failed: boolean): void {
    const { row: writable, text } = writtenRow(row);
    for (const column of Object.keys(writable)) this.#columns.add(column);
    this.#lines.push(text + "\n");
    this.count++;
    if (failed) this.failures++;
    if (this.#lines.length >= gatheredRows) this.#gather();
  }

  /** The rows as JSON Lines. */
  file(name: string): File {
    this.#gather();
    return new File([this.#blob], name);
  }

  /** Hands the rows to the user as `name.jsonl` or `name.csv`. */
  async download(name: string, format: "jsonl" | "csv"): Promise<void> {
    const file = this.file(`${name}.jsonl`);
    if (format === "jsonl") return download(file.name, [file], "application/jsonl");
    const parts: BlobPart[] = [];
    const sink = { write: (bytes: BlobPart) => Promise.resolve(void parts.push(bytes)) };
    await writeRecords(sink, [...this.#columns], rowsAgain(file), ",");
    download(`${name}.csv`, parts, "text/csv");
  }

  #gather(): void {
    this.#blob = new Blob([this.#blob, ...this.#lines]);
    this.#lines = [];
  }
}

async function* rowsAgain(file: File): AsyncGenerator<Row> {
  for await (const { row } of rowsOfFile(file)) if (row !== undefined) yield row;
}

/** The name of what is made of a file: `pairs.jsonl.gz` → `pairs-scored`. */
export function outputName(name: string, what: string): string {
  return `${name.replace(/\.gz$/i, "").replace(/\.[a-z0-9]+$/i, "")}-${what}`;
}
