import assert from "node:assert/strict";
import fc from "fast-check";
import { bzip2, collect, cut, rowsOf } from "./input_files.ts";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { inputChunks } from "../../src/data/input_bytes.ts";
import { readJsonText } from "../../src/data/read_json_text.ts";
import { ZstdFrames } from "../../src/data/zstd_frames.ts";

const lines = '{"prompt":"Hi","response":"Hello"}\n{"prompt":"2+2?","response":"4"}\n';
const rows = lines.trim().split("\n").map((line) => JSON.parse(line));
const array = JSON.stringify(rows);

async function plain(content: string | Uint8Array, options = {}): Promise<unknown[]> {
  return (await rowsOf(content, options)).map(({ row, error }) => row ?? error?.message);
}

Deno.test("readRows() reads a file that is one JSON list, however it is written", async () => {
  const texts = [
    array,
    `${array}\n`,
    ` \n${JSON.stringify(rows, null, 2)}\n\n`,
    JSON.stringify(rows, null, "\t").replaceAll("\n", "\r\n"),
    `[${rows.map((row) => JSON.stringify(row)).join("\n,\n")}]`,
  ];
  for (const text of texts) {
    for (const suffix of [".json", ".jsonl"]) {
      assert.deepEqual(await plain(text, { suffix }), rows, text);
    }
  }
  assert.deepEqual(await plain("[]"), []);
  assert.deepEqual(await plain("[\n]\n"), []);
  const numbered = await rowsOf(JSON.stringify(rows, null, 2));
  assert.deepEqual(numbered.map(({ line }) => line), [2, 6]);
});

Deno.test("readRows() turns each bad item of a JSON list into an item with its error", async () => {
  const [first, second] = await plain('[{"a":1},\n7,\n{"b":[1,"]}\\"",{}]},,{"c" 1}]');
  assert.deepEqual(first, { a: 1 });
  assert.match(String(second), /line 2: expected a JSON object, found a number/);
  const rest = (await plain('[{"a":1},\n7,\n{"b":[1,"]}\\"",{}]},,{"c" 1}]')).slice(2);
  assert.deepEqual(rest[0], { b: [1, ']}"', {}] });
  assert.match(String(rest[1]), /found nothing before a comma/);
  assert.match(String(rest[2]), /not JSON/);
  const [, cut] = await plain('[{"a":1},\n{"b":');
  assert.match(String(cut), /expected \] after the items of the list, found the end of the file/);
  await assert.rejects(plain('[\n{"a":1}]\n{"b":2}'), {
    code: "data/bad-file",
    message: /found more on line 3/,
  });
});

Deno.test("readJsonText() reads the same rows of a list however the bytes are cut", async () => {
  const row = fc.dictionary(fc.string(), fc.oneof(fc.string(), fc.integer(), fc.constant([{}])));
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(row), fc.nat(3), sizes, async (list, indent, sizes) => {
      const bytes = new TextEncoder().encode(JSON.stringify(list, null, indent));
      const read = (await collect(readJsonText("list", cut(bytes, sizes)))).flat();
      const expected = JSON.parse(JSON.stringify(list));
      assert.deepEqual(JSON.parse(JSON.stringify(read.map(({ row }) => row))), expected);
    }),
  );
});

Deno.test("readRows() leaves lines that are lists, and a first line that is cut short, to their rows", async () => {
  const read = await plain(`[1]\n${lines}`);
  assert.match(String(read[0]), /found a list/);
  assert.deepEqual(read.slice(1), rows);
  for (const first of ['{"prompt":"a', '{"prompt":"a",', '{"a":{', "{", "junk"]) {
    const read = await plain(`${first}\n${lines}`);
    assert.match(String(read[0]), /line 1: expected a JSON object/);
    assert.deepEqual(read.slice(1), rows);
  }
});

Deno.test("readRows() names an object over many lines, and a table in one object", async () => {
  const table = { prompt: ["Hi", "2+2?"], response: ["Hello", "4"] };
  const byColumns = { prompt: { 0: "Hi", 1: "2+2?" }, response: { 0: "Hello", 1: "4" } };
  const objects: [unknown, RegExp][] = [
    [table, /a table by its columns, as lists/],
    [byColumns, /a table by its columns/],
    [{ 0: rows[0], 1: rows[1] }, /a table by its index/],
    [{ columns: ["prompt"], index: [0], data: [["Hi"]] }, /beside the names/],
    [{ schema: { fields: [] }, data: rows }, /beside the names/],
  ];
  for (const [object, message] of objects) {
    const expected = { code: "data/json-layout", message };
    await assert.rejects(plain(JSON.stringify(object), { suffix: ".json" }), expected);
    const many = { code: "data/json-layout", message: /found one over many lines.*jq -c/ };
    await assert.rejects(plain(JSON.stringify(object, null, 2)), many);
  }
  const conversations = {
    prompt: [{ role: "user", content: "Hi" }],
    chosen: [{ role: "assistant", content: "Hello" }],
  };
  assert.deepEqual(await plain(JSON.stringify(conversations)), [conversations]);
  const scored = { scores: [1, 2], lengths: [3, 4] };
  assert.deepEqual(await plain(JSON.stringify(scored)), [scored]);
});

Deno.test("readRows() names lines that end with CR alone", async () => {
  const expected = { code: "data/line-ends", message: /CR alone.*tr '\\r' '\\n'/ };
  await assert.rejects(plain(lines.replaceAll("\n", "\r")), expected);
  await assert.rejects(plain("a,b\r1,2\r3,4\r", { suffix: ".csv" }), expected);
});

