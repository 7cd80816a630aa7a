import assert from "node:assert/strict";
import { Device } from "../../src/gpu/device.ts";
import { tileName, tilesOf } from "../../src/ops/products/product_tiles.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import { goldenConversations, parityModels } from "../golden/parity.ts";
import { noHalf, testedKernelSets } from "../kernel_sets.ts";
import { testWhere } from "../requirement.ts";
import { isLookedAt, loadGolden, varied } from "./golden_model.ts";

for (const model of parityModels) {
  for (const { kernelSet: kernels, missing } of testedKernelSets) {
    if (!isLookedAt(model, kernels)) continue;
    invarianceTest(model, { backend: "gpu", kernels }, missing);
  }
  invarianceTest(model, { backend: "wasm" });
}

invarianceTest("qwen2", { backend: "gpu", kernels: "tiled", precision: "f16" }, noHalf);

/** Folders whose responses fill several packs. */
const manyResponses: ReadonlySet<string> = new Set(["armo", "llama", "gemma2", "mixtral"]);

function invarianceTest(model: string, options: LoadOptions, missing?: string): void {
  const { backend, kernels = backend, precision } = options;
  const how = precision === undefined ? kernels : `${kernels}, ${precision}`;
  const name = `a verdict of ${model} has the same bits in every company and plan (${how})`;
  testWhere(missing, name, async () => {
    // The tiled kernels are slow on a software adapter, and there are some sixty folders: fewer responses
    // show the same.
    const responses = kernels !== "tiled" ? manyResponses.has(model) ? 56 : 20 : 12;
    const conversations = varied(await goldenConversations(model), responses);
    const apartEach = { ...options, tokensPerPack: 1, sharePrefixes: false };
    using alone = await loadGolden(model, {
      ...apartEach,
      threads: backend === "wasm" ? 1 : undefined,
    });
    const reference = await alone.score(conversations);
    assert.ok(
      reference.every((verdict) => verdict.score !== null && verdict.precision === precision),
    );

    using packed = await loadGolden(model, options);
    assert.deepEqual(await packed.score(conversations), reference);
    for (const size of manyResponses.has(model) ? [2, 3, 64] : [3]) {
      const first = conversations.slice(-size);
      assert.deepEqual(await packed.score(first), reference.slice(-size));
    }
    const backwards = [...conversations].reverse();
    assert.deepEqual((await packed.score(backwards)).reverse(), reference);

    using apart = await loadGolden(model, { ...options, sharePrefixes: false, tokensPerPack: 300 });
    assert.deepEqual(await apart.score(conversations), reference);

    using streamed = await loadGolden(model, {
      ...options,
      layers: "streamed",
      tokensPerPack: 128,
    });
    assert.equal(streamed.plan.layers, "streamed");
    assert.deepEqual(await streamed.score(conversations), reference);
  });
}

for (const { kernelSet: kernels, missing } of testedKernelSets) {
  testWhere(missing, `scores have the same bits with every tile (${kernels})`, async () => {
    const conversations = varied(await goldenConversations("llama"), 3);
    let expected: Verdict[] | undefined;
    using device = await Device.open();
    // A few of many: each compiles kernels of its own. All are compared on products alone elsewhere.
    const tiles = tilesOf(kernels, device).map(tileName);
    const some = tiles.filter((_, at) => tiles.length < 5 || at % 5 === 3);
    for (const tuning of ["off", ...some]) {
      using model = await loadGolden("llama", { kernels, tuning });
      const found = await model.score(conversations);
      expected ??= found;
      assert.deepEqual(found, expected, tuning);
    }
    await assert.rejects(loadGolden("llama", { kernels, tuning: "1x1x1" }), {
      code: "ops/unknown-tile",
    });
  });
}
