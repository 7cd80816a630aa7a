/** Which settings of a machine can change a bit, and which can't. */
import assert from "node:assert/strict";
import {
  identityDifference,
  identityDigest,
  readIdentity,
  sameBits,
  type ScoringIdentity,
  scoringIdentity,
} from "../../src/fleet/scoring_identity.ts";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import { type ModelSpec, openModelFolder } from "../../src/tasks/model_folder.ts";

const identity: ScoringIdentity = {
  assay: "1.0.0",
  model: "0".repeat(32),
  source: null,
  settings: { truncate: "error", trustSpecialTokens: false },
  maxTokens: 4096,
  calibrator: null,
  kernels: "wasm",
  precision: "f32",
  weights: "stored",
  processor: "V8 1, x86_64",
};

Deno.test("any part of an identity that differs is named, with what both have there", async () => {
  const others: Partial<ScoringIdentity>[] = [
    { assay: "1.0.1" },
    { model: "1".repeat(32) },
    { source: "hf:a/b@c" },
    { maxTokens: 512 },
    { calibrator: "2".repeat(32) },
    { kernels: "tiled" },
    { precision: "f16" },
    { weights: "int8" },
    { processor: "V8 2, x86_64" },
  ];
  const digests = new Set([await identityDigest(identity)]);
  for (const other of others) {
    const [[name, value]] = Object.entries(other) as [[keyof ScoringIdentity, unknown]];
    assert.deepEqual(identityDifference(identity, { ...identity, ...other }), {
      name,
      ours: JSON.stringify(identity[name]),
      theirs: JSON.stringify(value),
    });
    digests.add(await identityDigest({ ...identity, ...other }));
  }
  assert.equal(digests.size, others.length + 1);
});

Deno.test("a setting that differs, or that one alone has, is named", () => {
  const settings = { ...identity.settings, label: "toxic" };
  assert.deepEqual(identityDifference(identity, { ...identity, settings }), {
    name: "settings.label",
    ours: "none",
    theirs: '"toxic"',
  });
  assert.equal(sameBits(identity, { ...identity, settings }), false);
});

Deno.test("an identity that went through JSON, its keys in another order, is the same", async () => {
  const { settings, ...others } = identity;
  const turned = { ...Object.fromEntries(Object.entries(others).reverse()), settings };
  turned.settings = { trustSpecialTokens: false, truncate: "error" };
  const read = readIdentity(JSON.parse(JSON.stringify(turned)), "a worker");
  assert.equal(sameBits(read, identity), true);
  assert.equal(await identityDigest(read), await identityDigest(identity));
});

Deno.test("what is no identity is refused by the place that is wrong", () => {
  for (const told of [undefined, "text", [], {}, { ...identity, maxTokens: "4096" }]) {
    assert.throws(() => readIdentity(told, "http://one"), {
      code: "fleet/bad-identity",
      message: /what http:\/\/one computes with: expected the identity of Assay/,
    });
  }
});

async function identityOf(spec: ModelSpec, options: LoadOptions = {}): Promise<ScoringIdentity> {
  const quiet = { backend: "wasm", onWarning: () => {}, ...options } as const;
  using folder = await openModelFolder(spec);
  using model = await RewardModel.load(folder.source, quiet);
  return await scoringIdentity({ folder, model, options: quiet });
}

Deno.test("threads and packs are no part of a model's identity; adapter and truncation are", async () => {
  const model = "tests/golden/parity/llama";
  const own = await identityOf({ model });
  const elsewhere = await identityOf({ model }, { threads: 2, tokensPerPack: 64, tuning: "off" });
  assert.equal(identityDifference(own, elsewhere), undefined);
  const adapted = await identityOf({ model, adapter: "tests/golden/voting/peft_adapter" });
  assert.equal(identityDifference(own, adapted)?.name, "model");
  const cut = await identityOf({ model }, { truncate: "left" });
  assert.equal(identityDifference(own, cut)?.name, "settings.truncate");
  const plain = await identityOf({ model }, { backend: "cpu" });
  assert.equal(identityDifference(own, plain)?.name, "kernels");
});
