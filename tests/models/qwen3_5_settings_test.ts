import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { Qwen35Settings } from "../../src/models/qwen3_5_settings.ts";

/** As the text part of Qwen/Qwen3.5-9B has it, in sizes of our own. */
const qwen35 = {
  architectures: ["Qwen3_5TextForSequenceClassification"],
  attention_bias: false,
  attention_dropout: 0,
  attn_output_gate: true,
  dtype: "bfloat16",
  eos_token_id: 248044,
  full_attention_interval: 4,
  head_dim: 32,
  hidden_act: "silu",
  hidden_size: 32,
  initializer_range: 0.02,
  intermediate_size: 48,
  linear_conv_kernel_dim: 4,
  linear_key_head_dim: 16,
  linear_num_key_heads: 2,
  linear_num_value_heads: 4,
  linear_value_head_dim: 8,
  mamba_ssm_dtype: "float32",
  max_position_embeddings: 262144,
  mlp_only_layers: [],
  model_type: "qwen3_5_text",
  mtp_num_hidden_layers: 1,
  mtp_use_dedicated_embeddings: false,
  num_attention_heads: 4,
  num_hidden_layers: 5,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-6,
  rope_parameters: {
    mrope_interleaved: true,
    mrope_section: [11, 11, 10],
    partial_rotary_factor: 0.25,
    rope_theta: 1e7,
    rope_type: "default",
  },
  tie_word_embeddings: false,
  use_cache: true,
  vocab_size: 100,
};

function read(changes: Record<string, unknown> = {}): Qwen35Settings {
  const facts = { name: "tiny", config: { ...qwen35, ...changes }, tensors: new Map() };
  const plan = planBackbone(facts, (message) => assert.fail(message));
  return plan.settings as unknown as Qwen35Settings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("a published config of Qwen3.5's text part is read without a warning", () => {
  const settings = read();
  assert.deepEqual(settings.linear, [true, true, true, false, true]);
  assert.deepEqual(settings.rope, { type: "default", theta: 1e7, partialFactor: 0.25 });
  assert.deepEqual(settings.states, {
    heads: 4,
    keyHeads: 2,
    keyDim: 16,
    valueDim: 8,
    taps: 4,
    keys: 32,
    values: 32,
  });
});

Deno.test("layers of Qwen3.5 are those that are listed, or all but every fourth", () => {
  const [full, linear] = ["full_attention", "linear_attention"];
  const layer_types = [full, linear, full, linear, full];
  assert.deepEqual(read({ layer_types }).linear, [false, true, false, true, false]);
  assert.deepEqual(read({ full_attention_interval: 2 }).linear, [true, false, true, false, true]);
  const window = { layer_types: [full, full, full, full, "sliding_attention"] };
  assert.throws(() => read(window), refused("layer_types"));
  assert.throws(
    () => read({ layer_types: [full] }),
    refused("layer_types", "checkpoint/bad-config"),
  );
});

Deno.test("states of Qwen3.5 that no kernel takes, and no gate, are refused", () => {
  assert.throws(() => read({ linear_key_head_dim: 12 }), refused("linear_key_head_dim"));
  assert.throws(() => read({ linear_key_head_dim: 512 }), refused("linear_key_head_dim"));
  assert.throws(() => read({ attn_output_gate: false }), refused("attn_output_gate"));
  assert.throws(() => read({ hidden_act: "gelu" }), refused("hidden_act"));
  const odd = { linear_num_value_heads: 3 };
  assert.throws(() => read(odd), refused("linear_num_key_heads", "checkpoint/bad-config"));
});

Deno.test("a published folder of Qwen3.5 is read for its text part", () => {
  const { model_type: _, architectures: __, ...text } = qwen35;
  const folder = {
    architectures: ["Qwen3_5ForSequenceClassification"],
    image_token_id: 248056,
    model_type: "qwen3_5",
    text_config: { ...text, model_type: "qwen3_5_text" },
    tie_word_embeddings: false,
    transformers_version: "4.57.0.dev0",
    video_token_id: 248057,
    vision_config: { model_type: "qwen3_5_vision", depth: 27, hidden_size: 1152 },
    vision_end_token_id: 248054,
    vision_start_token_id: 248053,
  };
  const plan = (config: Record<string, unknown>) =>
    planBackbone({ name: "tiny", config, tensors: new Map() }, (message) => assert.fail(message));
  const { settings, tensors } = plan(folder);
  assert.deepEqual(settings, read());
  assert.ok(tensors.has("model.language_model.layers.0.linear_attn.A_log"));
  const bad = (key: string) => refused(key, "checkpoint/bad-config");
  assert.throws(() => plan({ ...folder, text_config: undefined }), bad("text_config"));
  const other = { ...folder, text_config: { ...text, model_type: "qwen3_5_moe_text" } };
  assert.throws(() => plan(other), bad("model_type"));
});
