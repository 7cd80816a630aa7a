import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import type { BertSettings } from "../../src/models/bert.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { BackbonePlan } from "../../src/models/family.ts";

/** As cross-encoder/ms-marco-MiniLM-L-6-v2 has it. */
const bert = {
  model_type: "bert",
  _name_or_path: "nreimers/MiniLM-L6-H384-uncased",
  architectures: ["BertForSequenceClassification"],
  attention_probs_dropout_prob: 0.1,
  classifier_dropout: null,
  gradient_checkpointing: false,
  hidden_act: "gelu",
  hidden_dropout_prob: 0.1,
  hidden_size: 384,
  id2label: { 0: "LABEL_0" },
  initializer_range: 0.02,
  intermediate_size: 1536,
  label2id: { LABEL_0: 0 },
  layer_norm_eps: 1e-12,
  max_position_embeddings: 512,
  num_attention_heads: 12,
  num_hidden_layers: 6,
  pad_token_id: 0,
  position_embedding_type: "absolute",
  sbert_ce_default_activation_function: "torch.nn.modules.linear.Identity",
  transformers_version: "4.46.0.dev0",
  type_vocab_size: 2,
  use_cache: true,
  vocab_size: 30522,
};

/** As BAAI/bge-reranker-v2-m3 has it. */
const xlmRoberta = {
  ...bert,
  model_type: "xlm-roberta",
  architectures: ["XLMRobertaForSequenceClassification"],
  bos_token_id: 0,
  eos_token_id: 2,
  hidden_size: 1024,
  intermediate_size: 4096,
  layer_norm_eps: 1e-5,
  max_position_embeddings: 8194,
  num_attention_heads: 16,
  num_hidden_layers: 24,
  output_past: true,
  pad_token_id: 1,
  type_vocab_size: 1,
  vocab_size: 250002,
};

function plan(config: Record<string, unknown>, tensors: readonly string[] = []): BackbonePlan {
  const info = { name: "", dtype: "F32", shape: [], byteLength: 0 };
  const facts = new Map(tensors.map((name) => [name, { ...info, name }]));
  const given = Object.fromEntries(
    Object.entries(config).filter(([, value]) => value !== undefined),
  );
  return planBackbone(
    { name: "tiny", config: given, tensors: facts as never },
    (message) => assert.fail(message),
  );
}

function settings(config: Record<string, unknown>): BertSettings {
  return plan(config).settings as unknown as BertSettings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("published configs of BERT and XLM-R are read without a warning", () => {
  const own = plan(bert);
  assert.deepEqual([own.maxTokens, own.tokenTypes, own.causal, own.positions], [
    512,
    2,
    false,
    "learnt",
  ]);
  const other = plan(xlmRoberta);
  assert.deepEqual([other.maxTokens, other.tokenTypes], [8192, 1]);
  assert.equal(other.embeddingName, "roberta.embeddings.word_embeddings.weight");
  for (const type of ["roberta", "camembert"]) {
    assert.equal(plan({ ...xlmRoberta, model_type: type }).maxTokens, 8192);
  }
});

Deno.test("what a config leaves out has the value that transformers gives it", () => {
  const { activation, tokenTypes, epsilon } = settings({
    ...bert,
    hidden_act: undefined,
    type_vocab_size: undefined,
    layer_norm_eps: undefined,
  });
  assert.deepEqual([activation, tokenTypes, epsilon], ["gelu", 2, 1e-12]);
  assert.equal(settings({ ...xlmRoberta, pad_token_id: undefined }).firstPosition, 2);
  assert.equal(settings({ ...xlmRoberta, pad_token_id: 5 }).firstPosition, 6);
  assert.equal(settings({ ...bert, pad_token_id: null }).firstPosition, 0);
});

Deno.test("activations go by transformers' names", () => {
  const names = {
    gelu: "gelu",
    gelu_new: "gelu_tanh",
    gelu_pytorch_tanh: "gelu_tanh",
    relu: "relu",
    silu: "silu",
  };
  for (const [name, expected] of Object.entries(names)) {
    assert.equal(settings({ ...bert, hidden_act: name }).activation, expected);
  }
});

Deno.test("settings that BERT's layers do not compute with are refused by their key", () => {
  const wrong = (change: Record<string, unknown>, config = bert as Record<string, unknown>) => () =>
    plan({ ...config, ...change });
  assert.throws(
    wrong({ position_embedding_type: "relative_key_query" }),
    refused("position_embedding_type"),
  );
  assert.throws(wrong({ is_decoder: true }), refused("is_decoder"));
  assert.throws(wrong({ add_cross_attention: true }), refused("add_cross_attention"));
  assert.throws(wrong({ hidden_act: "mish" }), refused("hidden_act"));
  assert.throws(wrong({ hidden_act: "toString" }), refused("hidden_act"));
  assert.throws(wrong({ pruned_heads: { 0: [1] } }), refused("pruned_heads"));
  assert.throws(
    wrong({ embedding_size: 128 }),
    refused("embedding_size", "models/unknown-config-key"),
  );
  assert.throws(
    wrong({ num_attention_heads: 7 }),
    refused("num_attention_heads", "checkpoint/bad-config"),
  );
  assert.throws(
    wrong({ pad_token_id: null }, xlmRoberta),
    refused("pad_token_id", "checkpoint/bad-config"),
  );
  const short = { max_position_embeddings: 2 };
  assert.throws(
    wrong(short, xlmRoberta),
    refused("max_position_embeddings", "checkpoint/bad-config"),
  );
});

Deno.test("a backbone by itself, whose tensors have no prefix, is found too", () => {
  const tensor = "embeddings.word_embeddings.weight";
  const bare = plan(bert, [tensor, "pooler.dense.weight"]);
  assert.equal(bare.embeddingName, tensor);
  assert.ok(bare.tensors.has("encoder.layer.5.output.dense.bias"));
  assert.ok(!bare.owns("pooler.dense.weight"));
  assert.equal(bare.layerOf("encoder.layer.5.output.dense.bias"), 5);
});
