import { rowOfBytes, splitLines } from "../../data/read_json_lines.ts";
import { inputError } from "../../data/input_bytes.ts";
import type { ReadRow } from "../../data/rows.ts";
import { AssayError } from "../../error.ts";
import { sha256 } from "../../numbers/sha256.ts";
import { files } from "../../runtime/files.ts";
import { rowText } from "./row_text.ts";
import type { Job } from "./run_plan.ts";

/** A job of an input, with what it carries. */
export interface InputJob {
  readonly job: Job;
  /** Its rows as text, one a line; `undefined` where they stand in a shared file. */
  readonly text: string | undefined;
}

/** How large jobs are. */
export interface JobSize {
  readonly jobRows: number;
  readonly jobBytes: number;
}

/**
 * Cuts rows into jobs that carry them. The same rows give the same jobs, whenever they are cut.
 *
 * @param rows The input.
 * @param size How large jobs are.
 */
export async function* carriedJobs(
  rows: AsyncIterable<ReadRow>,
  { jobRows, jobBytes }: JobSize,
): AsyncGenerator<InputJob> {
  let lines: string[] = [];
  let length = 0;
  let number = 0;
  let before = 0;
  let digest = "";
  const job = async (): Promise<InputJob> => {
    const text = lines.join("\n");
    digest = await sha256(`${digest}\n${text}`);
    const made = { job: { number: number++, rows: lines.length, before, digest }, text };
    before += lines.length;
    lines = [];
    length = 0;
    return made;
  };
  for await (const row of rows) {
    const line = rowText(row);
    if (lines.length > 0 && length + line.length > jobBytes) yield await job();
    lines.push(line);
    length += line.length + 1;
    if (lines.length === jobRows) yield await job();
  }
  if (lines.length > 0) yield await job();
}

/**
 * Cuts a file of JSON Lines into jobs that name ranges of it.
 *
 * @param path The file, as it is read here.
 * @param size How large jobs are.
 * @throws {AssayError} `fleet/not-shareable`, and what opening a file throws.
 */
export async function* sharedJobs(
  path: string,
  { jobRows, jobBytes }: JobSize,
): AsyncGenerator<InputJob> {
  let pieces: Uint8Array[] = [];
  let state = { rows: 0, start: 0, end: 0, line: 1 };
  let number = 0;
  let before = 0;
  let digest = "";
  const job = async (nextLine: number): Promise<InputJob> => {
    const { rows, start, end, line } = state;
    const own = await sha256(new Uint8Array(await new Blob(pieces as BlobPart[]).arrayBuffer()));
    digest = await sha256(`${digest}\n${own}`);
    const place = { start, end, line, digest: own };
    const made: InputJob = {
      job: { number: number++, rows, before, digest, place },
      text: undefined,
    };
    before += rows;
    pieces = [];
    state = { rows: 0, start: end, end, line: nextLine };
    return made;
  };
  for await (const { line, bytes, ended } of fileLines(path)) {
    if (bytes === undefined) throw notShareable(path, `line ${line} is too long`);
    const length = bytes.length + (ended ? 1 : 0);
    // A look at the first byte spares the parsing of nearly all.
    const isRow = bytes[0] === 0x7b || rowOfBytes({ line, bytes }) !== undefined;
    if (isRow && state.rows > 0 && state.end - state.start + length > jobBytes) {
      yield await job(line);
    }
    pieces.push(bytes, ...(ended ? [newLine] : []));
    state.end += length;
    if (!isRow) continue;
    state.rows++;
    if (state.rows === jobRows) yield await job(line + 1);
  }
  if (state.rows > 0) yield await job(0);
}

const newLine = new Uint8Array([10]);

/** The lines of a file, and whether each ends in a line end. */
async function* fileLines(
  path: string,
): AsyncGenerator<{ line: number; bytes: Uint8Array | undefined; ended: boolean }> {
  let chunks: AsyncIterable<Uint8Array>;
  let size: number;
  try {
    const file = await files.open(path, { read: true });
    size = (await file.stat()).size;
    chunks = file.readable;
  } catch (error) {
    throw inputError(path, error);
  }
  let read = 0;
  for await (const lines of splitLines(plainText(path, chunks))) {
    for (const { line, bytes } of lines) {
      read += (bytes?.length ?? 0) + 1;
      yield { line, bytes, ended: read <= size };
    }
  }
}

async function* plainText(
  path: string,
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  let isFirst = true;
  for await (const chunk of chunks) {
    if (isFirst && chunk.length > 0) {
      isFirst = false;
      const found = packings.find(({ bytes }) => bytes.every((byte, at) => chunk[at] === byte));
      if (found !== undefined) throw notShareable(path, found.name);
    }
    yield chunk;
  }
}

const packings = [
  { name: "gzip", bytes: [0x1f, 0x8b] },
  { name: "Zstandard", bytes: [0x28, 0xb5, 0x2f, 0xfd] },
  { name: "Parquet", bytes: [0x50, 0x41, 0x52, 0x31] },
  { name: "an Arrow file", bytes: [0x41, 0x52, 0x52, 0x4f] },
  { name: "a byte-order mark", bytes: [0xef, 0xbb, 0xbf] },
  { name: "a JSON list", bytes: [0x5b] },
] as const;

function notShareable(path: string, found: string): AssayError {
  return new AssayError(
    "fleet/not-shareable",
    `Cannot share ${path}: expected JSON Lines as they are, of which workers read ranges, found ${found}; ` +
      "submit it without --shared, and jobs carry the rows",
  );
}
