import assert from "node:assert/strict";
import { ImplicitRewardModel, RewardModel, RewardModelWorker } from "../../mod.ts";
import { AssayError } from "../../src/error.ts";
import { openBackbone } from "../../src/fitting/open_backbone.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";

const folder = "tests/golden/parity/llama";

const bad: Readonly<Record<string, readonly unknown[]>> = {
  backend: ["x", null, 0],
  kernels: ["x", ["tiled"]],
  precision: ["f64", 16],
  tuning: ["", 1],
  memoryBudget: [0, -1, NaN, "6GiB", null],
  layers: ["x", true],
  maxTokens: [0, -1, NaN, 1.5, "9"],
  truncate: ["x", true],
  label: ["", 1],
  trustSpecialTokens: ["no", 1],
  ignoreConfigKeys: ["key", [1]],
  tokensPerPack: [0, -5, NaN, 0.5, Infinity, "64"],
  sharePrefixes: ["yes"],
  onProgress: [{}],
  onWarning: ["x"],
  signal: [true, new AbortController()],
  tokenPerPack: [64],
};

function refuses(run: () => Promise<unknown>, name: string, value: unknown): Promise<void> {
  return assert.rejects(run, (error) => {
    assert(error instanceof AssayError, String(error));
    assert.equal(error.code, "scoring/bad-option");
    assert(error.message.includes(name), `${error.message} (${name}: ${value})`);
    assert.match(error.message, /expected .*, found /);
    return true;
  });
}

Deno.test("every option of loading is checked at every door, by name", async () => {
  for (const [name, values] of Object.entries(bad)) {
    for (const value of values) {
      const options = { [name]: value } as LoadOptions;
      await refuses(() => RewardModel.load(folder, options), name, value);
      await refuses(() => RewardModelWorker.load(folder, options), name, value);
      await refuses(() => ImplicitRewardModel.load(folder, undefined, options), name, value);
      await refuses(async () => await openBackbone(folder, options), name, value);
    }
  }
  for (const beta of [0, -1, NaN, Infinity, "1"]) {
    const options = { beta } as { beta: number };
    await refuses(() => ImplicitRewardModel.load(folder, undefined, options), "beta", beta);
  }
  const reduce = { reduce: "max" } as unknown as { reduce: "sum" };
  await refuses(() => ImplicitRewardModel.load(folder, undefined, reduce), "reduce", "max");
  await refuses(() => RewardModel.load(folder, null as unknown as LoadOptions), "options", null);
});

Deno.test("options of scoring are checked too; absent ones and bounds that are none are fine", async () => {
  using model = await RewardModel.load(folder, {
    backend: "cpu",
    kernels: undefined,
    memoryBudget: Infinity,
    maxTokens: Infinity,
    signal: new AbortController().signal,
  });
  const conversation = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Hello." }];
  const [verdict] = await model.score([conversation], { signal: undefined });
  assert.equal(typeof verdict?.score, "number");
  for (const [name, value] of [["signal", {}], ["onProgress", 1], ["signel", undefined]] as const) {
    if (value === undefined) continue;
    await refuses(() => model.score([conversation], { [name]: value }), name, value);
  }
  await refuses(() => model.score([conversation], { truncate: "left" } as object), "truncate", "");
});
