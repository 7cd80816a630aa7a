import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { GemmaSettings } from "../../src/models/gemma2.ts";

/** As google/gemma-3-1b-it has it, in sizes of our own: the spelling of transformers 4. */
const gemma3 = {
  architectures: ["Gemma3ForCausalLM"],
  model_type: "gemma3_text",
  attention_bias: false,
  attention_dropout: 0,
  attn_logit_softcapping: null,
  bos_token_id: 2,
  cache_implementation: "hybrid",
  eos_token_id: [1, 106],
  final_logit_softcapping: null,
  head_dim: 24,
  hidden_activation: "gelu_pytorch_tanh",
  hidden_size: 64,
  initializer_range: 0.02,
  intermediate_size: 112,
  max_position_embeddings: 32768,
  num_attention_heads: 4,
  num_hidden_layers: 7,
  num_key_value_heads: 1,
  pad_token_id: 0,
  query_pre_attn_scalar: 256,
  rms_norm_eps: 1e-6,
  rope_local_base_freq: 10000,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: 512,
  sliding_window_pattern: 6,
  torch_dtype: "bfloat16",
  transformers_version: "4.50.0.dev0",
  use_cache: true,
  vocab_size: 100,
};

function read(
  changes: Record<string, unknown>,
  warn: (message: string) => void = () => {},
): GemmaSettings {
  const config = Object.fromEntries(
    Object.entries({ ...gemma3, ...changes }).filter(([, value]) => value !== undefined),
  );
  return planBackbone({ name: "tiny", config, tensors: new Map() }, warn)
    .settings as unknown as GemmaSettings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("a published config of Gemma 3 is read without a warning", () => {
  const settings = read({}, (message) => assert.fail(message));
  assert.deepEqual(settings.windows, [512, 512, 512, 512, 512, 0, 512]);
  assert.deepEqual(settings.rope, { type: "default", theta: 1e6 });
  assert.deepEqual(settings.localRope, { type: "default", theta: 1e4 });
  assert.equal(settings.attentionSoftcap, 0);
  assert.equal(settings.logitSoftcap, 0);
  assert.equal(settings.maxTokens, 32768);
});

Deno.test("what a config of Gemma 3 leaves out has the value of transformers' class", () => {
  // The text part of google/gemma-3-4b-it says no more than this.
  const config = {
    hidden_size: 2560,
    intermediate_size: 10240,
    model_type: "gemma3_text",
    num_hidden_layers: 34,
    rope_scaling: { factor: 8, rope_type: "linear" },
    sliding_window: 1024,
  };
  const settings = planBackbone({ name: "tiny", config, tensors: new Map() })
    .settings as unknown as GemmaSettings;
  assert.deepEqual([settings.heads, settings.keyHeads, settings.headDim], [8, 4, 256]);
  assert.equal(settings.vocabularySize, 262208);
  assert.equal(settings.windows.filter((window) => window === 1024).length, 29);
  assert.deepEqual(settings.rope, { type: "linear", theta: 1e6, factor: 8 });
  assert.deepEqual(settings.localRope, { type: "default", theta: 1e4 });
  assert.equal(read({ sliding_window: undefined }).windows[0], 4096);
});

Deno.test("windows and ropes of Gemma 3 are read in both spellings", () => {
  const [sliding, full] = ["sliding_attention", "full_attention"];
  const pattern = { sliding_window_pattern: 2 };
  assert.deepEqual(read(pattern).windows, [512, 0, 512, 0, 512, 0, 512]);
  const types = [full, sliding, sliding, full, sliding, full, full];
  assert.deepEqual(read({ ...pattern, layer_types: types }).windows, [0, 512, 512, 0, 512, 0, 0]);
  const ropes = {
    full_attention: { rope_type: "linear", factor: 8, rope_theta: 5e5 },
    sliding_attention: { rope_type: "default", rope_theta: 500 },
  };
  const newer = read({ rope_parameters: ropes });
  assert.deepEqual(newer.rope, { type: "linear", theta: 5e5, factor: 8 });
  assert.deepEqual(newer.localRope, { type: "default", theta: 500 });
  assert.deepEqual(read({ rope_parameters: {} }).localRope, { type: "default", theta: 1e4 });
});

Deno.test("what Gemma 3 does not compute with is refused by name", () => {
  const yarn = { rope_type: "yarn", factor: 4, truncate: false };
  const changes: [Record<string, unknown>, string][] = [
    [{ attn_logit_softcapping: 50 }, "attn_logit_softcapping"],
    [{ hidden_activation: "gelu" }, "hidden_activation"],
    [{ use_bidirectional_attention: true }, "use_bidirectional_attention"],
    [{ rope_parameters: { rope_type: "default", rope_theta: 1e6 } }, "rope_type"],
    [{ rope_scaling: { type: "linear", factor: 8 } }, "type"],
    [{ rope_scaling: yarn }, "truncate"],
    [{ partial_rotary_factor: 0.5 }, "partial_rotary_factor"],
  ];
  for (const [change, key] of changes) assert.throws(() => read(change), refused(key), key);
  const none = { sliding_window: null };
  assert.throws(() => read(none), refused("sliding_window", "checkpoint/bad-config"));
  assert.deepEqual(read({ ...none, sliding_window_pattern: 1 }).windows, new Array(7).fill(0));
});

Deno.test("a folder of Gemma 3 with a part for images is read for its text part, under both names", () => {
  const { model_type: _, ...text } = gemma3;
  const config = {
    architectures: ["Gemma3ForSequenceClassification"],
    boi_token_index: 255999,
    eoi_token_index: 256000,
    eos_token_id: [1, 106],
    image_token_index: 262144,
    initializer_range: 0.02,
    mm_tokens_per_image: 256,
    model_type: "gemma3",
    text_config: { ...text, model_type: "gemma3_text" },
    torch_dtype: "bfloat16",
    transformers_version: "4.50.0.dev0",
    vision_config: { hidden_size: 1152, model_type: "siglip_vision_model" },
  };
  const plan = (changes: Record<string, unknown>, ...names: string[]) => {
    const info = { dtype: "BF16", shape: [], file: "", offset: 0, byteLength: 0 } as const;
    const tensors = new Map(names.map((name) => [name, { ...info, name } as never]));
    return planBackbone({ name: "tiny", config: { ...config, ...changes }, tensors }, (message) => {
      assert.fail(message);
    });
  };
  for (const root of ["language_model.model.", "model.language_model."]) {
    const { settings, tensors, owns, layerOf, needless } = plan({}, `${root}embed_tokens.weight`);
    assert.deepEqual(settings, read({}));
    assert.ok([...tensors.keys()].every((name) => name.startsWith(root)));
    assert.ok(owns(`${root}norm.weight`) && !owns("score.weight"));
    assert.equal(layerOf(`${root}layers.6.mlp.up_proj.weight`), 6);
    assert.equal(needless!("vision_tower.head.probe"), true);
    assert.equal(needless!("model.multi_modal_projector.mm_soft_emb_norm.weight"), true);
    assert.equal(needless!("score.weight"), false);
  }
  const missing = { code: "checkpoint/missing-tensor" };
  assert.throws(() => plan({}, "model.embed_tokens.weight"), missing);
  const bad = { code: "checkpoint/bad-config" };
  assert.throws(() => plan({ text_config: undefined }), bad);
  assert.throws(() => plan({ text_config: { ...text, model_type: "llama" } }), bad);
  const unknown = { code: "models/unknown-config-key" };
  assert.throws(() => plan({ brand_new_key: 1 }), unknown);
  assert.throws(() => plan({ text_config: { ...text, brand_new_key: 1 } }), unknown);
});
