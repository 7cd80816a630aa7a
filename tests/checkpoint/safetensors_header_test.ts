import assert from "node:assert/strict";
import { readSafetensorsHeader } from "../../src/checkpoint/safetensors_header.ts";
import { failsWith, handMade, watchedSource } from "./made_files.ts";

function readHeader(file: Uint8Array<ArrayBuffer>) {
  return readSafetensorsHeader(watchedSource(file), "model.safetensors");
}

/** A header with one tensor "a", whose fields are given as JSON. */
function oneTensor(dtype: string, shape: string, offsets: string): string {
  return `{"a":{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}}`;
}

/** A header with U8 tensors "a", "b", … at the given ranges. */
function ranges(...all: readonly (readonly [number, number])[]): string {
  const entries = all.map(([begin, end], i) =>
    `"${"abc"[i]}":{"dtype":"U8","shape":[${end - begin}],"data_offsets":[${begin},${end}]}`
  );
  return `{${entries.join(",")}}`;
}

const text = (value: string) => new TextEncoder().encode(value);

/** Every refusal of a header: what is wrong, the file, the code, what the message says. */
const refusals: readonly (readonly [string, Uint8Array<ArrayBuffer>, string, RegExp])[] = [
  ["an empty file", new Uint8Array(0), "file-too-small", /found 0; download it again/],
  ["7 bytes", new Uint8Array(7), "file-too-small", /at least 8 bytes, found 7/],
  ["a header beyond 100 MB", handMade("{}", 0, 100_000_001n), "header-too-large", /100000001$/],
  ["the largest header length", handMade("{}", 0, 2n ** 64n - 1n), "header-too-large", /1844674/],
  ["a header longer than the file", handMade("{}", 0, 3n), "header-out-of-file", /of 10 bytes/],
  ["a Git LFS pointer", text("version https://git-lfs"), "not-safetensors", /git lfs pull/],
  ["a PyTorch archive", text("PK\u0003\u0004\0\0\0\u0001 archive"), "not-safetensors", /convert/],
  ["a GGUF file", text("GGUF\u0003\0\0\u0001"), "not-safetensors", /GGUF/],
  ["a web page", text("<!DOCTYPE html>"), "not-safetensors", /web page/],
  ["bytes that are not UTF-8", handMade(new Uint8Array([0x7b, 0xff, 0x7d])), "not-utf8", /UTF-8/],
  ["an empty header", handMade(""), "bad-header", /starts with "\{", found ""/],
  ["leading white space", handMade(" {}"), "bad-header", /found " \{\}"/],
  ["a byte order mark", handMade("\ufeff{}"), "bad-header", /starts with/],
  ["a list", handMade("[]"), "bad-header", /found "\[\]"/],
  ["a cut off header", handMade('{"a":{"dtype":"F'), "bad-json", /expected a string/],
  ["text after the header", handMade("{}x"), "bad-json", /expected the end/],
  ["a tensor twice", handMade('{"a":1,"a":1}'), "duplicate-key", /each key once, found "a" twice/],
  [
    "a field twice",
    handMade('{"a":{"dtype":"U8","dtype":"I8"}}'),
    "duplicate-key",
    /"dtype" twice/,
  ],
  ["deep nesting", handMade(`{"a":${"[".repeat(9999)}`), "json-too-deep", /32 levels/],
  ["metadata that is a list", handMade('{"__metadata__":[]}'), "bad-metadata", /found a list/],
  ["metadata with a number", handMade('{"__metadata__":{"a":1}}'), "bad-metadata", /a number/],
  ["an entry that is null", handMade('{"a":null}'), "bad-tensor-entry", /tensor "a", found null/],
  ["an entry that is a list", handMade('{"a":[]}'), "bad-tensor-entry", /found a list/],
  ["no dtype", handMade('{"a":{"shape":[],"data_offsets":[0,1]}}', 1), "unknown-dtype", /none/],
  ["a new dtype", handMade(oneTensor('"F128"', "[1]", "[0,16]"), 16), "unknown-dtype", /"F128"/],
  [
    "a dtype in lower case",
    handMade(oneTensor('"f32"', "[1]", "[0,4]"), 4),
    "unknown-dtype",
    /f32/,
  ],
  ["a numeric dtype", handMade(oneTensor("7", "[1]", "[0,4]"), 4), "unknown-dtype", /a number/],
  ["no shape", handMade('{"a":{"dtype":"U8","data_offsets":[0,1]}}', 1), "bad-shape", /as shape/],
  ["a numeric shape", handMade(oneTensor('"U8"', "1", "[0,1]"), 1), "bad-shape", /as shape/],
  ["a negative size", handMade(oneTensor('"U8"', "[-1]", "[0,1]"), 1), "bad-shape", /as shape/],
  ["a fractional size", handMade(oneTensor('"U8"', "[0.5]", "[0,1]"), 1), "bad-shape", /as shape/],
  ["a size written 1.0", handMade(oneTensor('"U8"', "[1.0]", "[0,1]"), 1), "bad-shape", /as shape/],
  ["a size in quotes", handMade(oneTensor('"U8"', '["1"]', "[0,1]"), 1), "bad-shape", /as shape/],
  [
    "a size of 2^53",
    handMade(oneTensor('"U8"', "[9007199254740992]", "[0,1]"), 1),
    "bad-shape",
    /as shape/,
  ],
  ["no offsets", handMade('{"a":{"dtype":"U8","shape":[1]}}', 1), "bad-offsets", /another value/],
  ["one offset", handMade(oneTensor('"U8"', "[1]", "[0]"), 1), "bad-offsets", /found \[0\]/],
  ["three offsets", handMade(oneTensor('"U8"', "[1]", "[0,1,2]"), 2), "bad-offsets", /\[0,1,2\]/],
  ["a negative offset", handMade(oneTensor('"U8"', "[1]", "[-1,0]")), "bad-offsets", /another/],
  [
    "offsets turned round",
    handMade(oneTensor('"U8"', "[1]", "[1,0]"), 1),
    "bad-offsets",
    /\[1,0\]/,
  ],
  [
    "an offset beyond 2^53",
    handMade(oneTensor('"U8"', "[1]", "[9007199254740993,9007199254740994]"), 1),
    "bad-offsets",
    /another/,
  ],
  [
    "a product that overflows",
    handMade(oneTensor('"U8"', "[4294967296,4294967296]", "[0,1]"), 1),
    "size-overflow",
    /4294967296,4294967296/,
  ],
  [
    "a product that overflows before a zero",
    handMade(oneTensor('"U8"', "[4294967296,4294967296,0]", "[0,0]")),
    "size-overflow",
    /less than 2\^53/,
  ],
  ["half a byte", handMade(oneTensor('"F4"', "[3]", "[0,2]"), 2), "size-overflow", /whole bytes/],
  [
    "a range too short",
    handMade(oneTensor('"F32"', "[2]", "[0,4]"), 4),
    "size-mismatch",
    /8 bytes/,
  ],
  ["a range too long", handMade(oneTensor('"F32"', "[2]", "[0,9]"), 9), "size-mismatch", /found 9/],
  [
    "a scalar without bytes",
    handMade(oneTensor('"F32"', "[]", "[0,0]")),
    "size-mismatch",
    /4 byte/,
  ],
  ["a file cut off", handMade(ranges([0, 4], [4, 8]), 7), "out-of-file", /"b".*download it again/],
  [
    "a range near 2^53",
    handMade(oneTensor('"U8"', "[1]", "[9007199254740990,9007199254740991]"), 1),
    "out-of-file",
    /cut off/,
  ],
  ["tensors that overlap", handMade(ranges([0, 4], [3, 8]), 8), "overlap", /"b" after tensor "a"/],
  ["a tensor inside another", handMade(ranges([0, 8], [2, 4]), 8), "overlap", /tensor "b"/],
  ["a range taken twice", handMade(ranges([0, 4], [0, 4]), 4), "overlap", /tensor "b"/],
  ["an empty tensor inside another", handMade(ranges([0, 4], [2, 2]), 4), "overlap", /tensor "b"/],
  ["a hole at the start", handMade(ranges([1, 4]), 4), "hole", /right after the header/],
  ["a hole between tensors", handMade(ranges([0, 2], [3, 4]), 4), "hole", /right after tensor "a"/],
  ["bytes after the last tensor", handMade(ranges([0, 2]), 3), "hole", /end of the file/],
  ["bytes without any tensor", handMade("{}", 3), "hole", /end of the file right after the header/],
];

