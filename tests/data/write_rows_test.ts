import fc from "fast-check";
import assert from "node:assert/strict";
import { readRows } from "../../src/data/read_rows.ts";
import type { Row } from "../../src/data/rows.ts";
import { jsonLinesWriter, writeRowFile } from "../../src/data/write_rows.ts";

async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function writeAll(path: string, rows: Iterable<Row>): Promise<void> {
  const writer = await writeRowFile(path);
  for (const row of rows) await writer.write(row);
  await writer.close();
}

async function readAll(path: string): Promise<Row[]> {
  const rows: Row[] = [];
  for await (const { row, error } of readRows(path)) {
    assert.equal(error, undefined);
    rows.push(row!);
  }
  return rows;
}

const text = fc.string({ unit: "grapheme", maxLength: 12 });
/** Whole doubles between 2⁵³ and 10²¹ are written as digits, and so come back as bigint. */
const isDigits = (value: number) =>
  Number.isInteger(value) && !Number.isSafeInteger(value) && Math.abs(value) < 1e21;
const number = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => !isDigits(value)),
);
const bigInteger = fc.oneof(
  fc.bigInt({ min: 2n ** 53n, max: 2n ** 63n - 1n }),
  fc.bigInt({ min: -(2n ** 63n), max: -(2n ** 53n) }),
);
const name = fc.stringMatching(/^[a-z_]{1,3}$/);
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constant(null),
    fc.boolean(),
    number,
    text,
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(name, tie("value"), { maxKeys: 3, noNullPrototype: true }),
  ),
}));
const scalarOrBig = fc.oneof(value, bigInteger);
const rowsOf = (values: fc.Arbitrary<unknown>) =>
  fc.array(fc.dictionary(name, values, { maxKeys: 4, noNullPrototype: true }), { maxLength: 12 });

/** −0 is 0 in JSON. */
function withoutNegativeZero(value: unknown): unknown {
  if (Object.is(value, -0)) return 0;
  if (Array.isArray(value)) return value.map(withoutNegativeZero);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, withoutNegativeZero(inner)]),
  );
}

/** Parquet can't tell a key that is absent from one that is null. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([, inner]) => inner !== null)
      .map(([key, inner]) => [key, withoutNulls(inner)]),
  );
}

for (const suffix of [".jsonl", ".jsonl.gz"]) {
  Deno.test(`writeRowFile() and readRows() give every row back (${suffix})`, async () => {
    await inFolder(async (folder) => {
      const path = `${folder}/rows${suffix}`;
      await fc.assert(
        fc.asyncProperty(rowsOf(scalarOrBig), async (rows) => {
          await writeAll(path, rows);
          assert.deepEqual(await readAll(path), rows.map(withoutNegativeZero));
        }),
        { numRuns: 60 },
      );
    });
  });
}

Deno.test("writeRowFile() and readRows() give every row back (.parquet)", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.parquet`;
    await fc.assert(
      fc.asyncProperty(rowsOf(value), async (rows) => {
        await writeAll(path, rows);
        const back = await readAll(path);
        const hasColumns = rows.some((row) => Object.keys(row).length > 0);
        assert.deepEqual(
          back.map(withoutNulls).map(withoutNegativeZero),
          hasColumns ? rows.map(withoutNulls).map(withoutNegativeZero) : back,
        );
        if (hasColumns) assert.equal(back.length, rows.length);
      }),
      { numRuns: 300 },
    );
  });
});

Deno.test("writeRowFile() gives CSV a column for every key of any row", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.csv`;
    await writeAll(path, [
      { id: 1, text: 'a, "b"\nc', big: 2n ** 64n },
      { id: 2, scores: [1, null, NaN], error: { code: "x" }, text: null },
      { late: true, score: NaN },
    ]);
    assert.equal(
      await Deno.readTextFile(path),
      "id,text,big,scores,error,late,score\n" +
        '1,"a, ""b""\nc",18446744073709551616,,,,\n' +
        '2,,,"[1,null,null]","{""code"":""x""}",,\n' +
        ",,,,,true,\n",
    );
    assert.deepEqual([...Deno.readDirSync(folder)].map(({ name }) => name), ["rows.csv"]);
  });
});

Deno.test("writeRowFile() gives Parquet types that hold every row, also the late ones", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.parquet`;
    const rows: Row[] = Array.from({ length: 2500 }, (_, id) => ({ id, rating: 1 }));
    rows.push({ id: -1, rating: 2.5, extra: [{ a: "x" }] }, { rating: NaN, big: 2n ** 62n });
    await writeAll(path, rows);
    const back = await readAll(path);
    assert.equal(back.length, rows.length);
    assert.deepEqual(back[0], { id: 0, rating: 1, extra: null, big: null });
    assert.deepEqual(back.at(-2), { id: -1, rating: 2.5, extra: [{ a: "x" }], big: null });
    assert.deepEqual(back.at(-1), { id: null, rating: null, extra: null, big: 2n ** 62n });
  });
});

Deno.test("writeRowFile() writes JSON Lines without NaN, in the order of the keys", async () => {
  await inFolder(async (folder) => {
    const path = `${folder}/rows.jsonl`;
    await writeAll(path, [{ b: NaN, a: [Infinity], id: 2n ** 64n }]);
    assert.equal(
      await Deno.readTextFile(path),
      '{"b":null,"a":[null],"id":18446744073709551616}\n',
    );
  });
});

Deno.test("writeRowFile() throws where the file can't be written", async () => {
  await assert.rejects(writeRowFile("no/such/folder/rows.jsonl"), {
    code: "data/cannot-write",
    message: "Cannot write no/such/folder/rows.jsonl: there is no such folder",
  });
});

Deno.test("jsonLinesWriter() hands rows on soon, not only at the end", async () => {
  const written: string[] = [];
  const writer = jsonLinesWriter({
    write: (bytes) => Promise.resolve(void written.push(new TextDecoder().decode(bytes))),
    close: () => Promise.resolve(),
  });
  await writer.write({ a: 1 });
  assert.deepEqual(written, ['{"a":1}\n']);
  for (let i = 0; i < 10_000; i++) await writer.write({ text: "0123456789" });
  assert(written.length > 1);
  await writer.close();
  assert.equal(written.join("").length, 8 + 10_000 * 22);
});
