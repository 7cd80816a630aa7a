import assert from "node:assert/strict";
import fc from "fast-check";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { blobFolder, type CheckpointFolder } from "../../src/checkpoint/folder.ts";
import { formatShardIndex, planShards } from "../../src/checkpoint/shard_index.ts";
import { arbitraryTensors, type WholeTensor } from "./arbitrary_tensors.ts";
import { failsWith, handMade, writtenFile } from "./made_files.ts";

type Files = Readonly<Record<string, BlobPart>>;

function folderOf(files: Files): CheckpointFolder {
  const blobs = Object.entries(files).map(([name, part]) => [name, new Blob([part])] as const);
  return blobFolder("tiny", new Map(blobs));
}

/** As {@linkcode folderOf}, like a folder behind HTTP, which cannot be listed. */
function unlistedFolderOf(files: Files): CheckpointFolder {
  const folder = folderOf(files);
  return { name: folder.name, open: (file) => folder.open(file) };
}

/** A folder that notes how many of its files are open. */
function countedFolderOf(files: Files): CheckpointFolder & { opened: number } {
  const folder = folderOf(files);
  return {
    name: folder.name,
    opened: 0,
    async open(file) {
      const source = await folder.open(file);
      if (source === undefined) return undefined;
      this.opened++;
      return { ...source, [Symbol.dispose]: () => void this.opened-- };
    },
  };
}

const config = '{"model_type":"llama"}';
const index = "model.safetensors.index.json";

function u8(name: string, ...bytes: number[]): WholeTensor {
  return { name, dtype: "U8", shape: [bytes.length], bytes: [new Uint8Array(bytes)] };
}

async function shardedFiles(
  tensors: readonly WholeTensor[],
  maxBytes: number,
): Promise<Record<string, BlobPart>> {
  const shards = planShards(tensors, maxBytes);
  const files: Record<string, BlobPart> = {
    "config.json": config,
    [index]: formatShardIndex(shards),
  };
  for (const [file, shard] of shards) files[file] = await writtenFile(shard);
  return files;
}

