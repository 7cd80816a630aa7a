/** Arrow in and out: files and streams of PyArrow and Polars, written files, damaged ones. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Table, tableFromIPC } from "apache-arrow";
import { parseJson } from "../../src/data/json_text.ts";
import { arrowStream } from "../../src/data/arrow_stream.ts";
import { readRecordBatches } from "../../src/data/record_batches.ts";
import { readRows, readRowStream } from "../../src/data/read_rows.ts";
import type { ReadRow, Row } from "../../src/data/rows.ts";
import { writeRowFile } from "../../src/data/write_rows.ts";
import { AssayError } from "../../src/error.ts";

const folder = new URL("../golden/data/arrow/", import.meta.url).pathname;

const golden = (await Deno.readTextFile(`${folder}/rows.jsonl`)).trimEnd().split("\n").map((line) =>
  parseJson(line)
);

async function rowsOf(rows: AsyncIterable<ReadRow>): Promise<(Row | undefined)[]> {
  const found = await Array.fromAsync(rows);
  assert.deepEqual(found.map(({ line }) => line), found.map((_, index) => index + 1));
  assert.deepEqual(found.flatMap(({ error }) => error ?? []), []);
  return found.map(({ row }) => row);
}

for (const name of ["uncompressed.feather", "lz4.feather", "zstd.feather", "stream.arrows"]) {
  Deno.test(`rows of ${name} are as PyArrow says`, async () => {
    assert.deepEqual(await rowsOf(readRows(folder + name)), golden);
  });
}

for (const name of ["polars.arrow", "polars_zstd.arrow", "polars.arrows"]) {
  Deno.test(`rows of ${name} are as Polars wrote them`, async () => {
    assert.deepEqual(await rowsOf(readRows(folder + name)), [
      { id: 1, text: "x", tags: ["a"] },
      { id: 2, text: "a text that is longer than twelve bytes", tags: [] },
    ]);
  });
}

Deno.test("LZ4 blocks that refer to others before them, and blocks that are not packed", async () => {
  const rows = await rowsOf(readRows(`${folder}/long_lz4.feather`));
  const found = rows.map((row) =>
    typeof row?.text === "string" ? createHash("sha256").update(row.text).digest("hex") : null
  );
  assert.deepEqual(found, JSON.parse(await Deno.readTextFile(`${folder}/long_sha256.json`)));
});

Deno.test("a stream is read as it comes, and cancelled where no more is wanted", async () => {
  const bytes = await Deno.readFile(`${folder}/stream.arrows`);
  let isCancelled = false;
  let sent = 0;
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(bytes.slice(sent, sent += 97));
      if (sent >= bytes.length) controller.close();
    },
    cancel: () => void (isCancelled = true),
  });
  for await (const { row } of readRowStream(stream, { format: "arrow" })) {
    assert.deepEqual(row, golden[0]);
    break;
  }
  assert.ok(sent < bytes.length, "the second batch was waited for");
  assert.ok(isCancelled);
});

const rows: Row[] = [
  {
    id: 2n ** 60n,
    prompt: "Hi",
    scores: [0.5, null],
    meta: { a: 1 },
    tools: [{ name: "f" }],
    odd: 1,
  },
  { id: 1, prompt: null, scores: [], meta: { b: "x" }, odd: [true], late: false, x: 1.5 },
  { id: null, prompt: "ü", messages: [{ role: "user", content: "q" }], nothing: null, x: 2 },
];
const readBack: Row[] = [
  {
    id: 2n ** 60n,
    prompt: "Hi",
    scores: [0.5, null],
    meta: { a: 1, b: null },
    tools: [{ name: "f" }],
    odd: 1,
    late: null,
    x: null,
    messages: null,
    nothing: null,
  },
  {
    id: 1,
    prompt: null,
    scores: [],
    meta: { a: null, b: "x" },
    tools: null,
    odd: [true],
    late: false,
    x: 1.5,
    messages: null,
    nothing: null,
  },
  {
    id: null,
    prompt: "ü",
    scores: null,
    meta: null,
    tools: null,
    odd: null,
    late: null,
    x: 2,
    messages: [{ role: "user", content: "q" }],
    nothing: null,
  },
];

Deno.test("rows come back from an Arrow file, of one batch or many", async () => {
  const path = await Deno.makeTempFile({ suffix: ".arrow" });
  try {
    for (const copies of [1, 900]) {
      const writer = await writeRowFile(path);
      for (let i = 0; i < copies; i++) for (const row of rows) await writer.write(row);
      await writer.close();
      const found = await rowsOf(readRows(path));
      assert.equal(found.length, 3 * copies);
      assert.deepEqual(found.slice(-3), readBack);
      const { batches, schema } = tableFromIPC(await Deno.readFile(path));
      assert.equal(batches.length, Math.ceil(3 * copies / 1000));
      assert.equal(schema.fields.find(({ name }) => name === "odd")?.metadata.size, 1);
    }
    const writer = await writeRowFile(path);
    await writer.close();
    assert.deepEqual(await rowsOf(readRows(path)), []);
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("rows as a stream of record batches, and rows of record batches", async () => {
  const { batches } = await tableFromIPC(arrowStream(rows, { rowsPerBatch: 2 }));
  assert.deepEqual(batches.map(({ numRows }) => numRows), [2, 1]);
  assert.deepEqual(await rowsOf(readRecordBatches(batches)), readBack);
  assert.deepEqual(await rowsOf(readRecordBatches(new Table(batches))), readBack);
  const chunks = arrowStream(rows, { rowsPerBatch: 2 });
  assert.deepEqual(await rowsOf(readRowStream(chunks, { format: "arrow" })), readBack);
  assert.equal((await tableFromIPC(arrowStream([]))).numRows, 0);
  const wrong = arrowStream(rows, { rowsPerBatch: 0 });
  await assert.rejects(wrong.next(), { code: "data/bad-option" });
});

Deno.test("a row with JSON that is none is that row's error", async () => {
  const { batches: [batch] } = await tableFromIPC(arrowStream([{ odd: 1 }, { odd: [2] }]));
  const spoiled = batch!.data.children[0]!.values as Uint8Array;
  spoiled[0] = "{".charCodeAt(0);
  const [first, second] = await Array.fromAsync(readRecordBatches([batch!]));
  assert.equal(first?.error?.code, "data/bad-row");
  assert.deepEqual(second?.row, { odd: [2] });
});

Deno.test("what is no whole Arrow is refused, and says so", async () => {
  const path = await Deno.makeTempFile({ suffix: ".arrow" });
  const read = async (bytes: Uint8Array): Promise<unknown> => {
    await Deno.writeFile(path, bytes);
    return await Array.fromAsync(readRows(path)).catch((error) => error);
  };
  try {
    const whole = await Deno.readFile(`${folder}/lz4.feather`);
    for (const length of [7, 100, 4000, whole.length - 100, whole.length - 7]) {
      const error = await read(whole.slice(0, length));
      assert.ok(error instanceof AssayError, `${length}: ${error}`);
      assert.equal(error.code, "data/bad-file");
    }
    const stream = await Deno.readFile(`${folder}/stream.arrows`);
    for (const length of [3, 500, 2000, stream.length - 500]) {
      const error = await read(stream.slice(0, length));
      assert.ok(error instanceof AssayError, `${length}: ${error}`);
    }
    assert.match(String(await read(new TextEncoder().encode('{"a":1}\n'))), /as Arrow/);
  } finally {
    await Deno.remove(path);
  }
});