Deno.test("readRows() reads CSV with the delimiter that is named, and names the one that it finds", async () => {
  const read = [{ id: "1", text: "a,b" }, { id: "2", text: 'c;"d' }];
  const write = (mark: string) => `id${mark}text\n1${mark}"a,b"\n2${mark}"c;""d"\n`;
  const csv = { suffix: ".csv" };
  for (const [mark, name] of [[";", "';'"], ["\t", "tab"], ["|", "'\\|'"]] as const) {
    assert.deepEqual(await plain(write(mark), { ...csv, delimiter: mark }), read);
    await assert.rejects(plain(write(mark), csv), {
      code: "data/delimiter",
      message: new RegExp(`--delimiter ${name}`),
    });
  }
  assert.deepEqual(await plain(write("\t"), { suffix: ".tsv" }), read);
  assert.deepEqual(await plain(gzipSync(write("\t")), { suffix: ".tsv.gz" }), read);
  await assert.rejects(plain(write(","), { suffix: ".tsv" }), { code: "data/delimiter" });
  const odd = [{ "a;b": "1" }];
  assert.deepEqual(await plain("a;b\n1\n", { ...csv, delimiter: "," }), odd);
  await assert.rejects(plain(lines, csv), { code: "data/bad-file", message: /found JSON/ });
});

Deno.test("readRows() reads Zstandard, frame by frame, and refuses what was cut short", async () => {
  const big = lines.repeat(5000);
  const packed = zstdCompressSync(big);
  const all = await plain(packed, { suffix: ".jsonl.zst" });
  assert.equal(all.length, 10_000);
  const checked = zstdCompressSync(lines, {
    params: { [constants.ZSTD_c_checksumFlag]: 1 },
  });
  const twice = new Uint8Array([...packed, ...checked]);
  assert.equal((await plain(twice, { suffix: ".zst" })).length, 10_002);
  assert.deepEqual(await plain(zstdCompressSync("a,b\n1,2\n"), { suffix: ".csv.zst" }), [{
    a: "1",
    b: "2",
  }]);
  const many = Array.from({ length: 40 }, (_, i) => zstdCompressSync(`${lines.repeat(i * i)}\n`));
  const expected = 2 * many.reduce((sum, _, i) => sum + i * i, 0);
  const joined = Uint8Array.from(many.flatMap((frame) => [...frame]));
  assert.equal((await plain(joined)).length, expected);
  for (const whole of [packed, checked]) {
    for (const end of [whole.length - 1, whole.length - 3, Math.floor(whole.length / 2), 6]) {
      await assert.rejects(plain(whole.subarray(0, end)), { code: "data/bad-file" }, String(end));
    }
  }
  await assert.rejects(plain(new Uint8Array([...checked, 1, 2, 3, 4, 5])), {
    code: "data/bad-file",
  });
});

Deno.test("ZstdFrames tells whole frames from parts, however the bytes are cut", () => {
  const skippable = [0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3];
  const texts = ["", "a", "a".repeat(300_000), lines.repeat(3000)];
  const checksum = { params: { [constants.ZSTD_c_checksumFlag]: 1 } };
  const frames = texts.flatMap((
    text,
  ) => [zstdCompressSync(text), zstdCompressSync(text, checksum)]);
  const all = Uint8Array.from([skippable, ...frames].flatMap((frame) => [...frame]));
  const ends = new Set([0]);
  for (const frame of [skippable, ...frames]) ends.add([...ends].at(-1)! + frame.length);
  const size = fc.integer({ min: 1, max: 5000 });
  fc.assert(fc.property(fc.array(size, { minLength: 1 }), (sizes) => {
    const followed = new ZstdFrames();
    let at = 0;
    for (let i = 0; at < all.length; i++) {
      const next = Math.min(at + sizes[i % sizes.length]!, all.length);
      while (at < next) {
        const end = followed.push(all.subarray(at, next));
        at = end === undefined ? next : at + end;
        assert.equal(followed.isWhole, ends.has(at), `${at}`);
      }
    }
  }));
});

Deno.test("readRows() says what a file is that it can't read", async () => {
  const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  const utf16 = new Uint8Array(new Uint16Array([...lines].map((c) => c.charCodeAt(0))).buffer);
  const tar = new Uint8Array(512);
  tar.set(latin("rows.jsonl"));
  tar.set(latin("ustar"), 257);
  const files: [Uint8Array, RegExp][] = [
    [bzip2, /bzip2 data; unpack it first, for example `bzip2 -dc/],
    [latin("\xfd7zXZ\0\0\x04"), /xz data/],
    [latin("PK\x03\x04\x14\0\0\0"), /a zip archive/],
    [gzipSync(tar), /a tar archive/],
    [gzipSync(gzipSync(lines)), /gzip data/],
    [zstdCompressSync(latin("PAR1\x15\x04")), /Parquet/],
    [latin("SQLite format 3\0"), /an SQLite database/],
    [latin("ARROW1\0\0"), /Arrow/],
    [utf16, /UTF-16/],
  ];
  for (const [bytes, message] of files) {
    for (const suffix of [".jsonl", ".csv"]) {
      await assert.rejects(plain(bytes, { suffix }), { code: "data/bad-file", message });
    }
  }
});

Deno.test("rows that come through a pipe are read as they come", async () => {
  const asked: string[] = [];
  const pieces = async function* () {
    for (const piece of [lines.slice(0, 10), lines.slice(10), lines]) {
      asked.push(piece);
      yield await Promise.resolve(new TextEncoder().encode(piece));
    }
  };
  for await (const batch of readJsonText("pipe", inputChunks("pipe", pieces()))) {
    if (batch.length > 0) break;
  }
  assert.equal(asked.length, 2);
});
