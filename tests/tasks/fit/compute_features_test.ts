import assert from "node:assert/strict";
import { computeFeatures } from "../../../src/tasks/fit/compute_features.ts";
import type { ModelSpec } from "../../../src/tasks/model_folder.ts";
import { rowsInMemory } from "../../../src/tasks/repeatable_rows.ts";
import { inFolder } from "../../cli/captured_output.ts";
import { adapted, writeMerged } from "../adapted_models.ts";

const rows = rowsInMemory([
  { prompt: "How much is 2 + 2?", chosen: "Four.", rejected: "Five, or perhaps six." },
]);

async function features(spec: ModelSpec, folder: string): Promise<Uint8Array> {
  const load = { backend: "cpu" } as const;
  const { failed } = await computeFeatures(rows.read(), spec, folder, { load });
  assert.deepEqual(failed, []);
  return await Deno.readFile(`${folder}/features-00001.safetensors`);
}

Deno.test("computeFeatures() with an adapter gives the features of the merged checkpoint", async () => {
  await inFolder(async (folder) => {
    const model = await writeMerged(adapted.model, `${folder}/merged`);
    const merged = await features({ model }, `${folder}/a`);
    const spec = { ...adapted, adapterDtype: "F32" } as const;
    assert.deepEqual(await features(spec, `${folder}/b`), merged);
    assert.notDeepEqual(await features({ model: adapted.model }, `${folder}/c`), merged);
  });
});

Deno.test("computeFeatures() never mixes features of a model with those of its adapter", async () => {
  await inFolder(async (folder) => {
    await features({ model: adapted.model }, folder);
    await assert.rejects(features(adapted, folder), { code: "fitting/bad-features" });
    const other = `${folder}/other`;
    await features(adapted, other);
    await assert.rejects(features({ ...adapted, adapterDtype: "F32" }, other), {
      code: "fitting/bad-features",
    });
  });
});
