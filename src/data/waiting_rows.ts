import type { AssayError } from "../error.ts";
import { writeAll } from "./byte_sink.ts";
import { cannotWrite } from "./cannot_write.ts";
import { parseJson } from "./json_text.ts";
import { splitLines } from "./read_json_lines.ts";
import type { Row } from "./rows.ts";
import { namelessFile } from "./temporary_file.ts";
import { writtenRow } from "./unwritable_row.ts";
import type { OpenedFile } from "../runtime/file_types.ts";

/** A row that can be written can be read, but for numbers beyond 2⁵³ very deep in it. */
function rowOf(text: string, onLost: (error: AssayError) => void): Row {
  try {
    return parseJson(text) as Row;
  } catch (cause) {
    const { row, error } = writtenRow({}, cause);
    onLost(error!);
    return row;
  }
}

/** Rows that wait on disk until all of them are known. */
export interface WaitingRows {
  /** Adds a row, as one line of JSON. */
  write(text: string): Promise<void>;
  /** Writes what was gathered; then the rows can be read. */
  flush(): Promise<void>;
  /** The rows, from the first on. */
  read(): AsyncGenerator<Row>;
  /** Lets go of the file. */
  close(): Promise<void>;
}

/** Characters gathered before they are written, and bytes read at once. */
const gathered = 65536;
/** Milliseconds after which rows are written even though few are gathered. */
const gatheringTime = 100;

/**
 * Makes a place for rows to wait in: a nameless file beside the output, so that memory stays bounded
 * and nothing is left behind however the run ends.
 *
 * @param path The output.
 * @param onLost Told of a row that was nested too deep to be read again.
 * @throws {AssayError} `data/cannot-write`.
 */
export async function waitingRows(
  path: string,
  onLost: (error: AssayError) => void,
): Promise<WaitingRows> {
  const { file, close } = await namelessFile(path);
  const encoder = new TextEncoder();
  let text = "";
  let flushedAt = 0;
  let failure: unknown; // a row is missing from now on: nothing more is written or read
  const flush = async (): Promise<void> => {
    if (failure !== undefined) throw failure;
    const bytes = encoder.encode(text);
    text = "";
    flushedAt = performance.now();
    try {
      await writeAll(file, bytes);
    } catch (cause) {
      throw failure = cannotWrite(path, cause);
    }
  };
  return {
    async write(line: string): Promise<void> {
      text += line + "\n";
      const isDue = text.length >= gathered || performance.now() - flushedAt >= gatheringTime;
      if (isDue) await flush();
    },
    flush,
    async *read(): AsyncGenerator<Row> {
      await file.seek(0, 0);
      const decoder = new TextDecoder();
      for await (const lines of splitLines(chunksOf(file), Infinity)) {
        for (const { bytes } of lines) yield rowOf(decoder.decode(bytes), onLost);
      }
    },
    close,
  };
}

async function* chunksOf(file: OpenedFile): AsyncGenerator<Uint8Array> {
  while (true) {
    const chunk = new Uint8Array(gathered);
    const count = await file.read(chunk);
    if (count === null) return;
    yield chunk.subarray(0, count);
  }
}
