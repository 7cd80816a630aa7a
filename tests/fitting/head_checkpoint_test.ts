import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { AssayError } from "../../src/error.ts";
import { scalarHeadTensors, writeHeadCheckpoint } from "../../src/fitting/head_checkpoint.ts";
import { inFolder } from "../cli/captured_output.ts";
import { parityFolder } from "../golden/parity.ts";

/** ArmoRM in four files: some hold nothing but the backbone. */
const base = parityFolder("armo");

async function head(): Promise<ReturnType<typeof scalarHeadTensors>> {
  using checkpoint = await Checkpoint.open(base);
  const size = Number(checkpoint.config.hidden_size);
  return scalarHeadTensors(Float64Array.from({ length: size }, (_, i) => i / 8));
}

async function assertWritten(folder: string): Promise<void> {
  using from = await Checkpoint.open(base);
  using written = await Checkpoint.open(folder);
  const backbone = [...from.tensors.keys()].filter((name) => name.startsWith("model.")).sort();
  assert.deepEqual([...written.tensors.keys()].sort(), [...backbone, "score.weight"]);
  for (const name of backbone) {
    assert.deepEqual((await written.read(name)).bytes, (await from.read(name)).bytes, name);
  }
  const { bytes } = await written.read("score.weight");
  assert.equal(new Float32Array(bytes.buffer, bytes.byteOffset)[3], 0.375);
  assert.equal(written.config.hidden_size, from.config.hidden_size);
  assert.deepEqual(written.config.architectures, ["LlamaForSequenceClassification"]);
  assert.deepEqual(
    Object.keys(written.config).filter((key) => /gating_(?!token)|objectives/.test(key)),
    [],
  );
  assert.equal(await written.readText("tokenizer.json"), await from.readText("tokenizer.json"));
}

Deno.test("writeHeadCheckpoint() copies the backbone bit for bit, in one file or in several", async () => {
  for (const maxShardBytes of [5e9, 40_000]) {
    await inFolder(async (folder) => {
      await writeHeadCheckpoint(base, folder, await head(), { maxShardBytes });
      await assertWritten(folder);
      const files = [...Deno.readDirSync(folder)].filter(({ name }) =>
        name.endsWith(".safetensors")
      );
      assert.equal(files.length > 1, maxShardBytes < 1e9);
    });
  }
});

Deno.test("writeHeadCheckpoint() links files that hold nothing but the backbone", async () => {
  await inFolder(async (folder) => {
    await writeHeadCheckpoint(base, folder, await head(), { link: true });
    await assertWritten(folder);
    const links = [...Deno.readDirSync(folder)].filter(({ isSymlink }) => isSymlink);
    assert.ok(links.length > 0);
    await writeHeadCheckpoint(base, folder, await head(), { link: true }); // once more, over it
    await assertWritten(folder);
  });
});

Deno.test("writeHeadCheckpoint() never writes through a link that an earlier run left", async () => {
  await inFolder(async (folder) => {
    const [first, second] = [`${folder}/first`, `${folder}/second`];
    await writeHeadCheckpoint(base, first, { tensors: [], config: {} });
    const before = await Deno.readFile(`${first}/model.safetensors`);
    await writeHeadCheckpoint(first, second, await head(), { link: true });
    assert.ok((await Deno.lstat(`${second}/model.safetensors`)).isSymlink);
    await writeHeadCheckpoint(first, second, await head());
    await assertWritten(second);
    assert.deepEqual(await Deno.readFile(`${first}/model.safetensors`), before);
  });
});

Deno.test("writeHeadCheckpoint() writes another element type, and never over what it reads", async () => {
  await inFolder(async (folder) => {
    await writeHeadCheckpoint(base, folder, await head(), { dtype: "BF16" });
    using written = await Checkpoint.open(folder);
    assert.equal(written.tensors.get("score.weight")!.dtype, "BF16");
    await assert.rejects(
      writeHeadCheckpoint(folder, `${folder}/../${folder.split("/").at(-1)}`, await head()),
      (error) => error instanceof AssayError && error.code === "fitting/same-folder",
    );
    await assert.rejects(
      writeHeadCheckpoint(base, `${folder}/config.json`, await head()),
      (error) => error instanceof AssayError && error.code === "fitting/cannot-write",
    );
  });
});
