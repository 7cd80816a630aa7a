import assert from "node:assert/strict";
import fc from "fast-check";
import { fileSource } from "../../src/checkpoint/file_source.ts";
import { SafetensorsReader } from "../../src/checkpoint/safetensors_reader.ts";
import { toFloat32 } from "../../src/checkpoint/tensor.ts";
import { failsWith, handMade, watchedSource, writtenFile } from "./made_files.ts";

const golden = new URL("../golden/checkpoint/", import.meta.url);
const expected: Record<string, { shape: number[]; hex: string; values?: number[] }> = JSON.parse(
  await Deno.readTextFile(new URL("every_dtype.json", golden)),
);

async function openGolden(): Promise<SafetensorsReader> {
  const source = await fileSource(new URL("every_dtype.safetensors", golden));
  assert.ok(source !== undefined);
  return await SafetensorsReader.open(source);
}

/** A reader over `rows` rows of `rowBytes` bytes, each byte its row's number. */
async function openRows(rows: number, rowBytes: number) {
  const bytes = new Uint8Array(rows * rowBytes).map((_, i) => Math.floor(i / rowBytes));
  const tensor = { name: "rows", dtype: "U8", shape: [rows, rowBytes], bytes: [bytes] } as const;
  const source = watchedSource(await writtenFile([tensor]));
  const reader = await SafetensorsReader.open(source);
  source.reads.length = 0;
  return { reader, reads: source.reads };
}

Deno.test("read() gives what the Python package wrote, for every dtype and shape", async () => {
  using reader = await openGolden();
  assert.deepEqual([...reader.tensors.keys()].toSorted(), Object.keys(expected).toSorted());
  assert.deepEqual([...reader.metadata], [["format", "pt"]]);
  for (const [name, { shape, hex, values }] of Object.entries(expected)) {
    const tensor = await reader.read(name);
    assert.deepEqual(tensor.shape, shape, name);
    assert.equal(tensor.bytes.toHex(), hex, name);
    assert.equal(tensor.bytes.byteOffset, 0);
    assert.equal(reader.tensors.get(name)?.byteLength, hex.length / 2);
    if (values !== undefined) assert.deepEqual([...toFloat32(tensor)], values, name);
  }
});

Deno.test("toFloat32() refuses integers and takes unaligned bytes", async () => {
  using reader = await openGolden();
  const integers = await reader.read("int64");
  await failsWith("checkpoint/not-float", () => toFloat32(integers), /found I64/);
  const bytes = new Uint8Array([0, 0, 0, 0x80, 0x3f]).subarray(1);
  const unaligned = { name: "a", dtype: "F32", shape: [1], bytes } as const;
  assert.deepEqual([...toFloat32(unaligned)], [1]);
});

Deno.test("read() asks for the tensor's bytes in one piece", async () => {
  const { reader, reads } = await openRows(10, 1000);
  await reader.read("rows");
  assert.deepEqual(reads.map(([, length]) => length), [10_000]);
});

Deno.test("readRows() reads those rows and nothing else", async () => {
  const { reader, reads } = await openRows(10, 3);
  const tensor = await reader.readRows("rows", 4, 2);
  assert.deepEqual(tensor.shape, [2, 3]);
  assert.deepEqual([...tensor.bytes], [4, 4, 4, 5, 5, 5]);
  assert.deepEqual(reads.map(([, length]) => length), [6]);
  assert.deepEqual((await reader.readRows("rows", 10, 0)).shape, [0, 3]);
});

Deno.test("readRows() and gatherRows() refuse rows that the tensor lacks", async () => {
  const { reader, reads } = await openRows(10, 3);
  for (
    const [start, count] of [[0, 11], [10, 1], [-1, 2], [0.5, 1], [1, NaN], [0, -1], [2 ** 53, 1]]
  ) {
    await failsWith("checkpoint/row-out-of-range", () => reader.readRows("rows", start!, count!));
  }
  for (const row of [10, -1, 0.5, NaN, 2 ** 53]) {
    await failsWith(
      "checkpoint/row-out-of-range",
      () => reader.gatherRows("rows", [0, row]),
      /index 1/,
    );
  }
  assert.deepEqual(reads, []);
});