Deno.test("a checkpoint in any number of shards reads as it was written", async () => {
  await fc.assert(
    fc.asyncProperty(
      arbitraryTensors().filter((tensors) => tensors.length > 0),
      fc.integer({ min: 1, max: 2000 }),
      async (tensors, maxBytes) => {
        const files = await shardedFiles(tensors, maxBytes);
        using checkpoint = await Checkpoint.open(folderOf(files));
        assert.equal(checkpoint.tensors.size, tensors.length);
        for (const { name, dtype, shape, bytes: [bytes] } of tensors) {
          assert.deepEqual(await checkpoint.read(name), { name, dtype, shape, bytes });
          assert.ok(checkpoint.tensors.get(name)!.file in files);
          const rows = shape[0];
          if (rows === undefined || rows === 0) continue;
          if (!Number.isInteger(bytes.length / rows)) continue;
          const last = await checkpoint.readRows(name, rows - 1, 1);
          assert.deepEqual(last.bytes, bytes.slice(bytes.length - bytes.length / rows));
          assert.deepEqual(await checkpoint.gatherRows(name, [rows - 1]), last);
        }
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("a checkpoint in one file carries its name, config and tensors", async () => {
  const file = await writtenFile([u8("a", 1, 2)]);
  const folder = folderOf({ "config.json": config, "model.safetensors": file });
  using checkpoint = await Checkpoint.open(folder);
  assert.equal(checkpoint.name, "tiny");
  assert.deepEqual(checkpoint.config, { model_type: "llama" });
  assert.equal(checkpoint.tensors.get("a")?.file, "model.safetensors");
});

Deno.test("the shard index is preferred to a single file", async () => {
  const files = await shardedFiles([u8("sharded", 1)], 1);
  files["model.safetensors"] = await writtenFile([u8("single", 1)]);
  using checkpoint = await Checkpoint.open(folderOf(files));
  assert.deepEqual([...checkpoint.tensors.keys()], ["sharded"]);
});

Deno.test("readText() reads texts of the folder, and undefined where there are none", async () => {
  const file = await writtenFile([]);
  const files = { "config.json": config, "model.safetensors": file, "a/b.txt": "\ufeffé🙂" };
  using checkpoint = await Checkpoint.open(
    folderOf({ ...files, "latin1.txt": new Uint8Array([233]) }),
  );
  assert.equal(await checkpoint.readText("a/b.txt"), "é🙂");
  assert.equal(await checkpoint.readText("tokenizer.json"), undefined);
  await failsWith("checkpoint/not-utf8", () => checkpoint.readText("latin1.txt"), /latin1\.txt/);
  await failsWith("checkpoint/path-leaves-folder", () => checkpoint.readText("../secret"));
});

Deno.test("readText() refuses a text too large before reading it", async () => {
  const file = await writtenFile([]);
  const folder = folderOf({ "config.json": config, "model.safetensors": file });
  using checkpoint = await Checkpoint.open({
    name: "huge",
    open: async (name) =>
      name !== "tokenizer.json" ? await folder.open(name) : {
        name,
        byteLength: 2 ** 40,
        read: () => assert.fail("read"),
        [Symbol.dispose]() {},
      },
  });
  await failsWith("checkpoint/text-too-large", () => checkpoint.readText("tokenizer.json"));
});

Deno.test("a path in a folder is checked even where the folder does not", async () => {
  const file = await writtenFile([]);
  const { open } = folderOf({ "config.json": config, "model.safetensors": file });
  using checkpoint = await Checkpoint.open({ name: "careless", open });
  await failsWith("checkpoint/path-leaves-folder", () => checkpoint.readText("a/../../b"));
});

Deno.test("a missing tensor is an error that names it and the checkpoint", async () => {
  const file = await writtenFile([u8("a")]);
  using checkpoint = await Checkpoint.open(
    folderOf({ "config.json": config, "model.safetensors": file }),
  );
  const message = /tensor score\.weight: expected it in tiny, found none/;
  await failsWith("checkpoint/missing-tensor", () => checkpoint.read("score.weight"), message);
  await failsWith("checkpoint/missing-tensor", () => checkpoint.readRows("score.weight", 0, 1));
  await failsWith("checkpoint/missing-tensor", () => checkpoint.gatherRows("score.weight", [0]));
});

const weights = handMade("{}");
const badFolders: readonly (readonly [string, Files, string, RegExp])[] = [
  ["nothing", {}, "missing-config", /no config\.json, or no such folder/],
  ["no config", { "model.safetensors": weights }, "missing-config", /tiny/],
  ["a config that is not JSON", { "config.json": "{'a'}" }, "bad-config", /found SyntaxError/],
  ["a config that is a list", { "config.json": "[]" }, "bad-config", /found a list/],
  ["a config that is null", { "config.json": "null" }, "bad-config", /found null/],
  ["no weights", { "config.json": config }, "no-safetensors", /found neither; download/],
  [
    "PyTorch weights only",
    { "config.json": config, "pytorch_model.bin": "", "training_args.bin": "" },
    "no-safetensors",
    /found pytorch_model\.bin, PyTorch weights: convert them/,
  ],
  [
    "PyTorch shards only",
    { "config.json": config, "pytorch_model.bin.index.json": "{}" },
    "no-safetensors",
    /found pytorch_model\.bin\.index\.json, PyTorch weights/,
  ],
  [
    "an adapter only",
    { "config.json": config, "adapter_model.safetensors": weights },
    "no-safetensors",
    /merge it first/,
  ],
];

for (const [what, files, code, message] of badFolders) {
  for (const folder of [folderOf(files), unlistedFolderOf(files)]) {
    const kind = folder.list === undefined ? "unlisted folder" : "folder";
    Deno.test(`Checkpoint.open() refuses a ${kind} with ${what}`, async () => {
      await failsWith(`checkpoint/${code}`, () => Checkpoint.open(folder), message);
    });
  }
}

for (
  const [file, advice] of [
    ["model.Q8_0.gguf", /GGUF weights.*take the original model/],
    ["model-00001-of-00002.safetensors", /add model\.safetensors\.index\.json/],
    ["tf_model.h5", /another framework/],
  ] as const
) {
  Deno.test(`Checkpoint.open() says what to do with ${file}`, async () => {
    const folder = folderOf({ "config.json": config, [file]: "" });
    await failsWith("checkpoint/no-safetensors", () => Checkpoint.open(folder), advice);
  });
}

Deno.test("Checkpoint.open() names a missing shard", async () => {
  const { [index]: text, ...files } = await shardedFiles([u8("a", 1), u8("b", 2)], 1);
  delete files["model-00002-of-00002.safetensors"];
  const folder = folderOf({ ...files, [index]: text! });
  await failsWith(
    "checkpoint/missing-shard",
    () => Checkpoint.open(folder),
    /expected model-00002-of-00002\.safetensors/,
  );
});

Deno.test("Checkpoint.open() refuses shards that do not agree with the index", async () => {
  const files = await shardedFiles([u8("a", 1), u8("b", 2)], 1);
  const second = "model-00002-of-00002.safetensors";
  for (
    const [code, tensors] of [
      ["shard-lacks-tensor", [u8("c", 1)]],
      ["duplicate-tensor", [u8("a", 1), u8("b", 1)]],
    ] as const
  ) {
    const folder = folderOf({ ...files, [second]: await writtenFile(tensors) });
    await failsWith(`checkpoint/${code}`, () => Checkpoint.open(folder), /tensor "[ab]"/);
  }
});

Deno.test("Checkpoint.open() leaves no file open where it fails, and dispose closes all", async () => {
  const tensors = Array.from({ length: 20 }, (_, i) => u8(`${i}`, i));
  const files = await shardedFiles(tensors, 1);
  const folder = countedFolderOf(files);
  const checkpoint = await Checkpoint.open(folder);
  assert.equal(folder.opened, 20);
  checkpoint[Symbol.dispose]();
  assert.equal(folder.opened, 0);

  const [, , , , broken] = Object.keys(files);
  const failures: readonly (readonly [string, Files])[] = [
    ["checkpoint/bad-header", { ...files, [broken!]: handMade("[]") }],
    ["checkpoint/shard-lacks-tensor", { ...files, [broken!]: handMade("{}") }],
    ["checkpoint/bad-config", { ...files, "config.json": "1" }],
    ["checkpoint/bad-index", { ...files, [index]: "{}" }],
  ];
  for (const [code, bad] of failures) {
    const counted = countedFolderOf(bad);
    await failsWith(code, () => Checkpoint.open(counted));
    assert.equal(counted.opened, 0, code);
  }
});

Deno.test("Checkpoint.open() warns of weights that lie there twice, and of an adapter beside them", async () => {
  const one = await writtenFile([u8("a", 1)]);
  const plain = folderOf({ "config.json": config, "model.safetensors": one });
  using whole = await Checkpoint.open(plain);
  assert.deepEqual(whole.warnings, []);
  const files = await shardedFiles([u8("a", 1), u8("b", 2)], 1);
  const adapter = { "adapter_config.json": "{}" };
  using twice = await Checkpoint.open(folderOf({ ...files, "model.safetensors": one, ...adapter }));
  assert.equal(twice.warnings.length, 2);
  assert.match(twice.warnings[0]!, /model\.safetensors\.index\.json.*transformers reads model\./);
  assert.match(twice.warnings[1]!, /adapter_config\.json.*--adapter/);
});

Deno.test("Checkpoint.open() names an adapter that has no base, and files that Git LFS keeps", async () => {
  const alone = folderOf({ "adapter_config.json": "{}", "adapter_model.safetensors": "" });
  await failsWith("checkpoint/missing-config", () => Checkpoint.open(alone), /--adapter/);
  const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n";
  const one = await writtenFile([u8("a", 1)]);
  for (const file of ["config.json", "model.safetensors.index.json", "model.safetensors"]) {
    const folder = folderOf({ "config.json": config, "model.safetensors": one, [file]: pointer });
    const code = file === "model.safetensors" ? "not-safetensors" : "lfs-pointer";
    await failsWith(`checkpoint/${code}`, () => Checkpoint.open(folder), /git lfs pull/);
  }
  const folder = folderOf({
    "config.json": config,
    "model.safetensors": one,
    "tokenizer.json": pointer,
  });
  using checkpoint = await Checkpoint.open(folder);
  await failsWith(
    "checkpoint/lfs-pointer",
    () => checkpoint.readText("tokenizer.json"),
    /tokenizer\.json/,
  );
});
