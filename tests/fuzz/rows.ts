import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { numberInColumn, numbersInColumn } from "../../src/data/column_values.ts";
import { inputChunks } from "../../src/data/input_bytes.ts";
import { stringifyJson } from "../../src/data/json_text.ts";
import { ColumnTypes } from "../../src/data/column_types.ts";
import { parquetSchema } from "../../src/data/parquet_schema.ts";
import { readCsv } from "../../src/data/read_csv.ts";
import { readJsonLines } from "../../src/data/read_json_lines.ts";
import { conversationsInOrder, conversationsOfRow } from "../../src/data/row_conversations.ts";
import type { ReadRow, Row } from "../../src/data/rows.ts";
import { AssayError } from "../../src/error.ts";
import { mutateBytes, mutateText, mutateValue } from "./mutations.ts";
import type { Random } from "./random.ts";
import type { FuzzTarget } from "./target.ts";

const golden = await Deno.readTextFile(
  new URL("../golden/data/preferences.jsonl", import.meta.url),
);
const rows: readonly Row[] = [
  ...golden.split("\n").filter((line) => line !== "").slice(0, 6).map((line) => JSON.parse(line)),
  { prompt: "Hi", response: "Hello", score: 0.5, chosen_score: "1e3" },
  { prompt: "\n\nHuman: Hi\n\nAssistant:", chosen: " Hello", rejected: " No" },
  { prompt: "Hi", responses: ["a", "b"], scores: [1, 2] },
  {
    messages: [{ role: "user", content: [{ type: "text", text: "Hi" }] }, {
      role: "assistant",
      content: "a",
    }],
  },
];
const csv =
  'id,prompt,response,score\n1,"Hi, ""you""",Hello,0.5\n2,"two\nlines",,-1e3\r\n3,a,b,NaN\n';

/** What every command does with a row, and refuses by an error of that row. */
export function useRow(row: Row): void {
  const parts: readonly ((row: Row) => unknown)[] = [
    (row) => conversationsInOrder(conversationsOfRow(row)),
    (row) => numberInColumn(row, "score"),
    (row) => numbersInColumn(row, "scores"),
    (row) => stringifyJson(row),
    (row) => {
      const types = new ColumnTypes();
      types.add(row);
      const values = [...types.fields.keys()].map((column) => types.value(row, column, String));
      return [parquetSchema(types), values];
    },
  ];
  for (const part of parts) {
    try {
      part(row);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
    }
  }
}

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.slice(at, at + size);
}

function text(random: Random): { what: string; text: string } {
  if (random.chance(0.3)) return { what: "csv", text: mutateText(random, csv, /\w+|./gsu) };
  const lines = random.some(4, () => {
    const row = random.pick(rows);
    const line = JSON.stringify(random.chance(0.6) ? mutateValue(random, row) : row);
    return random.chance(0.5) ? mutateText(random, line) : line;
  });
  return { what: "jsonl", text: lines.join(random.chance(0.9) ? "\n" : "\r\n") };
}

/** JSON Lines and CSV, plain and gzipped, in pieces of any size. */
export const textRows: FuzzTarget = {
  name: "rows",
  gateCases: 1000,
  draw(random) {
    const { what, text: written } = text(random);
    let bytes: Uint8Array = new TextEncoder().encode(written);
    if (random.chance(0.2)) bytes = mutateBytes(random, bytes);
    if (random.chance(0.1)) bytes = mutateBytes(random, gzipSync(bytes));
    // Byte by byte where there are few.
    const sizes = [1 + (bytes.length >> 11), 7 + (bytes.length >> 9), 4096];
    const size = random.pick(sizes);
    return {
      what,
      input: bytes,
      async run() {
        const read = (chunks: AsyncIterable<Uint8Array>) =>
          what === "csv" ? readCsv("x", chunks) : readJsonLines(chunks);
        const all = async (size: number) => {
          const found: ReadRow[] = [];
          for await (const some of read(inputChunks("x", cut(bytes, size)))) found.push(...some);
          return found;
        };
        const found = await all(size);
        for (const { row } of found) if (row !== undefined) useRow(row);
        // The pieces in which a file comes are no matter of its rows.
        const other = await all(sizes[(sizes.indexOf(size) + 1) % sizes.length]!);
        assert.deepEqual(
          other.map(({ line, row, error }) => [line, row, error?.message]),
          found.map(({ line, row, error }) => [line, row, error?.message]),
        );
        return found.some(({ error }) => error !== undefined) ? "a bad row" : "read";
      },
    };
  },
};
