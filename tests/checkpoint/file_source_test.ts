import assert from "node:assert/strict";
import * as node from "node:fs/promises";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { fileSource, fileSourceIn, kindAt, listFiles } from "../../src/checkpoint/file_source.ts";
import { nodeFileSystem } from "../../src/checkpoint/file_system.ts";
import { folderAt, httpFolder, localFolder } from "../../src/checkpoint/folder.ts";
import { httpSource } from "../../src/checkpoint/http_source.ts";
import { failsWith, handMade } from "./made_files.ts";

const goldenFolder = new URL("../golden/checkpoint/", import.meta.url);
const golden = new URL("every_dtype.safetensors", goldenFolder);

/** Runs a test with a folder of its own, with the given files. */
async function withFolder(
  files: Readonly<Record<string, string | Uint8Array>>,
  test: (path: string) => Promise<void>,
): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    for (const [name, content] of Object.entries(files)) {
      const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
      await Deno.writeFile(`${path}/${name}`, bytes);
    }
    await test(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

Deno.test("many reads at once of one file each get their own bytes", async () => {
  const words = Uint32Array.from({ length: 100_000 }, (_, i) => i);
  await withFolder({ words: new Uint8Array(words.buffer) }, async (path) => {
    using source = await fileSource(`${path}/words`);
    assert.ok(source !== undefined);
    assert.equal(source.byteLength, 400_000);
    const starts = Array.from({ length: 200 }, (_, i) => (i * 7919) % 90_000);
    const pieces = await Promise.all(starts.map((start) => source.read(start * 4, 40_000)));
    pieces.forEach((piece, i) => {
      const start = starts[i]!;
      assert.deepEqual(new Uint32Array(piece.buffer), words.slice(start, start + 10_000));
    });
  });
});

Deno.test("a range outside the file is refused, and later reads go on", async () => {
  using source = await fileSource(golden);
  assert.ok(source !== undefined);
  const size = source.byteLength;
  for (const [offset, length] of [[-1, 1], [0, -1], [0, size + 1], [size, 1], [0.5, 1], [0, NaN]]) {
    await failsWith("checkpoint/out-of-range", () => source.read(offset!, length!));
  }
  await failsWith("checkpoint/out-of-range", () => source.read(2 ** 53 - 1, 2 ** 53 - 1));
  assert.equal((await source.read(size, 0)).length, 0);
  assert.equal((await source.read(size - 2, 2)).length, 2);
});

Deno.test("a file that is no longer as long as when it was opened is an error", async () => {
  await withFolder({ file: new Uint8Array(1000) }, async (path) => {
    using source = await fileSource(`${path}/file`);
    await Deno.truncate(`${path}/file`, 500);
    await failsWith("checkpoint/file-changed", () => source?.read(400, 200), /its end at 500/);
  });
});

Deno.test("a closed file says so, and may be closed again", async () => {
  const source = await fileSource(golden);
  source?.[Symbol.dispose]();
  source?.[Symbol.dispose]();
  await failsWith("checkpoint/closed", () => source?.read(0, 8), /has been closed/);
});

Deno.test("what is absent is undefined; what is no file is an error", async () => {
  assert.equal(await fileSource(new URL("absent", goldenFolder)), undefined);
  assert.equal(await fileSource(new URL("every_dtype.json/absent", goldenFolder)), undefined);
  await failsWith("checkpoint/not-a-file", () => fileSource(goldenFolder), /found a folder/);
  assert.deepEqual(await listFiles(new URL("absent", goldenFolder)), []);
});

Deno.test({
  name: "without permission to read, the error says which permission",
  permissions: { read: false },
  fn: async () => {
    await failsWith("checkpoint/permission-denied", () => fileSource(golden), /--allow-read/);
    await failsWith("checkpoint/permission-denied", () => listFiles(goldenFolder), /--allow-read/);
    await failsWith("checkpoint/permission-denied", () => Checkpoint.open("a/folder"));
  },
});

Deno.test({
  name: "a local checkpoint opens with permission to read and no other",
  permissions: { read: true },
  fn: async () => {
    using source = await fileSource(golden);
    assert.equal((await source?.read(0, 8))?.length, 8);
  },
});

Deno.test("where a runtime has no files a local path is an error that names the other folders", async () => {
  const { Deno: deno, process } = globalThis;
  try {
    Reflect.deleteProperty(globalThis, "Deno");
    Reflect.deleteProperty(globalThis, "process");
    await failsWith("checkpoint/no-file-system", () => fileSource("a"), /httpFolder/);
    await failsWith("checkpoint/no-file-system", () => listFiles("a"));
    await failsWith("checkpoint/no-file-system", () => kindAt("a"));
  } finally {
    Object.assign(globalThis, { Deno: deno, process });
  }
});

// Node's and Bun's way to files; tests/runtimes/ has it in those themselves.
const nodeFiles = nodeFileSystem(node);

Deno.test("through node:fs files are found, listed and read in ranges", async () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);
  await withFolder({ "é #%": bytes, other: "" }, async (path) => {
    for (const where of [`${path}/é #%`, new URL(`file://${path}/${encodeURIComponent("é #%")}`)]) {
      using source = await fileSourceIn(nodeFiles, where);
      assert.equal(source?.byteLength, 1000);
      const pieces = await Promise.all([source?.read(990, 10), source?.read(3, 200)]);
      assert.deepEqual(pieces, [bytes.slice(990), bytes.slice(3, 203)]);
      await failsWith("checkpoint/out-of-range", () => source!.read(999, 2));
    }
    assert.equal(await fileSourceIn(nodeFiles, `${path}/absent`), undefined);
    assert.equal(await fileSourceIn(nodeFiles, `${path}/other/absent`), undefined);
    await failsWith("checkpoint/not-a-file", () => fileSourceIn(nodeFiles, path));
    assert.deepEqual((await listFiles(path, nodeFiles)).toSorted(), ["other", "é #%"]);
    assert.deepEqual(await listFiles(`${path}/absent`, nodeFiles), []);
    const kinds = ["", "/other", "/absent"].map((end) => kindAt(path + end, nodeFiles));
    assert.deepEqual(await Promise.all(kinds), ["folder", "file", undefined]);
  });
});

