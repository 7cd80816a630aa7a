import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { GemmaSettings } from "../../src/models/gemma2.ts";

/** As google/gemma-2-27b has it, in sizes of our own: with both names of window and activation. */
const gemma2 = {
  model_type: "gemma2",
  attention_bias: false,
  attention_dropout: 0,
  attn_logit_softcapping: 50,
  bos_token_id: 2,
  cache_implementation: "hybrid",
  eos_token_id: 1,
  final_logit_softcapping: 30,
  head_dim: 24,
  hidden_act: "gelu_pytorch_tanh",
  hidden_activation: "gelu_pytorch_tanh",
  hidden_size: 64,
  initializer_range: 0.02,
  intermediate_size: 112,
  max_position_embeddings: 512,
  num_attention_heads: 4,
  num_hidden_layers: 5,
  num_key_value_heads: 2,
  pad_token_id: 0,
  query_pre_attn_scalar: 144,
  rms_norm_eps: 1e-6,
  rope_theta: 10000,
  sliding_window: 96,
  sliding_window_size: 96,
  torch_dtype: "bfloat16",
  transformers_version: "4.42.0.dev0",
  use_cache: true,
  vocab_size: 100,
};

function read(
  changes: Record<string, unknown>,
  warn: (message: string) => void = () => {},
): GemmaSettings {
  const facts = { name: "tiny", config: { ...gemma2, ...changes }, tensors: new Map() };
  return planBackbone(facts, warn).settings as unknown as GemmaSettings;
}

/** The config without a key, which is another thing than `null` there. */
function without(key: keyof typeof gemma2): GemmaSettings {
  const { [key]: _, ...config } = gemma2;
  return planBackbone({ name: "tiny", config, tensors: new Map() })
    .settings as unknown as GemmaSettings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("a published config of Gemma 2 is read without a warning", () => {
  const settings = read({}, (message) => assert.fail(message));
  assert.deepEqual(settings.windows, [96, 0, 96, 0, 96]);
  assert.equal(settings.queryScalar, 144);
  assert.equal(settings.attentionSoftcap, 50);
  assert.equal(settings.logitSoftcap, 30);
});

Deno.test("a soft cap is off where the config says null, and usual where it says nothing", () => {
  assert.equal(read({ attn_logit_softcapping: null }).attentionSoftcap, 0);
  assert.equal(read({ final_logit_softcapping: null }).logitSoftcap, 0);
  assert.equal(without("attn_logit_softcapping").attentionSoftcap, 50);
  assert.equal(without("final_logit_softcapping").logitSoftcap, 30);
  assert.equal(without("query_pre_attn_scalar").queryScalar, 256);
  for (const value of [0, -1, "50"]) {
    const bad = refused("attn_logit_softcapping", "checkpoint/bad-config");
    assert.throws(() => read({ attn_logit_softcapping: value }), bad);
  }
});

Deno.test("windows of Gemma 2 are those of the layer types, or of every other layer", () => {
  const [sliding, full] = ["sliding_attention", "full_attention"];
  const types = [full, sliding, sliding, full, sliding];
  assert.deepEqual(read({ layer_types: types }).windows, [0, 96, 96, 0, 96]);
  assert.throws(
    () => read({ layer_types: types.slice(1) }),
    refused("layer_types", "checkpoint/bad-config"),
  );
  assert.throws(() => without("sliding_window"), refused("sliding_window_size"));
  const none = { sliding_window: null, sliding_window_size: null };
  assert.throws(() => read(none), refused("sliding_window", "checkpoint/bad-config"));
  assert.deepEqual(read({ ...none, layer_types: new Array(5).fill(full) }).windows, [
    0,
    0,
    0,
    0,
    0,
  ]);
});

Deno.test("what Gemma 2 does not compute with is refused by name", () => {
  const changes: [string, unknown][] = [
    ["hidden_activation", "gelu"],
    ["hidden_act", "silu"],
    ["sliding_window_size", 128],
    ["use_bidirectional_attention", true],
    ["head_dim", 21],
  ];
  for (const [key, value] of changes) assert.throws(() => read({ [key]: value }), refused(key));
  const heads = { num_key_value_heads: 3 };
  assert.throws(() => read(heads), refused("num_key_value_heads", "checkpoint/bad-config"));
});

Deno.test("biases of Gemma 2's attention are expected where the config has them", () => {
  const tensorsOf = (attention_bias: boolean) =>
    planBackbone({ name: "tiny", config: { ...gemma2, attention_bias }, tensors: new Map() })
      .tensors;
  assert.ok(!tensorsOf(false).has("model.layers.0.self_attn.q_proj.bias"));
  for (const [map, size] of [["q", 96], ["k", 48], ["v", 48], ["o", 64]] as const) {
    assert.deepEqual(tensorsOf(true).get(`model.layers.4.self_attn.${map}_proj.bias`), [size]);
  }
});
