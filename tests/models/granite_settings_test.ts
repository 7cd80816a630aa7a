import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { BackbonePlan } from "../../src/models/family.ts";
import type { ScaledDecoderSettings } from "../../src/models/scaled_decoder.ts";

/** As ibm-granite/granite-3.3-8b-instruct has it, in sizes of our own. */
const granite = {
  architectures: ["GraniteForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  attention_multiplier: 0.0078125,
  bos_token_id: 0,
  embedding_multiplier: 12,
  eos_token_id: 0,
  hidden_act: "silu",
  hidden_size: 64,
  initializer_range: 0.02,
  intermediate_size: 96,
  logits_scaling: 16,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: "granite",
  num_attention_heads: 4,
  num_hidden_layers: 2,
  num_key_value_heads: 2,
  pad_token_id: 0,
  residual_multiplier: 0.22,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  rope_theta: 10000000,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  transformers_version: "4.49.0",
  use_cache: true,
  vocab_size: 100,
};

function plan(
  changes: Record<string, unknown>,
  warn: (message: string) => void = () => {},
): BackbonePlan {
  const config = { ...granite, ...changes };
  return planBackbone({ name: "tiny", config, tensors: new Map() }, warn);
}

Deno.test("a published config of Granite is read without a warning", () => {
  const { settings, logitScale, streamScale } = plan({}, (message) => assert.fail(message));
  const { embeddingScale, attentionScale, residualScale, biases } =
    settings as unknown as ScaledDecoderSettings;
  assert.deepEqual([embeddingScale, attentionScale, residualScale], [12, 0.0078125, 0.22]);
  assert.deepEqual([logitScale, streamScale], [1 / 16, 0.22]);
  assert.deepEqual(biases, { attention: false, feedForward: false });
});

Deno.test("multipliers of Granite that a config leaves out are 1, as in transformers", () => {
  const none = {
    attention_multiplier: null,
    embedding_multiplier: null,
    residual_multiplier: null,
    logits_scaling: null,
  };
  const { settings, logitScale, streamScale } = plan(none);
  assert.deepEqual([logitScale, streamScale], [undefined, undefined]);
  assert.equal((settings as unknown as ScaledDecoderSettings).attentionScale, 1);
});

Deno.test("biases of Granite are expected where the config has them", () => {
  const { tensors } = plan({ attention_bias: true, mlp_bias: true });
  assert.deepEqual(tensors.get("model.layers.1.self_attn.k_proj.bias"), [32]);
  assert.deepEqual(tensors.get("model.layers.1.mlp.down_proj.bias"), [64]);
  assert.ok(!plan({}).tensors.has("model.layers.1.mlp.down_proj.bias"));
});

Deno.test("what Granite does not compute with is refused by name", () => {
  const bad = "checkpoint/bad-config";
  const changes: [Record<string, unknown>, string, string][] = [
    [{ hidden_act: "gelu" }, "hidden_act", "models/unsupported-config"],
    [{ num_local_experts: 8 }, "num_local_experts", "models/unsupported-config"],
    [{ residual_multiplier: 0 }, "residual_multiplier", bad],
    [{ logits_scaling: -1 }, "logits_scaling", bad],
    [{ embedding_multiplier: "12" }, "embedding_multiplier", bad],
  ];
  for (const [change, key, code] of changes) {
    assert.throws(() => plan(change), (error) => {
      assert.ok(error instanceof AssayError && error.code === code, key);
      assert.ok(error.message.includes(`"${key}"`), error.message);
      return true;
    });
  }
});