Deno.test("rows need a first dimension of whole bytes", async () => {
  using reader = await openGolden();
  await failsWith("checkpoint/no-rows", () => reader.readRows("scalar", 0, 1), /F32 \[\]/);
  await failsWith("checkpoint/no-rows", () => reader.gatherRows("scalar", [0]));
  const entry = '{"a":{"dtype":"F4","shape":[2,1],"data_offsets":[0,1]}}';
  const half = await SafetensorsReader.open(watchedSource(handMade(entry, 1)));
  await failsWith("checkpoint/no-rows", () => half.readRows("a", 0, 1), /whole bytes/);
});

Deno.test("tensors without elements have rows without bytes", async () => {
  using reader = await openGolden();
  assert.deepEqual((await reader.gatherRows("no_columns", [3, 0, 3])).shape, [3, 0]);
  assert.equal((await reader.readRows("no_columns", 1, 2)).bytes.length, 0);
  assert.deepEqual((await reader.gatherRows("empty", [])).shape, [0]);
  await failsWith("checkpoint/row-out-of-range", () => reader.gatherRows("empty", [0]));
});

Deno.test("a missing tensor is an error that names it and its file", async () => {
  const { reader } = await openRows(1, 1);
  const message = /tensor score\.weight.*watched\.safetensors.*among 1 tensors/;
  await failsWith("checkpoint/missing-tensor", () => reader.read("score.weight"), message);
  await failsWith(
    "checkpoint/missing-tensor",
    () => reader.readRows("score.weight", 0, 1),
    message,
  );
  await failsWith(
    "checkpoint/missing-tensor",
    () => reader.gatherRows("score.weight", []),
    message,
  );
});

Deno.test("gatherRows() equals reading each row alone, in any order, with duplicates", async () => {
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 50 }),
    fc.constantFrom(1, 3, 5000, 40_000),
    fc.array(fc.nat(), { maxLength: 40 }),
    async (rowCount, rowBytes, numbers) => {
      const rows = numbers.map((number) => number % rowCount);
      const { reader, reads } = await openRows(rowCount, rowBytes);
      const { bytes, shape } = await reader.gatherRows("rows", rows);
      assert.deepEqual(shape, [rows.length, rowBytes]);
      rows.forEach((row, i) => {
        const found = bytes.subarray(i * rowBytes, (i + 1) * rowBytes);
        assert.ok(found.every((byte) => byte === row % 256));
      });
      assert.ok(reads.length <= new Set(rows).size, "no row is read twice");
      for (const [, length] of reads) assert.ok(length <= Math.max(rowBytes, 4 * 1024 * 1024));
    },
  ));
});

Deno.test("gatherRows() reads close rows together, and far ones apart", async () => {
  const { reader, reads } = await openRows(200, 8192);
  await reader.gatherRows("rows", [7, 3, 4, 3]);
  assert.deepEqual(reads.map(([, length]) => length), [5 * 8192]);
  reads.length = 0;
  // 8 rows of 8 KiB, 64 KiB, lie between 100 and 109: together; 9 between 109 and 119: apart.
  await reader.gatherRows("rows", [109, 119, 100]);
  assert.deepEqual(reads.map(([, length]) => length), [10 * 8192, 8192]);
});

Deno.test("gatherRows() over a whole large tensor reads it in bounded pieces", async () => {
  const { reader, reads } = await openRows(200, 65_536);
  await reader.gatherRows("rows", Array.from({ length: 200 }, (_, row) => row));
  assert.equal(reads.length, 4);
  assert.ok(reads.every(([, length]) => length <= 4 * 1024 * 1024));
});

Deno.test("open() closes the source where the header is refused, and dispose closes it later", async () => {
  const refused = watchedSource(handMade("[]"));
  await failsWith("checkpoint/bad-header", () => SafetensorsReader.open(refused));
  assert.ok(refused.disposed);
  const accepted = watchedSource(handMade("{}"));
  const reader = await SafetensorsReader.open(accepted);
  assert.ok(!accepted.disposed);
  reader[Symbol.dispose]();
  assert.ok(accepted.disposed);
});
