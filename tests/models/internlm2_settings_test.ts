import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { InternLm2Settings } from "../../src/models/internlm2.ts";

const published = JSON.parse(
  await Deno.readTextFile(
    new URL("../golden/settings/published_configs.json", import.meta.url),
  ),
)["internlm2-1_8b-reward"] as Record<string, unknown>;

function planOf(changes: Record<string, unknown> = {}) {
  const config = Object.fromEntries(
    Object.entries({ ...published, ...changes }).filter(([, value]) => value !== undefined),
  );
  const warn = (message: string): never => assert.fail(message);
  return planBackbone({ name: "tiny", config, tensors: new Map() }, warn);
}

function read(changes: Record<string, unknown>): InternLm2Settings {
  return planOf(changes).settings as unknown as InternLm2Settings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("the config of InternLM2-reward is read without a warning", () => {
  const settings = read({});
  assert.deepEqual(settings.rope, {
    type: "dynamic",
    theta: 1e6,
    factor: 1,
    originalLength: 32768,
  });
  assert.equal(settings.headDim, 128);
  assert.equal(settings.attentionBiases, false);
  assert.equal(settings.maxTokens, 32768);
  const { tensors } = planOf();
  assert.deepEqual(tensors.get("model.layers.23.attention.wqkv.weight"), [4096, 2048]);
  assert.equal(tensors.size, 2 + 24 * 7);
});

Deno.test("what a config of InternLM2 leaves out has the value of its class", () => {
  assert.equal(read({ bias: undefined }).attentionBiases, true);
  assert.equal(read({ rms_norm_eps: undefined }).rmsEpsilon, 1e-6);
  assert.equal(read({ num_key_value_heads: undefined }).keyHeads, 16);
  const rope = { rope_theta: undefined, rope_scaling: null };
  assert.deepEqual(read(rope).rope, { type: "default", theta: 10000 });
});

Deno.test("what InternLM2 does not compute with is refused by name", () => {
  const yarn = { rope_scaling: { type: "yarn", factor: 2 } };
  assert.throws(() => read(yarn), refused("rope_type"));
  assert.throws(() => read({ hidden_act: "gelu" }), refused("hidden_act"));
  assert.throws(() => read({ hidden_size: 240 }), refused("head_dim"));
  const heads = refused("num_key_value_heads", "checkpoint/bad-config");
  assert.throws(() => read({ num_key_value_heads: 3 }), heads);
});
