import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { ModelFacts } from "../../src/models/family.ts";
import type { LlamaSettings } from "../../src/models/llama_settings.ts";
import { parityFolder } from "../golden/parity.ts";

type Config = Readonly<Record<string, unknown>>;

/** As mistralai/Mixtral-8x7B-Instruct-v0.1 has it, in sizes of our own. */
const mixtral: Config = {
  architectures: ["MixtralForCausalLM"],
  attention_dropout: 0,
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 32,
  initializer_range: 0.02,
  intermediate_size: 24,
  max_position_embeddings: 32768,
  model_type: "mixtral",
  num_attention_heads: 2,
  num_experts_per_tok: 2,
  num_hidden_layers: 2,
  num_key_value_heads: 1,
  num_local_experts: 6,
  output_router_logits: false,
  rms_norm_eps: 1e-5,
  rope_theta: 1e6,
  router_aux_loss_coef: 0.02,
  sliding_window: null,
  tie_word_embeddings: false,
  head_dim: 24,
  torch_dtype: "bfloat16",
  transformers_version: "4.36.0.dev0",
  use_cache: true,
  vocab_size: 32,
};

/** As Qwen/Qwen3-30B-A3B has it, in sizes of our own. */
const qwen3Moe: Config = {
  architectures: ["Qwen3MoeForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 151643,
  decoder_sparse_step: 1,
  eos_token_id: 151645,
  head_dim: 32,
  hidden_act: "silu",
  hidden_size: 32,
  initializer_range: 0.02,
  intermediate_size: 24,
  max_position_embeddings: 40960,
  max_window_layers: 48,
  mlp_only_layers: [],
  model_type: "qwen3_moe",
  moe_intermediate_size: 24,
  norm_topk_prob: true,
  num_attention_heads: 2,
  num_experts: 8,
  num_experts_per_tok: 2,
  num_hidden_layers: 2,
  num_key_value_heads: 1,
  output_router_logits: false,
  rms_norm_eps: 1e-6,
  rope_scaling: null,
  rope_theta: 1e6,
  router_aux_loss_coef: 0.001,
  sliding_window: null,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  transformers_version: "4.51.0",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 349,
};

/** As Qwen/Qwen1.5-MoE-A2.7B has it, in sizes of our own. */
const qwen2Moe: Config = {
  ...qwen3Moe,
  architectures: ["Qwen2MoeForCausalLM"],
  model_type: "qwen2_moe",
  hidden_size: 32,
  head_dim: undefined,
  intermediate_size: 40,
  max_window_layers: 21,
  mlp_only_layers: [1],
  moe_intermediate_size: 16,
  norm_topk_prob: false,
  num_experts: 5,
  num_hidden_layers: 3,
  shared_expert_intermediate_size: 24,
  sliding_window: 32768,
};

/** Tensors of the tiny checkpoints, whose sizes the configs above have. */
async function factsOf(name: string): Promise<Omit<ModelFacts, "config">> {
  using checkpoint = await Checkpoint.open(parityFolder(name));
  return { name, tensors: checkpoint.tensors };
}

const tensors = {
  mixtral: await factsOf("mixtral"),
  qwen2_moe: await factsOf("qwen2_moe"),
  qwen3_moe: await factsOf("qwen3_moe"),
};

function read(config: Config, changes: Config = {}, facts?: Pick<ModelFacts, "tensors">) {
  const changed = Object.fromEntries(
    Object.entries({ ...config, ...changes }).filter(([, value]) => value !== undefined),
  );
  const own = tensors[config.model_type as keyof typeof tensors];
  const plan = planBackbone({ ...own, ...facts, config: changed }, (text) => assert.fail(text));
  return plan.settings as unknown as LlamaSettings;
}

function refused(code: string, text: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(text);
}

Deno.test("published configs of Mixtral and of Qwen with experts are read without a warning", () => {
  const [first, second, third] = [read(mixtral), read(qwen2Moe), read(qwen3Moe)];
  assert.deepEqual([first.rope.theta, first.rmsEpsilon, first.windows], [1e6, 1e-5, [0, 0]]);
  assert.deepEqual(first.experts!.layers, [true, true]);
  assert.deepEqual([first.experts!.normalised, second.experts!.normalised], [true, false]);
  assert.deepEqual(second.experts!.layers, [true, false, true]);
  assert.deepEqual(second.biases, {
    queryKeyValue: true,
    attentionOutput: false,
    feedForward: false,
  });
  assert.equal(second.experts!.sharedIntermediateSize, 24);
  assert.deepEqual(third.experts, {
    names: third.experts!.names,
    experts: 8,
    perRow: 2,
    intermediateSize: 24,
    normalised: true,
    layers: [true, true],
  });
});

Deno.test("experts are counted under both names, and absent keys are the class's own", () => {
  const saved = read(qwen3Moe, { num_experts: undefined, num_local_experts: 8 });
  assert.deepEqual(saved.experts, read(qwen3Moe).experts);
  const twice = read(qwen3Moe, { num_local_experts: 8 });
  assert.deepEqual(twice.experts, saved.experts);
  const contradicted = { num_experts: 2, num_local_experts: 8 };
  const bad = refused("checkpoint/bad-config", '"num_experts" to be the same number as');
  assert.throws(() => read(qwen3Moe, contradicted), bad);
  assert.equal(read(mixtral, { rope_theta: undefined }).rope.theta, 1e6);
  assert.equal(read(mixtral, { rms_norm_eps: undefined }).rmsEpsilon, 1e-5);
  assert.equal(read(qwen3Moe, { norm_topk_prob: undefined }).experts!.normalised, false);
  assert.equal(read(qwen2Moe, { qkv_bias: false }).biases.queryKeyValue, false);
});

Deno.test("decoder_sparse_step and mlp_only_layers say which layers have experts", () => {
  // The tiny checkpoint has none in its second layer: another choice misses tensors there.
  const step = { decoder_sparse_step: 2, mlp_only_layers: null };
  assert.throws(() => read(qwen2Moe, step), refused("models/missing-experts", "layers.1.mlp"));
  assert.deepEqual(read(qwen2Moe, { decoder_sparse_step: 4 }).experts!.layers, [
    false,
    false,
    false,
  ]);
  for (const mlp_only_layers of ["1", [0.5], [null]]) {
    const bad = refused("checkpoint/bad-config", '"mlp_only_layers"');
    assert.throws(() => read(qwen2Moe, { mlp_only_layers }), bad);
  }
});

Deno.test("windows that versions of transformers give to different layers are refused", () => {
  const windows = { use_sliding_window: true, sliding_window: 16 };
  const unsupported = "models/unsupported-config";
  assert.throws(() => read(qwen2Moe, windows), refused(unsupported, '"use_sliding_window"'));
  assert.throws(() => read(qwen3Moe, windows), refused(unsupported, '"max_window_layers"'));
  const all = read(qwen3Moe, { ...windows, max_window_layers: undefined });
  assert.deepEqual(all.windows, [16, 16]);
  const [sliding, full] = ["sliding_attention", "full_attention"];
  const typed = read(qwen2Moe, { ...windows, layer_types: [sliding, full, sliding] });
  assert.deepEqual(typed.windows, [16, 0, 16]);
  const unused = { layer_types: [full, full, full], sliding_window: 0 };
  assert.deepEqual(read(qwen2Moe, unused).windows, [0, 0, 0]);
  const bad = refused("checkpoint/bad-config", '"layer_types"');
  assert.throws(() => read(mixtral, { layer_types: [sliding, full], sliding_window: 16 }), bad);
});

Deno.test("more experts for a token than there are, or than the checkpoint has, are refused", () => {
  const perToken = refused("checkpoint/bad-config", '"num_experts_per_tok" to be at most the 6');
  assert.throws(() => read(mixtral, { num_experts_per_tok: 7 }), perToken);
  const many = refused("checkpoint/bad-config", '"num_local_experts"');
  assert.throws(() => read(mixtral, { num_local_experts: 2 ** 30 }), many);
  const missing = refused("models/missing-experts", "experts.6.w1.weight");
  assert.throws(() => read(mixtral, { num_local_experts: 7 }), missing);
  const without = new Map(tensors.mixtral.tensors);
  const lost = "model.layers.1.block_sparse_moe.experts.3.w2.weight";
  without.delete(lost);
  assert.throws(
    () => read(mixtral, {}, { tensors: without }),
    refused("models/missing-experts", `"${lost}", of expert 3 in layer 1; get the rest`),
  );
});

Deno.test("experts that are stored in one tensor are refused by its name", () => {
  const name = "model.layers.0.mlp.experts.gate_up_proj";
  const fused = new Map([[name, [...tensors.qwen3_moe.tensors.values()][0]!]]);
  assert.throws(
    () => read(qwen3Moe, {}, { tensors: fused }),
    refused("models/missing-experts", `"${name}"; load it with transformers 5`),
  );
});
