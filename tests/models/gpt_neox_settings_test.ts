import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { GptNeoxSettings } from "../../src/models/gpt_neox.ts";

/** As EleutherAI's Pythia models have it, in sizes of our own: the first spelling of transformers 4. */
const pythia = {
  architectures: ["GPTNeoXForCausalLM"],
  bos_token_id: 0,
  eos_token_id: 0,
  hidden_act: "gelu",
  hidden_size: 96,
  initializer_range: 0.02,
  intermediate_size: 320,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 2048,
  model_type: "gpt_neox",
  num_attention_heads: 4,
  num_hidden_layers: 2,
  rotary_emb_base: 10000,
  rotary_pct: 0.25,
  tie_word_embeddings: false,
  torch_dtype: "float16",
  transformers_version: "4.24.0",
  use_cache: true,
  use_parallel_residual: true,
  vocab_size: 50304,
};

function planOf(changes: Record<string, unknown>) {
  const config = Object.fromEntries(
    Object.entries({ ...pythia, ...changes }).filter(([, value]) => value !== undefined),
  );
  const warn = (message: string): never => assert.fail(message);
  return planBackbone({ name: "tiny", config, tensors: new Map() }, warn);
}

function read(changes: Record<string, unknown>): GptNeoxSettings {
  return planOf(changes).settings as unknown as GptNeoxSettings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("a published config of GPT-NeoX is read without a warning", () => {
  const settings = read({});
  assert.deepEqual(settings.rope, { type: "default", theta: 10000, partialFactor: 0.25 });
  assert.equal(settings.headDim, 24);
  assert.equal(settings.activation, "gelu");
  assert.equal(settings.parallelResidual, true);
  assert.equal(settings.attentionBiases, true);
  assert.equal(read({ hidden_act: "gelu_fast" }).activation, "gelu_tanh");
  const left = {
    rotary_pct: undefined,
    rotary_emb_base: undefined,
    use_parallel_residual: undefined,
  };
  assert.deepEqual(read({ ...left, layer_norm_eps: undefined, hidden_act: undefined }), settings);
});

Deno.test("the rope of GPT-NeoX has names of its own, which the usual ones must not contradict", () => {
  const own = { rotary_pct: 0.5, rotary_emb_base: 500 };
  const rope = { type: "default", theta: 500, partialFactor: 0.5 };
  assert.deepEqual(read(own).rope, rope);
  const both = { ...own, partial_rotary_factor: 0.5, rope_theta: 500 };
  assert.deepEqual(read(both).rope, rope);
  const section = { rope_type: "default", rope_theta: 500, partial_rotary_factor: 0.5 };
  assert.deepEqual(read({ rope_parameters: section }).rope, rope);
  assert.throws(() => read({ rope_theta: 500 }), refused("rope_theta"));
  assert.throws(() => read({ partial_rotary_factor: 0.5 }), refused("partial_rotary_factor"));
});

Deno.test("what GPT-NeoX does not compute with is refused by name", () => {
  assert.throws(() => read({ hidden_act: "quick_gelu" }), refused("hidden_act"));
  assert.throws(() => read({ rotary_pct: 0.05 }), refused("partial_rotary_factor")); // one number
  assert.throws(() => read({ head_dim: 16 }), refused("head_dim", "models/unknown-config-key"));
  assert.throws(() => read({ pooling: "mean" }), refused("pooling", "models/unknown-config-key"));
  const heads = { num_attention_heads: 5 };
  assert.throws(() => read(heads), refused("num_attention_heads", "checkpoint/bad-config"));
});

Deno.test("OpenAssistant's reward models are the same with a head's key", () => {
  const plan = planOf({ model_type: "gpt_neox_reward_model", pooling: "mean" });
  assert.deepEqual(plan.settings, planOf({}).settings);
  assert.equal(plan.family.modelType, "gpt_neox_reward_model");
});
