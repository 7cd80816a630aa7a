import { isHubName } from "../checkpoint/hub/hub_name.ts";
import { readRows, type ReadRowsOptions } from "../data/read_rows.ts";
import type { ReadRow, Row } from "../data/rows.ts";
import { files } from "../runtime/files.ts";
import { inputRows } from "./dataset_rows.ts";

/** Rows that can be read more than once: a task looks at all of them before it gives the first back. */
export interface RepeatableRows {
  /** The rows from the first one on. */
  read(): AsyncIterable<ReadRow>;
}

/**
 * Rows that a task reads and that are then read again to be written. A file is read twice; standard
 * input and pipes, which can't be, are kept in memory.
 *
 * @example
 * ```ts
 * import { openRows } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = await openRows("examples/conversations.jsonl");
 * const first = await Array.fromAsync(rows.read());
 * assert.deepEqual(await Array.fromAsync(rows.read()), first);
 * ```
 *
 * @param input A path, or `-` for standard input.
 * @param options The format, where the name does not tell it, and who hears how far a reading is.
 * @returns The rows. What is wrong with the input is thrown when they are read: see `readRows`.
 */
export async function openRows(
  input: string,
  options: ReadRowsOptions = {},
): Promise<RepeatableRows> {
  if (isHubName(input)) return { read: () => inputRows(input, options) };
  return await isFile(input)
    ? { read: () => readRows(input, options) }
    : keptRows(readRows(input, options));
}

/**
 * Rows that come once, made to be read more than once: those that were read are kept in memory. A
 * reading that was ended early is taken up again by the next one.
 *
 * @example
 * ```ts
 * import { keptRows, rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const once = rowsInMemory([{ id: 1 }, { id: 2 }]).read()[Symbol.asyncIterator]();
 * const rows = keptRows(once);
 * for (let time = 0; time < 2; time++) {
 *   assert.equal((await Array.fromAsync(rows.read())).length, 2);
 * }
 * ```
 *
 * @param rows The rows, none of which has been read.
 */
export function keptRows(rows: AsyncIterator<ReadRow>): RepeatableRows {
  const kept: ReadRow[] = [];
  return {
    async *read() {
      for (let index = 0;; index++) {
        if (index === kept.length) {
          const { done, value } = await rows.next();
          if (done) return;
          kept.push(value);
        }
        yield kept[index]!;
      }
    },
  };
}

/**
 * A program's own rows, as tasks read them; their lines are counted from 1.
 *
 * @example
 * ```ts
 * import { rowsInMemory } from "@assay/assay/tasks";
 * import assert from "node:assert/strict";
 *
 * const rows = rowsInMemory([{ prompt: "Hi", response: "Hello." }]);
 * for await (const { line, row } of rows.read()) assert.deepEqual([line, row?.prompt], [1, "Hi"]);
 * ```
 */
export function rowsInMemory(rows: readonly Row[]): RepeatableRows {
  return {
    async *read() {
      for (const [index, row] of rows.entries()) yield { line: index + 1, row, error: undefined };
    },
  };
}

async function isFile(input: string): Promise<boolean> {
  if (input === "-") return false;
  try {
    return (await files.stat(input)).isFile;
  } catch {
    return false; // the reading itself says what is wrong
  }
}
