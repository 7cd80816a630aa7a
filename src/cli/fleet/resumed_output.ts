import { OpenFile } from "../../data/byte_sink.ts";
import { cannotWrite } from "../../data/cannot_write.ts";
import { jsonLinesWriter, type RowWriter } from "../../data/write_rows.ts";
import { failureOf } from "../../runtime/failure.ts";
import { files } from "../../runtime/files.ts";
import type { Output } from "../output.ts";

/** Whole lines of a file; 0 where there is none. */
export async function wholeLines(path: string): Promise<number> {
  return (await lineEnd(path, Infinity)).lines;
}

/**
 * A writer that goes on behind the first lines of a file of JSON Lines; what stands after them, such as
 * half a line, is cut off.
 *
 * @throws {AssayError} `data/cannot-write`.
 */
export async function resumableRows(
  path: string,
  lines: number,
  output: Output,
): Promise<RowWriter> {
  const { bytes } = await lineEnd(path, lines);
  try {
    const file = await files.open(path, { write: true, create: true });
    await file.truncate(bytes);
    await file.seek(bytes, 0);
    return jsonLinesWriter(new OpenFile(path, file, () => file.close()), {
      onUnwritable: ({ message, code }) => {
        output.rowFailed();
        void output.warn(`${message} [${code}]`);
      },
    });
  } catch (cause) {
    throw cannotWrite(path, cause);
  }
}

/** How many whole lines a file has, up to some number, and where they end. */
async function lineEnd(path: string, most: number): Promise<{ lines: number; bytes: number }> {
  let read = 0;
  const end = { lines: 0, bytes: 0 };
  try {
    const file = await files.open(path, { read: true });
    for await (const chunk of file.readable) {
      for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) {
        if (end.lines === most) return end;
        end.lines++;
        end.bytes = read + at + 1;
      }
      read += chunk.length;
    }
  } catch (cause) {
    if (failureOf(cause) !== "not-found") throw cannotWrite(path, cause);
  }
  return end;
}
