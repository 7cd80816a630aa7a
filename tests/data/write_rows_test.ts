import fc from "fast-check";
import assert from "node:assert/strict";
import { readRows } from "../../src/data/read_rows.ts";
import type { Row } from "../../src/data/rows.ts";
import { writeRowFile } from "../../src/data/write_rows.ts";

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
