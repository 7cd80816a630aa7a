import assert from "node:assert/strict";
import { ChoiceStore } from "../../src/gpu/choice_store.ts";
import { run } from "../../tools/command.ts";

const module = new URL("../../src/gpu/choice_store.ts", import.meta.url);
const program = `
  import { ChoiceStore } from "${module}";
  const store = new ChoiceStore({ test: "1" });
  const other = new ChoiceStore({ test: "1", runtime: "newer" });
  console.log(JSON.stringify([...await store.read(), ...await other.read()]));
  await store.add(new Map([[Deno.args[0], "x"]]));`;

Deno.test("ChoiceStore lasts beyond the process, by key, without any permission", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${folder}/program.ts`, program);
    const read = async (adding: string): Promise<unknown> => {
      const args = ["run", "--quiet", "--no-prompt", `${folder}/program.ts`, adding];
      const { output } = await run(Deno.execPath(), args, { env: { DENO_DIR: folder } });
      return JSON.parse(output);
    };
    assert.deepEqual(await read("a"), []);
    assert.deepEqual(await read("b"), [["a", "x"]]);
    assert.deepEqual(await read("c"), [["a", "x"], ["b", "x"]]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("ChoiceStore serves one process where the runtime has no cache", async () => {
  const { caches } = globalThis;
  const replace = (value: unknown): void => {
    Object.defineProperty(globalThis, "caches", { value, configurable: true });
  };
  try {
    for (const missing of [undefined, { open: () => Promise.reject(new Error("refused")) }]) {
      replace(missing);
      const key = { test: crypto.randomUUID() };
      assert.deepEqual([...await new ChoiceStore(key).read()], []);
      await new ChoiceStore(key).add(new Map([["a", "1"]]));
      await new ChoiceStore(key).add(new Map([["b", "2"]]));
      assert.deepEqual([...await new ChoiceStore(key).read()], [["a", "1"], ["b", "2"]]);
      assert.deepEqual([...await new ChoiceStore({ ...key, runtime: "newer" }).read()], []);
    }
  } finally {
    replace(caches);
  }
});
