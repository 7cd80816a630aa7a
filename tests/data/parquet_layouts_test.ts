import assert from "node:assert/strict";
import { ByteWriter, parquetWrite } from "hyparquet-writer";
import { readParquet } from "../../src/data/read_parquet.ts";
import { readRows } from "../../src/data/read_rows.ts";
import type { Row } from "../../src/data/rows.ts";
import { AssayError } from "../../src/error.ts";

const folder = "tests/golden/data/layouts";

async function rowsIn(name: string): Promise<(Row | string)[]> {
  const rows: (Row | string)[] = [];
  for await (const { row, error } of readRows(`${folder}/${name}`)) rows.push(row ?? error!.code);
  return rows;
}

const expected = await rowsIn("rows.jsonl.gz") as Row[];
const layouts = [...Deno.readDirSync(folder)].map(({ name }) => name)
  .filter((name) => name.endsWith(".parquet"));
assert.equal(layouts.length, 11);

for (const name of layouts) {
  Deno.test(`readRows() gives the rows of PyArrow's layout ${name}`, async () => {
    const rows = await rowsIn(name) as Row[];
    const columns = Object.keys(rows[0]!);
    assert.ok(columns.length === (name === "pandas.parquet" ? 4 : 10));
    const wanted = expected.map((row) =>
      Object.fromEntries(columns.map((column) => [column, row[column]]))
    );
    assert.deepEqual(rows, wanted);
  });
}

/** Reads a file, and counts the bytes that it took to the first rows and in all. */
async function bytesRead(bytes: ArrayBuffer): Promise<{ first: number; all: number }> {
  let all = 0;
  let first: number | undefined;
  const file = {
    byteLength: bytes.byteLength,
    slice(start: number, end: number = bytes.byteLength): ArrayBuffer {
      all += end - start;
      return bytes.slice(start, end);
    },
  };
  for await (const _ of readParquet("test", file)) first ??= all;
  return { first: first!, all };
}

Deno.test("a row group is read as its rows are wanted, and each byte once", async () => {
  const data = Array.from({ length: 30_000 }, (_, i) => `${i} ${"x".repeat(200)}`);
  const writer = new ByteWriter();
  parquetWrite({
    writer,
    columnData: [{ name: "text", data, type: "STRING", codec: "UNCOMPRESSED" }],
    rowGroupSize: data.length,
  });
  const bytes = writer.getBuffer();
  const { first, all } = await bytesRead(bytes);
  assert.ok(bytes.byteLength > 6e6);
  assert.ok(first < 2.5e6, `${first} bytes before the first row`);
  assert.ok(all < bytes.byteLength * 1.2, `${all} of ${bytes.byteLength} bytes`);
});

async function failsBadly(bytes: Uint8Array<ArrayBuffer>, message: RegExp): Promise<void> {
  await assert.rejects(
    async () => {
      for await (const _ of readParquet("test", bytes.buffer)); // to its end
    },
    (error) => {
      assert.ok(error instanceof AssayError && error.code === "data/bad-file", String(error));
      assert.match(error.message, message);
      return true;
    },
  );
}

Deno.test("a page that differs from its checksum is an error", async () => {
  const bytes = await Deno.readFile(`${folder}/zstd_checksums.parquet`);
  bytes[bytes.length >> 2]! ^= 1;
  await failsBadly(bytes, /column "\w+.*": expected the page's checksum, found another/);
});

Deno.test("a file that ends early, or is another, is an error", async () => {
  const bytes = await Deno.readFile(`${folder}/snappy_v1.parquet`);
  await failsBadly(bytes.slice(0, -100), /expected "PAR1" at the end/);
  await failsBadly(bytes.slice(0, 5), /too short/);
  const longer = bytes.slice();
  new DataView(longer.buffer).setUint32(longer.length - 8, 2 ** 31, true);
  await failsBadly(longer, /expected a footer of at most 67108864 bytes, found 2147483648/);
});
