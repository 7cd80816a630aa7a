import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { askedOf } from "../../src/scoring/asked_head.ts";
import { planFor } from "../../src/scoring/model_plan.ts";
import { errorPlaces } from "../../tools/docs/error_codes.ts";
import { publishedModels } from "../../tools/docs/published_models.ts";
import { sourcesUnder } from "../../tools/docs/source_files.ts";
import { supportedFamilies, supportedHeads } from "../../tools/docs/supported_models.ts";
import { goldenLabel, goldenOptions, parityFolder, parityModels } from "../golden/parity.ts";

const families = supportedFamilies().map(({ modelType }) => modelType);
const heads = supportedHeads().map(({ kind }) => kind);

Deno.test("a published model works or is refused, and stands in the table once", () => {
  for (const { model, works, refused } of publishedModels) {
    assert.ok((works === undefined) !== (refused === undefined), model);
  }
  const names = publishedModels.map(({ model }) => model);
  assert.deepEqual(names, [...new Set(names)]);
});

Deno.test("a published model that works names a family, a head and tiny checkpoints that there are", async () => {
  for (const { model, works } of publishedModels) {
    if (works === undefined) continue;
    const { family, head, folders } = works;
    assert.ok(families.includes(family), `${model}: no family ${family}`);
    assert.ok(heads.includes(head), `${model}: no head ${head}`);
    const shown = await Promise.all(folders.map(async (folder) => {
      assert.ok(parityModels.includes(folder), `${model}: no folder ${folder}`);
      using checkpoint = await Checkpoint.open(parityFolder(folder));
      const label = await goldenLabel(folder);
      const asked = await askedOf(checkpoint, checkpoint.config, await goldenOptions(folder));
      const { head, backbone } = planFor(checkpoint, { head: "reward", label, asked });
      return { kind: head.kind, type: backbone.family.modelType };
    }));
    assert.ok(shown.some(({ type }) => type === family), `${model}: no folder is of ${family}`);
    assert.ok(shown.some(({ kind }) => kind === head), `${model}: no folder has the head ${head}`);
  }
});

Deno.test("a published model that is refused names a code that there is, and no family that runs", () => {
  const codes = errorPlaces(sourcesUnder("src")).map(({ code }) => code);
  for (const { model, refused } of publishedModels) {
    if (refused === undefined) continue;
    assert.ok(codes.includes(refused.code), `${model}: no code ${refused.code}`);
    const { modelType } = refused;
    const isRefused = modelType === undefined || !families.includes(modelType);
    assert.ok(isRefused, `${model}: ${modelType} is a family now; how does it end?`);
  }
});
