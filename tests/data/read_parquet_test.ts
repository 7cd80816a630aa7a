import { ByteWriter, parquetWrite } from "hyparquet-writer";
import assert from "node:assert/strict";
import { readParquet } from "../../src/data/read_parquet.ts";
import { readRows } from "../../src/data/read_rows.ts";
import type { ReadRow } from "../../src/data/rows.ts";

type Columns = Parameters<typeof parquetWrite>[0]["columnData"];

function fileOf(columnData: Columns, rowGroupSize = 1000): ArrayBuffer {
  const writer = new ByteWriter();
  parquetWrite({ writer, columnData, rowGroupSize });
  return writer.getBuffer();
}

async function rowsOf(file: ArrayBuffer): Promise<ReadRow[]> {
  const rows: ReadRow[] = [];
  for await (const some of readParquet("test", file)) rows.push(...some);
  return rows;
}

Deno.test("readParquet() gives values as JSON has them", async () => {
  const rows = await rowsOf(fileOf([
    { name: "small", data: [1n, -2n], type: "INT64" },
    { name: "big", data: [2n ** 60n + 1n, null], type: "INT64" },
    { name: "day", data: [new Date("2024-05-06T07:08:09Z"), null], type: "TIMESTAMP" },
    { name: "image", data: [new Uint8Array([255, 254]), null], type: "BYTE_ARRAY" },
    { name: "note", data: [new TextEncoder().encode("é"), null], type: "BYTE_ARRAY" },
    { name: "messages", data: [[{ role: "user", content: "Hi" }], []], type: "JSON" },
  ]));
  assert.deepEqual(rows.map(({ line, row }) => [line, row]), [
    [1, {
      small: 1,
      big: 2n ** 60n + 1n,
      day: "2024-05-06T07:08:09.000Z",
      image: "//4=",
      note: "é",
      messages: [{ role: "user", content: "Hi" }],
    }],
    [2, { small: -2, big: null, day: null, image: null, note: null, messages: [] }],
  ]);
});

Deno.test("readParquet() turns a row whose text is not UTF-8 into an item with its error", async () => {
  // A valid file whose one byte of text is then spoilt.
  const file = fileOf([{
    name: "text",
    data: ["one", "tXo", "three"],
    type: "STRING",
    codec: "UNCOMPRESSED",
  }]);
  const bytes = new Uint8Array(file);
  const at = bytes.findIndex((byte, i) =>
    byte === 0x58 && bytes[i - 1] === 0x74 && bytes[i + 1] === 0x6f
  );
  bytes[at] = 0xff;
  const rows = await rowsOf(file);
  assert.deepEqual(rows.map(({ line, row, error }) => [line, row ?? error?.code]), [
    [1, { text: "one" }],
    [2, "data/bad-row"],
    [3, { text: "three" }],
  ]);
  assert.match(rows[1]!.error!.message, /expected UTF-8 text in "text"/);
});

Deno.test("readParquet() never holds more than a part of the file", async () => {
  const count = 20_000;
  const data = Array.from({ length: count }, (_, i) => `${i} ${"x".repeat(200)}`);
  const file = fileOf([{ name: "text", data, type: "STRING", codec: "UNCOMPRESSED" }], 10_000);
  let largest = 0;
  const counted = {
    byteLength: file.byteLength,
    slice(start: number, end?: number): ArrayBuffer {
      largest = Math.max(largest, (end ?? file.byteLength) - start);
      return file.slice(start, end);
    },
  };
  let line = 0;
  for await (const rows of readParquet("test", counted)) {
    for (const { row } of rows) assert.equal(row?.text, data[line++]);
  }
  assert.equal(line, count);
  // Rows come in windows of 1,024 and pages of 1 MiB; the footer is read in 512 KiB.
  assert(largest < 3 * 2 ** 20, `read ${largest} of ${file.byteLength} bytes at once`);
});

Deno.test("readRows() reads the same rows from PyArrow's Parquet and from Python's JSON Lines", async () => {
  const rowsIn = async (name: string) => {
    const rows: ReadRow[] = [];
    for await (const row of readRows(`tests/golden/data/${name}`)) rows.push(row);
    return rows;
  };
  const parquet = await rowsIn("preferences.parquet");
  assert.equal(parquet.length, 40);
  assert.equal(parquet[0]!.row!.id, 2n ** 60n);
  assert.deepEqual(parquet, await rowsIn("preferences.jsonl"));
});
