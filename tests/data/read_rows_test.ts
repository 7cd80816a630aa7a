import fc from "fast-check";
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { AssayError } from "../../src/error.ts";
import { stringify } from "csv-stringify/sync";
import { readCsv } from "../../src/data/read_csv.ts";
import { inputChunks } from "../../src/data/input_bytes.ts";
import { readJsonLines, splitLines } from "../../src/data/read_json_lines.ts";
import { readRows, type ReadRowsOptions } from "../../src/data/read_rows.ts";
import type { ReadRow } from "../../src/data/rows.ts";

const encoder = new TextEncoder();

function bytesOf(content: string | Uint8Array): Uint8Array {
  return typeof content === "string" ? encoder.encode(content) : content;
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) list.push(item);
  return list;
}

/** The rows of a file with this content. */
async function rowsOf(
  content: string | Uint8Array,
  { suffix = ".jsonl", ...options }: ReadRowsOptions & { suffix?: string } = {},
): Promise<ReadRow[]> {
  const path = await Deno.makeTempFile({ suffix });
  try {
    await Deno.writeFile(path, bytesOf(content));
    return await collect(readRows(path, options));
  } finally {
    await Deno.remove(path);
  }
}

/** Line and row, or line and message. */
function told(rows: readonly ReadRow[]): unknown[] {
  return rows.map(({ line, row, error }) => [line, row ?? error?.message]);
}

function rejectsWith(promise: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert(error instanceof AssayError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    return true;
  });
}

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (let i = 0; start < bytes.length; i++) {
    const end = start + (sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(start, end);
    start = end;
  }
}

Deno.test("readRows() counts lines past a byte-order mark, CRLF, blank lines and a missing last line break", async () => {
  const rows = await rowsOf('\ufeff{"a":1}\r\n\r\n  \n{"a":2}\n\n{"a":3}');
  assert.deepEqual(told(rows), [[1, { a: 1 }], [4, { a: 2 }], [6, { a: 3 }]]);
});

Deno.test("readRows() turns each bad line into an item with its error and goes on", async () => {
  const rows = await rowsOf(
    new Uint8Array([
      ...encoder.encode('{"a":1}\nnot json\n[1]\n"text"\n7\nnull\n{"b":"'),
      0xff,
      0xfe,
      ...encoder.encode('"}\n{"a":2}\n'),
    ]),
  );
  assert.deepEqual(rows.map(({ line, error }) => [line, error?.code]), [
    [1, undefined],
    [2, "data/bad-row"],
    [3, "data/bad-row"],
    [4, "data/bad-row"],
    [5, "data/bad-row"],
    [6, "data/bad-row"],
    [7, "data/bad-row"],
    [8, undefined],
  ]);
  const messages = rows.map(({ error }) => error?.message ?? "");
  assert.match(
    messages[1]!,
    /^Cannot read line 2: expected a JSON object, found text that is not JSON/,
  );
  assert.match(messages[2]!, /found a list; turn a file that is one JSON list into JSON Lines/);
  assert.match(messages[3]!, /found a string$/);
  assert.match(messages[4]!, /found a number$/);
  assert.match(messages[5]!, /found null$/);
  assert.match(messages[6]!, /bytes that are not UTF-8/);
});

Deno.test("readRows() reads no rows from an empty file, in any format of text", async () => {
  assert.deepEqual(await rowsOf(""), []);
  assert.deepEqual(await rowsOf("\n\n"), []);
  assert.deepEqual(await rowsOf("", { suffix: ".csv" }), []);
  assert.deepEqual(await rowsOf("a,b\n", { suffix: ".csv" }), []);
  assert.deepEqual(await rowsOf(gzipSync(""), { suffix: ".jsonl.gz" }), []);
});

Deno.test("readRows() reads a line of two million characters", async () => {
  const response = "é".repeat(2_000_000);
  const [first, second] = await rowsOf(`${JSON.stringify({ response })}\n{"a":1}\n`);
  assert.equal(first?.row?.response, response);
  assert.deepEqual(second?.row, { a: 1 });
});

