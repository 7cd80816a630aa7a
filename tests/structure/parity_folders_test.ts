import assert from "node:assert/strict";
import {
  contractTolerance,
  goldenConversations,
  goldenStates,
  parityFolder,
  parityModels,
  parityTolerance,
} from "../golden/parity.ts";

Deno.test("every folder of tests/golden/parity is tested", () => {
  assert.ok(parityModels.length >= 9, `found ${parityModels.join(", ") || "none"}`);
});

for (const model of parityModels) {
  Deno.test(`the parity folder ${model} holds a checkpoint and what the reference made of it`, async () => {
    const files = [...Deno.readDirSync(parityFolder(model))].map(({ name }) => name);
    for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json"]) {
      assert.ok(files.includes(file), `${model}/${file} is missing`);
    }
    assert.ok(
      files.some((file) => file.startsWith("model") && file.endsWith(".safetensors")),
      `${model} has no weights`,
    );
    const names = (await goldenConversations(model)).map(({ name }) => name);
    assert.equal(new Set(names).size, names.length, `${model}: a name stands twice`);
    for (const name of (await goldenStates(model)).keys()) {
      assert.ok(names.includes(name), `${model}: hidden states of ${name}, but no conversation`);
    }
    await parityTolerance(model);
  });
}

Deno.test("a parity folder that lacks a file, or has nothing in it, fails by name", async () => {
  const folder = await Deno.makeTempDir();
  const fails = (what: () => Promise<unknown>, file: string): Promise<void> =>
    assert.rejects(what, new RegExp(`${folder}/${file}: expected `));
  await fails(() => goldenConversations(folder), "golden.json");
  await fails(() => goldenStates(folder), "golden.safetensors");
  await Deno.writeTextFile(`${folder}/golden.json`, '{"conversations":[]}');
  await fails(() => goldenConversations(folder), "golden.json");
});

Deno.test("tolerance.json gives both bounds and the reason, or is refused", async () => {
  const folder = await Deno.makeTempDir();
  assert.deepEqual(await parityTolerance(folder), contractTolerance);
  const own = { score: 1e-5, hiddenStates: 2e-5, reason: "float64 all through" };
  await Deno.writeTextFile(`${folder}/tolerance.json`, JSON.stringify(own));
  assert.deepEqual(await parityTolerance(folder), own);
  for (const wrong of [{ reason: "" }, { score: 0 }, { hiddenStates: "1" }, { hidden_states: 1 }]) {
    await Deno.writeTextFile(`${folder}/tolerance.json`, JSON.stringify({ ...own, ...wrong }));
    await assert.rejects(() => parityTolerance(folder), /tolerance\.json: expected /);
  }
});

Deno.test("all golden files together stay under 12 MiB", async () => {
  const sizeOf = async (folder: URL): Promise<number> => {
    let size = 0;
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (name === "__pycache__") continue;
      size += isDirectory
        ? await sizeOf(new URL(`${name}/`, folder))
        : (await Deno.stat(new URL(name, folder))).size;
    }
    return size;
  };
  const mebibytes = await sizeOf(new URL("../golden/", import.meta.url)) / 2 ** 20;
  assert.ok(mebibytes < 12, `${mebibytes.toFixed(1)} MiB: make the tiny checkpoints smaller`);
});
