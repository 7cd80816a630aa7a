import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { ScaledDecoderSettings } from "../../src/models/scaled_decoder.ts";

/** As a reward model on google/gemma-2b-it has it, in sizes of our own. */
const gemma = {
  architectures: ["GemmaForSequenceClassification"],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 2,
  eos_token_id: 1,
  head_dim: 24,
  hidden_act: "gelu",
  hidden_activation: null,
  hidden_size: 64,
  id2label: { "0": "LABEL_0" },
  initializer_range: 0.02,
  intermediate_size: 96,
  label2id: { LABEL_0: 0 },
  max_position_embeddings: 8192,
  model_type: "gemma",
  num_attention_heads: 4,
  num_hidden_layers: 2,
  num_key_value_heads: 1,
  pad_token_id: 0,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 10000,
  torch_dtype: "bfloat16",
  transformers_version: "4.38.0.dev0",
  use_cache: false,
  vocab_size: 100,
};

function read(
  changes: Record<string, unknown>,
  warn: (message: string) => void = () => {},
): ScaledDecoderSettings {
  return planBackbone({ name: "tiny", config: { ...gemma, ...changes }, tensors: new Map() }, warn)
    .settings as unknown as ScaledDecoderSettings;
}

Deno.test("a published config of the first Gemma is read without a warning", () => {
  const { rope, headDim, maxTokens } = read({}, (message) => assert.fail(message));
  assert.deepEqual(rope, { type: "default", theta: 10000 });
  assert.deepEqual([headDim, maxTokens], [24, 8192]);
  assert.deepEqual(read({ hidden_act: "gelu_pytorch_tanh" }), read({}));
  assert.equal(read({ head_dim: null }).headDim, 256);
});

Deno.test("what the first Gemma does not compute with is refused by name", () => {
  const changes: [Record<string, unknown>, string, string?][] = [
    [{ hidden_act: "silu" }, "hidden_act"],
    [{ hidden_activation: "gelu" }, "hidden_activation"],
    [{ use_bidirectional_attention: true }, "use_bidirectional_attention"],
    [{ attn_logit_softcapping: 50 }, "attn_logit_softcapping"],
    [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor"],
    [{ num_key_value_heads: 3 }, "num_key_value_heads", "checkpoint/bad-config"],
    [{ head_dim: 21 }, "head_dim"],
  ];
  for (const [change, key, code = "models/unsupported-config"] of changes) {
    assert.throws(() => read(change), (error) => {
      assert.ok(error instanceof AssayError && error.code === code, key);
      assert.ok(error.message.includes(`"${key}"`), error.message);
      return true;
    });
  }
});