for (const [what, file, code, message] of refusals) {
  Deno.test(`a safetensors header is refused: ${what}`, async () => {
    await failsWith(`checkpoint/${code}`, () => readHeader(file), message);
  });
}

Deno.test("a header is refused before anything of its size is read", async () => {
  for (const length of [3n, 99_999_999n, 2n ** 63n]) {
    const source = watchedSource(handMade("{}", 0, length));
    await assert.rejects(readSafetensorsHeader(source, "a"));
    assert.deepEqual(source.reads, [[0, 8]]);
  }
});

Deno.test("a header may be empty, padded with spaces, and hold only metadata", async () => {
  assert.equal((await readHeader(handMade("{}"))).tensors.size, 0);
  assert.equal((await readHeader(handMade("{}      "))).tensors.size, 0);
  const { metadata } = await readHeader(handMade('{"__metadata__":{"format":"pt","é":"🙂"}}'));
  assert.deepEqual([...metadata], [["format", "pt"], ["é", "🙂"]]);
});

Deno.test("tensors come in the order of their bytes, wherever the header lists them", async () => {
  const { tensors } = await readHeader(handMade(ranges([6, 8], [0, 0], [0, 6]), 8));
  assert.deepEqual([...tensors.keys()], ["b", "c", "a"]);
});

Deno.test("fields of a tensor that the format does not know are ignored, as the reference does", async () => {
  const entry = '{"dtype":"U8","shape":[1],"data_offsets":[0,1],"device":{"index":[0]}}';
  const { tensors } = await readHeader(handMade(`{"a":${entry}}`, 1));
  assert.equal(tensors.get("a")?.byteLength, 1);
});

Deno.test("a tensor may have any name, one of an object's own among them", async () => {
  const entry = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}';
  const names = ["__proto__", "constructor", "", "0", "a b/../c"];
  const header = `{${names.map((name) => `${JSON.stringify(name)}:${entry}`).join(",")}}`;
  assert.deepEqual([...(await readHeader(handMade(header))).tensors.keys()], names);
});