Deno.test("through node:fs a file that became shorter is an error, and a closed one too", async () => {
  await withFolder({ file: new Uint8Array(1000) }, async (path) => {
    const source = await fileSourceIn(nodeFiles, `${path}/file`);
    await Deno.truncate(`${path}/file`, 500);
    await failsWith("checkpoint/file-changed", () => source?.read(400, 200), /its end at 500/);
    source?.[Symbol.dispose]();
    source?.[Symbol.dispose]();
    await failsWith("checkpoint/closed", () => source?.read(0, 8));
  });
});

Deno.test({
  name: "through node:fs a file that may not be read is an error that says so",
  permissions: { read: false },
  fn: async () => {
    await failsWith(
      "checkpoint/permission-denied",
      () => fileSourceIn(nodeFiles, golden),
      /who may/,
    );
    await failsWith("checkpoint/permission-denied", () => listFiles(goldenFolder, nodeFiles));
  },
});

Deno.test("a checkpoint opens by path, by file URL and by the text of one", async () => {
  const files = { "config.json": "{}", "model.safetensors": handMade("{}"), "é #%.txt": "text" };
  await withFolder(files, async (path) => {
    const url = new URL(`file://${path}`);
    for (const source of [path, `${path}/`, url, new URL(`${url}/`), url.href, localFolder(path)]) {
      using checkpoint = await Checkpoint.open(source);
      assert.equal(checkpoint.tensors.size, 0);
      assert.equal(await checkpoint.readText("é #%.txt"), "text");
    }
  });
});

Deno.test("a folder that does not exist is an error that says so", async () => {
  await failsWith("checkpoint/missing-config", () => Checkpoint.open("no/such/folder"), /no such/);
});

Deno.test("a local folder without safetensors is listed to say what is there", async () => {
  await withFolder({ "config.json": "{}", "reward.Q4_K_M.gguf": "" }, async (path) => {
    await failsWith("checkpoint/no-safetensors", () => Checkpoint.open(path), /Q4_K_M\.gguf/);
  });
});

Deno.test("symbolic links in a folder are followed, as in the hub's cache", async () => {
  await withFolder({ blob: handMade("{}"), "config.json": "{}" }, async (path) => {
    await Deno.mkdir(`${path}/snapshot`);
    await Deno.symlink("../blob", `${path}/snapshot/model.safetensors`);
    await Deno.symlink("../config.json", `${path}/snapshot/config.json`);
    using checkpoint = await Checkpoint.open(`${path}/snapshot`);
    assert.equal(checkpoint.tensors.size, 0);
  });
});

Deno.test("rows beyond 4 GiB of a file are read from their place", async () => {
  const size = 5 * 2 ** 30;
  const entry = `{"dtype":"U8","shape":[${size / 4},4],"data_offsets":[0,${size}]}`;
  const header = handMade(`{"embeddings":${entry}}`);
  await withFolder({ "config.json": "{}", "model.safetensors": header }, async (path) => {
    using file = await Deno.open(`${path}/model.safetensors`, { write: true });
    await file.truncate(header.length + size); // a sparse file: it takes no room
    for (const row of [2 ** 30 + 7, size / 4 - 1]) {
      await file.seek(header.length + row * 4, Deno.SeekMode.Start);
      await file.write(new Uint8Array([1, 2, 3, row % 256]));
    }
    using checkpoint = await Checkpoint.open(path);
    const { bytes } = await checkpoint.gatherRows("embeddings", [size / 4 - 1, 2 ** 30 + 7]);
    assert.deepEqual([...bytes], [1, 2, 3, 255, 1, 2, 3, 7]);
  });
});

Deno.test("an address that is none is an error", async () => {
  await failsWith("checkpoint/bad-address", () => Checkpoint.open("http://"), /https:\/\/host/);
  await failsWith("checkpoint/bad-address", () => httpFolder("models/llama"));
  await failsWith("checkpoint/bad-address", () => httpSource("models/llama"));
});

Deno.test("folderAt() tells addresses from paths", () => {
  assert.equal(folderAt("https://host/a?token=1").name, "https://host/a");
  assert.equal(folderAt("HTTP://host/a").name, "http://host/a");
  assert.equal(folderAt("models/https:/a").name, "models/https:/a");
  assert.equal(folderAt("C:\\models\\a").name, "C:\\models\\a");
});
