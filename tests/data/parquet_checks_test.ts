import assert from "node:assert/strict";
import { checkSharedPrefixes, endOfDeltas } from "../../src/data/parquet_deltas.ts";
import { checkRuns } from "../../src/data/parquet_runs.ts";
import { endOfThrift } from "../../src/data/parquet_thrift.ts";
import { pageCodecs } from "../../src/data/parquet_codecs.ts";
import { zstdCompressSync } from "node:zlib";

function runs(bytes: number[], count: number, width = 1): void {
  const place = { what: "levels", start: 0, end: bytes.length, width, count };
  checkRuns(new Uint8Array(bytes), place);
}

Deno.test("checkRuns() accepts runs that hold what is wanted", () => {
  runs([20, 1], 10); // ten ones
  runs([3, 0b10101010, 4, 0], 10); // eight packed, then two zeros
  runs([5, 255, 3], 10); // sixteen packed for ten
  runs([0x80, 0x08, 7, 7], 512, 16); // 512 values of two bytes
});

Deno.test("checkRuns() refuses a run that is longer than all that is wanted", () => {
  assert.throws(
    () => runs([0xfe, 0xff, 0xff, 0xff, 0x0f, 1], 10),
    /found a run of 2147483647 after 0/,
  );
  assert.throws(() => runs([0xff, 0xff, 0xff, 0xff, 0x0f, 1], 10), /found a run of/);
  assert.throws(() => runs([22, 1], 10), /found a run of 11/);
});

Deno.test("checkRuns() refuses runs that end early, and numbers without end", () => {
  assert.throws(() => runs([18, 1], 10), /expected 10 values, found an end after 9/);
  assert.throws(() => runs([], 1), /found an end after 0/);
  assert.throws(() => runs([255, 255, 255, 255, 255, 255], 10), /without end/);
  assert.throws(() => runs([2, 0], 1, 33), /at most 32 bits/);
});

Deno.test("endOfThrift() finds a struct's end, waits for more bytes, and refuses what has none", () => {
  const field = [0x15, 0x0a, 0x00]; // field 1, a number, stop
  assert.equal(endOfThrift(new Uint8Array([...field, 9, 9]), 0), 3);
  assert.equal(endOfThrift(new Uint8Array(field.slice(0, 2)), 0), undefined);
  const endless = new Uint8Array(1000).fill(0xff);
  endless[0] = 0x15;
  assert.throws(() => endOfThrift(endless, 0), /more than 10 bytes/);
  assert.throws(() => endOfThrift(new Uint8Array(1000).fill(0x1c), 0), /more than 24 levels/);
  // A list of 2³¹ elements in five bytes.
  assert.equal(endOfThrift(new Uint8Array([0x19, 0xf5, 255, 255, 255, 255, 7]), 0), undefined);
});

Deno.test("endOfDeltas() finds the end of differences and refuses contradictions", () => {
  const bytes = [0x80, 0x01, 4, 3, 2, 0, 0, 0, 0, 0]; // 3 values, all 1
  assert.equal(endOfDeltas(new Uint8Array([...bytes, 77]), 0, 3), 10);
  assert.throws(() => endOfDeltas(new Uint8Array(bytes), 0, 4), /expected 4 values, found 3/);
  assert.throws(() => endOfDeltas(new Uint8Array([0x80, 1, 0, 3, 2]), 0, 3), /in 0 parts/);
  assert.throws(() => endOfDeltas(new Uint8Array([0x80, 0x80, 0x80, 8, 4, 3, 2]), 0, 3), /blocks/);
});

Deno.test("checkSharedPrefixes() refuses texts that are longer than their page allows", () => {
  // Three values: prefixes 0, 2, 4 and suffixes 2, 2, 2.
  const deltas = (first: number, step: number) => [0x80, 1, 4, 3, first * 2, step * 2, 0, 0, 0, 0];
  const page = new Uint8Array([...deltas(0, 2), ...deltas(2, 0), ...new Uint8Array(6)]);
  checkSharedPrefixes(page, 0, 3, 12);
  assert.throws(() => checkSharedPrefixes(page, 0, 3, 11), /more than 11 bytes/);
  const longer = new Uint8Array([...deltas(0, 9), ...deltas(2, 0), ...new Uint8Array(6)]);
  assert.throws(() => checkSharedPrefixes(longer, 0, 3, 1e9), /value 2 of 9 and 2 bytes/);
});

Deno.test("compressed pages make no more bytes than they claim", () => {
  const bomb = new Uint8Array(zstdCompressSync(new Uint8Array(2 ** 24)));
  assert.throws(() => pageCodecs.ZSTD!(bomb, 1000), /larger than 1000/);
  const snappy = new Uint8Array([4, 3 << 2, 65, 66, 67, 68]);
  assert.deepEqual(pageCodecs.SNAPPY!(snappy, 4), new Uint8Array([65, 66, 67, 68]));
  assert.throws(() => pageCodecs.SNAPPY!(snappy, 5), /expected 5 bytes of Snappy, found 4/);
});