Deno.test("readRows() keeps whole numbers beyond 2^53, NaN and infinities", async () => {
  const [row] = await rowsOf(
    '{"id":12345678901234567890,"small":-3,"x":0.1234567890123456789,"s":NaN,"l":[-Infinity,Infinity],"text":"NaN Infinity"}',
  );
  assert.deepEqual(row?.row, {
    id: 12345678901234567890n,
    small: -3,
    x: 0.12345678901234568,
    s: NaN,
    l: [-Infinity, Infinity],
    text: "NaN Infinity",
  });
});

Deno.test("readRows() still refuses what only looks like Python's numbers", async () => {
  const rows = await rowsOf('{"a":NaNa}\n{"a":"NaN}\n{"a":+Infinity}\n');
  assert.deepEqual(rows.map(({ error }) => error?.code), Array(3).fill("data/bad-row"));
});

Deno.test("readRows() recognises gzip by its bytes, also when several files were gzipped into one", async () => {
  const two = new Uint8Array([...gzipSync('{"a":1}\n'), ...gzipSync('{"a":2}\n')]);
  assert.deepEqual(told(await rowsOf(two)), [[1, { a: 1 }], [2, { a: 2 }]]);
  assert.deepEqual(told(await rowsOf(gzipSync("a\n5\n"), { suffix: ".csv.gz" })), [[2, {
    a: "5",
  }]]);
});

Deno.test("readRows() throws on a damaged gzip file, after the rows before the damage", async () => {
  const whole = gzipSync('{"a":1}\n'.repeat(1000));
  await rejectsWith(
    rowsOf(whole.subarray(0, whole.length - 20)),
    "data/bad-file",
    /Cannot read .*: /,
  );
});

Deno.test("readRows() throws on a missing file, a folder, UTF-16, and Parquet under another name", async () => {
  await rejectsWith(collect(readRows("no/such/file.jsonl")), "data/no-such-file", /no such file/);
  await rejectsWith(collect(readRows("no/such/file.parquet")), "data/no-such-file", /no such file/);
  await rejectsWith(
    collect(readRows("tests")),
    "data/no-such-file",
    /expected a file, found a folder/,
  );
  const utf16 = new Uint8Array([0xff, 0xfe, 0x7b, 0x00]);
  await rejectsWith(rowsOf(utf16), "data/bad-file", /expected UTF-8, found a UTF-16/);
  await rejectsWith(rowsOf("PAR1...."), "data/bad-file", /it is Parquet/);
  await rejectsWith(rowsOf("PAR1", { suffix: ".parquet" }), "data/bad-file", /as Parquet/);
  await rejectsWith(rowsOf("", { suffix: ".parquet" }), "data/bad-file", /as Parquet/);
});

Deno.test("readRows() closes the file when its reader stops early", async () => {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  await Deno.writeTextFile(path, '{"a":1}\n'.repeat(100_000));
  for await (const { row } of readRows(path)) {
    assert.deepEqual(row, { a: 1 });
    break;
  }
  await Deno.remove(path); // the test's resource sanitiser sees a file left open
});

Deno.test("readRows() tells how many bytes it has read, up to the whole", async () => {
  const content = '{"a":1}\n'.repeat(50_000);
  const seen: number[] = [];
  await rowsOf(content, {
    onBytes: ({ read, byteLength }) => {
      assert.equal(byteLength, content.length);
      seen.push(read);
    },
  });
  assert.equal(seen.at(-1), content.length);
  assert.deepEqual(seen, seen.toSorted((a, b) => a - b));
});

