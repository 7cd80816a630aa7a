import { AssayError } from "../error.ts";
import { parseJson } from "./json_text.ts";
import { kindOfValue, type ReadRow, type Row } from "./rows.ts";

/** Bytes of one row's text at most; its values may take twenty times as much memory. */
export const longestLine = 2 ** 26;

/** One line of bytes, without its line ending; `bytes` is `undefined` where it was too long to keep. */
export interface ByteLine {
  /** From 1. */
  readonly line: number;
  readonly bytes: Uint8Array | undefined;
}

/**
 * Cuts bytes into lines at `\n`: for each chunk, the lines that end in it. A line may span any number
 * of chunks and is joined once.
 *
 * @param chunks Bytes in order.
 * @param limit Bytes of one line at most; a longer line is skipped and comes out without its bytes.
 */
export async function* splitLines(
  chunks: AsyncIterable<Uint8Array>,
  limit: number = longestLine,
): AsyncGenerator<readonly ByteLine[]> {
  let line = 1;
  let pieces: Uint8Array[] = [];
  let length = 0;
  const take = (piece: Uint8Array) => {
    length += piece.length;
    if (length > limit) pieces = [];
    else if (piece.length > 0) pieces.push(piece);
  };
  const finish = (): ByteLine => {
    const bytes = length > limit ? undefined : join(pieces, length);
    pieces = [];
    length = 0;
    return { line: line++, bytes };
  };
  for await (const chunk of chunks) {
    const lines: ByteLine[] = [];
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      take(chunk.subarray(start, end));
      lines.push(finish());
      start = end + 1;
    }
    // Copied, because a stream may use the chunk's memory again.
    take(chunk.slice(start));
    yield lines;
  }
  if (length > 0) yield [finish()];
}

function join(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const piece of pieces) {
    whole.set(piece, offset);
    offset += piece.length;
  }
  return whole;
}

/** The error of one line that is no row. */
export function badRow(line: number, problem: string, cause?: unknown): ReadRow {
  const message = `Cannot read line ${line}: ${problem}`;
  return { line, row: undefined, error: new AssayError("data/bad-row", message, { cause }) };
}

/**
 * Reads rows from JSON Lines, for each chunk those that end in it. Blank lines are skipped, but
 * counted. A line that is no JSON object, or not UTF-8, is an item with an error, and the reading
 * goes on.
 *
 * @param chunks The bytes of the file, without a byte-order mark.
 */
export async function* readJsonLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly ReadRow[]> {
  for await (const lines of splitLines(chunks)) {
    yield lines.map(rowOfBytes).filter((row) => row !== undefined);
  }
}

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The row in the bytes of a line, or of an item of a list; `undefined` where they are blank. */
export function rowOfBytes({ line, bytes }: ByteLine): ReadRow | undefined {
  if (bytes === undefined) {
    return badRow(line, `expected at most ${longestLine} bytes on a line, found more`);
  }
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (error) {
    return badRow(line, "expected UTF-8 text, found bytes that are not UTF-8", error);
  }
  return text.trim() === "" ? undefined : rowOfText(line, text);
}

function rowOfText(line: number, text: string): ReadRow {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return badRow(line, `expected a JSON object, found text that is not JSON (${reason})`, error);
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return { line, row: value as Row, error: undefined };
  }
  const hint = Array.isArray(value)
    ? "; turn a file that is one JSON list into JSON Lines with `jq -c '.[]'`"
    : "";
  return badRow(line, `expected a JSON object, found ${kindOfValue(value)}${hint}`);
}
