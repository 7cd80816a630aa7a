import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { Olmo2Settings } from "../../src/models/olmo2.ts";

/** As allenai/OLMo-2-1124-7B-RM has it, in sizes of our own. */
const olmo2 = {
  architectures: ["Olmo2ForSequenceClassification"],
  attention_bias: false,
  attention_dropout: 0,
  eos_token_id: 100257,
  hidden_act: "silu",
  hidden_size: 64,
  id2label: { "0": "LABEL_0" },
  initializer_range: 0.02,
  intermediate_size: 96,
  label2id: { LABEL_0: 0 },
  max_position_embeddings: 4096,
  model_type: "olmo2",
  num_attention_heads: 4,
  num_hidden_layers: 4,
  num_key_value_heads: 4,
  pad_token_id: 100277,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 500000,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  transformers_version: "4.47.0.dev0",
  use_cache: false,
  vocab_size: 100,
};

/** What allenai/Olmo-3-7B-Think adds. */
const olmo3 = {
  model_type: "olmo3",
  architectures: ["Olmo3ForCausalLM"],
  max_position_embeddings: 65536,
  rope_scaling: {
    attention_factor: 1.2079441541679836,
    beta_fast: 32,
    beta_slow: 1,
    factor: 8,
    original_max_position_embeddings: 8192,
    rope_type: "yarn",
  },
  sliding_window: 4096,
  layer_types: [
    "sliding_attention",
    "sliding_attention",
    "sliding_attention",
    "full_attention",
  ],
};

function read(
  changes: Record<string, unknown>,
  warn: (message: string) => void = () => {},
): Olmo2Settings {
  const config = Object.fromEntries(
    Object.entries({ ...olmo2, ...changes }).filter(([, value]) => value !== undefined),
  );
  return planBackbone({ name: "tiny", config, tensors: new Map() }, warn)
    .settings as unknown as Olmo2Settings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("published configs of OLMo 2 and OLMo 3 are read without a warning", () => {
  const two = read({}, (message) => assert.fail(message));
  assert.deepEqual(two.rope, { type: "default", theta: 500000 });
  assert.deepEqual(two.windows, [0, 0, 0, 0]);
  assert.equal(two.localRope, undefined);
  const three = read(olmo3, (message) => assert.fail(message));
  assert.deepEqual(three.windows, [4096, 4096, 4096, 0]);
  assert.ok(three.rope.type === "yarn" && three.rope.originalLength === 8192);
  assert.deepEqual(three.localRope, { type: "default", theta: 500000 });
  assert.equal(three.maxTokens, 65536);
});

Deno.test("what a config of OLMo leaves out has the value of transformers' class", () => {
  const four = { ...olmo3, layer_types: undefined, sliding_window: undefined };
  assert.deepEqual(read(four).windows, [4096, 4096, 4096, 0]);
  const none = { num_key_value_heads: undefined, rms_norm_eps: undefined };
  assert.equal(read(none).keyHeads, 4);
  assert.equal(read(none).rmsEpsilon, 1e-5);
  const old = { ...olmo3, rope_theta: undefined, rope_scaling: undefined };
  assert.deepEqual(read(old).rope, { type: "default", theta: 500000 });
  assert.deepEqual(read({ rope_theta: undefined }).rope, { type: "default", theta: 10000 });
});

Deno.test("what OLMo does not compute with is refused by name", () => {
  const bad = "checkpoint/bad-config";
  const changes: [Record<string, unknown>, string, string?][] = [
    [{ hidden_act: "gelu" }, "hidden_act"],
    [{ clip_qkv: 8 }, "clip_qkv"],
    [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor"],
    [{ ...olmo3, rope_theta: 10000 }, "rope_theta"],
    [{ ...olmo3, rope_scaling: undefined, rope_parameters: { rope_type: "default" } }, "rope_type"],
    [{ ...olmo3, rope_scaling: { type: "yarn", factor: 8 } }, "type"],
    [{ ...olmo3, sliding_window: null }, "sliding_window", bad],
    [{ num_attention_heads: 3 }, "num_key_value_heads", bad],
  ];
  for (const [change, key, code] of changes) {
    assert.throws(() => read(change), refused(key, code), key);
  }
});