Deno.test("readJsonLines() reads the same rows however the bytes are cut", async () => {
  const line = fc.oneof(
    fc.json(),
    fc.string({ unit: "grapheme" }).map((text) => JSON.stringify({ text })),
    fc.constantFrom("", "  ", "oops"),
  ).map((text) => text.replaceAll("\n", " "));
  await fc.assert(
    fc.asyncProperty(
      fc.array(line),
      fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1 }),
      fc.constantFrom("\n", "\r\n"),
      async (lines, sizes, ending) => {
        const bytes = encoder.encode(lines.join(ending));
        const whole = (await collect(readJsonLines(inputChunks("a", chunksOf(bytes, [1e9])))))
          .flat();
        const cut = (await collect(readJsonLines(inputChunks("a", chunksOf(bytes, sizes))))).flat();
        assert.deepEqual(told(cut), told(whole));
        const filled = lines.map((text, index) => text.trim() === "" ? 0 : index + 1);
        assert.deepEqual(whole.map((row) => row.line), filled.filter((number) => number > 0));
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("splitLines() skips a line over the limit and keeps nothing of it", async () => {
  const bytes = encoder.encode(`ab\n${"x".repeat(1000)}\ncd`);
  const lines = (await collect(splitLines(chunksOf(bytes, [64]), 10))).flat();
  const texts = lines.map(({ line, bytes }) => [line, bytes && new TextDecoder().decode(bytes)]);
  assert.deepEqual(texts, [[1, "ab"], [2, undefined], [3, "cd"]]);
});

Deno.test("readRows() reads CSV with quotes, line breaks in quotes, CRLF and a byte-order mark", async () => {
  const rows = await rowsOf('\ufeffid,text\r\n1,"a, ""b""\nc"\r\n\r\n2,\r\n3,é', {
    suffix: ".csv",
  });
  assert.deepEqual(told(rows), [
    [2, { id: "1", text: 'a, "b"\nc' }],
    [5, { id: "2", text: "" }],
    [6, { id: "3", text: "é" }],
  ]);
});

Deno.test("readRows() turns each bad CSV record into an item with its error and goes on", async () => {
  const content = new Uint8Array([
    ...encoder.encode('a,b\n1\n2,3,4\n5,x"y\n"6"z,7\n8,'),
    0xff,
    ...encoder.encode('\n9,10\n11,"never closed\n'),
  ]);
  const rows = await rowsOf(content, { suffix: ".csv" });
  assert.deepEqual(
    rows.map(({ line, row, error }) => [line, row ?? error?.code]),
    [
      [2, "data/bad-row"],
      [3, "data/bad-row"],
      [4, { a: "5", b: 'x"y' }],
      [5, { a: '"6"z', b: "7" }],
      [6, "data/bad-row"],
      [7, { a: "9", b: "10" }],
      [8, "data/bad-row"],
    ],
  );
  assert.match(rows[0]!.error!.message, /expected 2 fields as in the header, found 1/);
  assert.match(rows[4]!.error!.message, /not UTF-8/);
  assert.match(rows[6]!.error!.message, /expected a closing quote/);
});

Deno.test("readCsv() reads the same rows however the bytes are cut", async () => {
  const cell = fc.oneof(
    fc.string({ unit: "grapheme", maxLength: 6 }),
    fc.constantFrom("a\nb", 'say "hi"', ",", "\r\n", ""),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: 0 }), cell), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1 }),
      async (cells, sizes) => {
        const bytes = encoder.encode(stringify([["id", "text"], ...cells]));
        const rows = (await collect(readCsv("a", chunksOf(bytes, sizes)))).flat();
        const expected = cells.map(([id, text]) => ({ id: String(id), text }));
        assert.deepEqual(rows.map(({ row, error }) => row ?? error), expected);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("readRows() throws on a CSV header that names a column twice", async () => {
  await rejectsWith(rowsOf("a,b,a\n1,2,3\n", { suffix: ".csv" }), "data/bad-file", /"a" twice/);
});

Deno.test("readRows() takes the format it is told over the one in the name", async () => {
  const rows = await rowsOf("a\n1\n", { suffix: ".jsonl", format: "csv" });
  assert.deepEqual(told(rows), [[2, { a: "1" }]]);
});
