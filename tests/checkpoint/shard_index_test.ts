import assert from "node:assert/strict";
import {
  formatShardIndex,
  joinShards,
  parseShardIndex,
  planShards,
} from "../../src/checkpoint/shard_index.ts";
import type { TensorInfo } from "../../src/checkpoint/tensor.ts";
import { failsWith } from "./made_files.ts";

const declare = (name: string, size: number) => ({ name, dtype: "U8", shape: [size] }) as const;

function header(file: string, ...names: string[]): ReadonlyMap<string, TensorInfo> {
  return new Map(names.map((name) => [name, { ...declare(name, 1), byteLength: 1, file }]));
}

function indexOf(weightMap: unknown): string {
  return JSON.stringify({ metadata: { total_size: 16060522496.5 }, weight_map: weightMap });
}

Deno.test("parseShardIndex() lists the tensors of each file", () => {
  const shards = parseShardIndex(
    indexOf({ a: "1.safetensors", b: "2/3", c: "1.safetensors" }),
    "x",
  );
  assert.deepEqual([...shards], [["1.safetensors", ["a", "c"]], ["2/3", ["b"]]]);
});

const refusals: readonly (readonly [string, string, string, RegExp])[] = [
  ["text that is not JSON", "<html>", "bad-json", /x\/model\.safetensors\.index\.json/],
  ["a list", "[]", "bad-index", /an object "weight_map", found none/],
  ["an index without weight_map", "{}", "bad-index", /an object "weight_map"/],
  ["a weight_map that is a list", indexOf([]), "bad-index", /an object "weight_map"/],
  ["an empty weight_map", indexOf({}), "bad-index", /tensors in "weight_map"/],
  ["a file that is a number", indexOf({ a: 1 }), "bad-index", /file name for tensor "a"/],
  ["a tensor twice", '{"weight_map":{"a":"1","a":"2"}}', "duplicate-key", /"a" twice/],
];

for (const [what, text, code, message] of refusals) {
  Deno.test(`parseShardIndex() refuses ${what}`, async () => {
    await failsWith(`checkpoint/${code}`, () => parseShardIndex(text, "x"), message);
  });
}

const escapes = ["../a", "a/../../b", "/etc/passwd", "..", ".", "", "a//b", "a/", "./a", "C:\\a"]
  .concat(["..\\a", "c:a", "http://host/a", "a\0", "a\nb", "\\\\host\\share"]);

for (const path of escapes) {
  Deno.test(`parseShardIndex() refuses a file that leaves the folder: ${JSON.stringify(path)}`, async () => {
    const text = indexOf({ a: path });
    await failsWith("checkpoint/path-leaves-folder", () => parseShardIndex(text, "x"));
  });
}

Deno.test("joinShards() joins what the index lists and keeps what it does not", () => {
  const shards = new Map([["1", ["a"]], ["2", ["b"]]]);
  const tensors = joinShards(shards, [header("1", "a"), header("2", "b", "extra")]);
  assert.deepEqual([...tensors].map(([name, { file }]) => name + file), ["a1", "b2", "extra2"]);
});

Deno.test("joinShards() refuses a tensor in two shards, listed or not", async () => {
  const shards = new Map([["1", ["a"]], ["2", ["b"]]]);
  await failsWith(
    "checkpoint/duplicate-tensor",
    () => joinShards(shards, [header("1", "a"), header("2", "b", "a")]),
    /tensor "a" in one file, found it in 1 and 2/,
  );
});

Deno.test("joinShards() refuses a listed tensor that its shard lacks, or that lies in another", async () => {
  const shards = new Map([["1", ["a"]], ["2", ["b"]]]);
  const code = "checkpoint/shard-lacks-tensor";
  await failsWith(code, () => joinShards(shards, [header("1", "a"), header("2")]), /in no file/);
  await failsWith(code, () => joinShards(shards, [header("1", "a", "b"), header("2")]), /in 1;/);
});

Deno.test("planShards() fills files in order and gives a large tensor one of its own", () => {
  const sizes = { a: 4, b: 4, large: 20, c: 0, d: 8, e: 1 };
  const shards = planShards(Object.entries(sizes).map(([name, size]) => declare(name, size)), 8);
  assert.deepEqual([...shards].map(([file, tensors]) => [file, tensors.map(({ name }) => name)]), [
    ["model-00001-of-00004.safetensors", ["a", "b"]],
    ["model-00002-of-00004.safetensors", ["large"]],
    ["model-00003-of-00004.safetensors", ["c", "d"]],
    ["model-00004-of-00004.safetensors", ["e"]],
  ]);
  assert.deepEqual([...planShards([], 8)], [["model-00001-of-00001.safetensors", []]]);
});

Deno.test("formatShardIndex() writes what transformers writes, and parseShardIndex() reads it", () => {
  const shards = new Map([["2", [declare("b", 3), declare("a", 2)]], ["1", [declare("c", 1)]]]);
  const text = formatShardIndex(shards);
  const index = { metadata: { total_size: 6 }, weight_map: { a: "2", b: "2", c: "1" } };
  assert.equal(text, `${JSON.stringify(index, null, 2)}\n`);
  assert.deepEqual([...parseShardIndex(text, "x")], [["2", ["a", "b"]], ["1", ["c"]]]);
});

Deno.test("formatShardIndex() refuses a tensor in two files", async () => {
  const shards = new Map([["1", [declare("a", 1)]], ["2", [declare("a", 1)]]]);
  await failsWith("checkpoint/duplicate-tensor", () => formatShardIndex(shards));
});
