import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { families, planBackbone } from "../../src/models/families.ts";
import type { LlamaSettings } from "../../src/models/llama_settings.ts";
import { refusedFamilies } from "../../src/models/refused_families.ts";

const llama = {
  model_type: "llama",
  vocab_size: 100,
  hidden_size: 64,
  intermediate_size: 112,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  max_position_embeddings: 512,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
};

function read(changes: Record<string, unknown>): LlamaSettings {
  const facts = { name: "tiny", config: { ...llama, ...changes }, tensors: new Map() };
  return planBackbone(facts).settings as unknown as LlamaSettings;
}

function refused(expected: string, key: string): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === expected && error.message.includes(`"${key}"`);
}

Deno.test("planBackbone() reads both spellings of rope", () => {
  const four = read({
    rope_theta: 5e5,
    rope_scaling: { type: "linear", factor: 2 },
  });
  const five = read({ rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 5e5 } });
  assert.deepEqual(four.rope, { type: "linear", theta: 5e5, factor: 2 });
  assert.deepEqual(five.rope, four.rope);
  assert.deepEqual(read({}).rope, { type: "default", theta: 10000 });
});

Deno.test("planBackbone() refuses settings that change the arithmetic", () => {
  const changes: [string, unknown][] = [
    ["hidden_act", "gelu"],
    ["attn_logit_softcapping", 50],
    ["num_local_experts", 8],
    ["partial_rotary_factor", 0.5],
    ["residual_multiplier", 0.2],
  ];
  for (const [key, value] of changes) {
    assert.throws(() => read({ [key]: value }), refused("models/unsupported-config", key));
  }
  const proportional = { rope_scaling: { rope_type: "proportional", factor: 4 } };
  assert.throws(() => read(proportional), refused("models/unsupported-config", "rope_type"));
  const extra = { rope_scaling: { rope_type: "linear", factor: 4, attention_factor: 2 } };
  assert.throws(() => read(extra), refused("models/unsupported-config", "attention_factor"));
  const window = { sliding_window: 128 };
  assert.throws(() => read(window), refused("models/unsupported-config", "sliding_window"));
  assert.throws(() => read({ head_dim: 15 }), refused("models/unsupported-config", "head_dim"));
});

Deno.test("planBackbone() takes either name of silu", () => {
  for (const model_type of ["llama", "mistral", "qwen2", "granite", "olmo2", "phi3"]) {
    assert.deepEqual(read({ model_type, hidden_act: "swish" }), read({ model_type }), model_type);
  }
});

Deno.test("planBackbone() says that a window is missing where layers are to have one", () => {
  const layers = { layer_types: new Array(4).fill("sliding_attention"), use_sliding_window: true };
  assert.throws(() => read({ model_type: "qwen2", ...layers }), /"sliding_window".*found nothing/);
  const none = { ...layers, sliding_window: null };
  assert.throws(() => read({ model_type: "qwen2", ...none }), /"sliding_window".*found null/);
});

Deno.test("planBackbone() refuses architectures it does not run", () => {
  assert.throws(
    () => read({ model_type: "gpt2" }),
    (error) => error instanceof AssayError && error.code === "models/unsupported-architecture",
  );
});

Deno.test("planBackbone() says why it does not run an architecture that it knows", () => {
  for (const [model_type, reason] of Object.entries(refusedFamilies)) {
    assert.ok(families.every(({ modelType }) => modelType !== model_type), model_type);
    assert.throws(() => read({ model_type }), (error) => {
      assert.ok(error instanceof AssayError && error.code === "models/unsupported-architecture");
      assert.ok(error.message.includes(reason), error.message);
      return true;
    });
  }
});

Deno.test("planBackbone() says which value is malformed", () => {
  for (const key of ["hidden_size", "num_hidden_layers", "vocab_size"]) {
    for (const value of [undefined, 0, -1, 1.5, "64", Infinity]) {
      assert.throws(() => read({ [key]: value }), refused("checkpoint/bad-config", key));
    }
  }
  assert.throws(
    () => read({ num_key_value_heads: 3 }),
    refused("checkpoint/bad-config", "num_key_value_heads"),
  );
});

Deno.test("planBackbone() reads windows as transformers 4 and 5 spell them", () => {
  const qwen = { model_type: "qwen2", sliding_window: 16 };
  assert.deepEqual(read({ ...qwen, use_sliding_window: false }).windows, [0, 0, 0, 0]);
  assert.deepEqual(
    read({ ...qwen, use_sliding_window: true, max_window_layers: 2 }).windows,
    [0, 0, 16, 16],
  );
  const types = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"];
  assert.deepEqual(read({ ...qwen, layer_types: types }).windows, [0, 16, 0, 16]);
  assert.deepEqual(
    read({ model_type: "mistral", sliding_window: 8 }).windows,
    [8, 8, 8, 8],
  );
  assert.deepEqual(
    read({ model_type: "mistral", sliding_window: null }).windows,
    [0, 0, 0, 0],
  );
});

Deno.test("planBackbone() refuses keys it does not know, unless they are named or null", () => {
  const warnings: string[] = [];
  const plan = (changes: Record<string, unknown>, ignoreConfigKeys?: readonly string[]) => {
    const facts = { name: "tiny", config: { ...llama, ...changes }, tensors: new Map() };
    planBackbone({ ...facts, ignoreConfigKeys }, (message) => warnings.push(message));
  };
  plan({ use_cache: true, vhead_layer_type: "mlp", _private: 1, unsloth_version: "2025.1" });
  plan({ brand_new_key: null });
  const refusal = refused("models/unknown-config-key", "brand_new_key");
  for (const value of [3, 0, false, "", []]) {
    assert.throws(() => plan({ brand_new_key: value }), refusal);
  }
  assert.throws(() => plan({ brand_new_key: 3 }, ["other"]), refusal);
  assert.deepEqual(warnings, []);
  plan({ brand_new_key: 3 }, ["brand_new_key"]);
  assert.equal(warnings.length, 1);
  assert.match(warnings[0]!, /brand_new_key left out/);
  // What is known to change the arithmetic is not a matter of what anybody says.
  assert.throws(
    () => plan({ attn_logit_softcapping: 50 }, ["attn_logit_softcapping"]),
    refused("models/unsupported-config", "attn_logit_softcapping"),
  );
});

Deno.test("planBackbone() reads every key of a rope section, or refuses it", () => {
  const dynamic = { rope_type: "dynamic", factor: 2, original_max_position_embeddings: 64 };
  assert.deepEqual(read({ rope_scaling: dynamic }).rope, {
    type: "dynamic",
    theta: 10000,
    factor: 2,
    originalLength: 512,
  });
  const refusals: [Record<string, unknown>, string][] = [
    [{ rope_parameters: { full_attention: { rope_theta: 5e5 } } }, "full_attention"],
    [{ rope_scaling: { sliding_attention: { rope_type: "default" } } }, "sliding_attention"],
    [{ rope_parameters: { rope_type: "default", factor: 8 } }, "factor"],
    [{ rope_scaling: { rope_type: "linear", factor: 2, beta_fast: 32 } }, "beta_fast"],
    [
      { rope_scaling: { rope_type: "linear", factor: 2, partial_rotary_factor: 0.5 } },
      "partial_rotary_factor",
    ],
  ];
  for (const [changes, key] of refusals) {
    assert.throws(() => read(changes), refused("models/unsupported-config", key));
  }
  const nulls = { rope_parameters: { rope_type: "default", rope_theta: 5e5, factor: null } };
  assert.deepEqual(read(nulls).rope, { type: "default", theta: 5e5 });
});

Deno.test("planBackbone() refuses windows that transformers' class has not, or has otherwise", () => {
  const types = ["full_attention", "sliding_attention", "full_attention", "sliding_attention"];
  const all = (type: string) => types.map(() => type);
  const window = { sliding_window: 16 };
  assert.throws(
    () => read({ ...window, layer_types: types }),
    refused("models/unsupported-config", "layer_types"),
  );
  assert.deepEqual(read({ ...window, layer_types: all("full_attention") }).windows, [0, 0, 0, 0]);
  const mistral = { model_type: "mistral", ...window };
  assert.throws(
    () => read({ ...mistral, layer_types: types }),
    refused("checkpoint/bad-config", "layer_types"),
  );
  const sliding = { ...mistral, layer_types: all("sliding_attention") };
  assert.deepEqual(read(sliding).windows, [16, 16, 16, 16]);
  for (const model_type of ["qwen2", "qwen3"]) {
    const unused = { model_type, ...window, use_sliding_window: false, layer_types: types };
    assert.throws(() => read(unused), refused("checkpoint/bad-config", "use_sliding_window"));
  }
});

Deno.test("planBackbone() takes transformers' window where the config has no such key", () => {
  assert.deepEqual(read({ model_type: "mistral" }).windows, [4096, 4096, 4096, 4096]);
  const qwen = { model_type: "qwen2", use_sliding_window: true, max_window_layers: 3 };
  assert.deepEqual(read(qwen).windows, [0, 0, 0, 4096]);
  assert.deepEqual(read({ ...qwen, sliding_window: null }).windows, [0, 0, 0, 0]);
});

Deno.test("planBackbone() bounds counts, and takes numbers that a 32-bit float holds", () => {
  const counts = ["num_hidden_layers", "num_attention_heads", "num_key_value_heads", "vocab_size"];
  for (const key of counts) {
    for (const value of [1e10, 2 ** 40, Number.MAX_SAFE_INTEGER]) {
      assert.throws(() => read({ [key]: value }), refused("checkpoint/bad-config", key));
    }
  }
  assert.throws(
    () => read({ num_hidden_layers: 1e6 }),
    refused("checkpoint/bad-config", "num_hidden_layers"),
  );
  for (const value of [1e308, 1e-60]) {
    assert.throws(
      () => read({ rms_norm_eps: value }),
      refused("checkpoint/bad-config", "rms_norm_eps"),
    );
    assert.throws(
      () => read({ rope_theta: value }),
      refused("checkpoint/bad-config", "rope_theta"),
    );
  }
});

Deno.test("planBackbone() says that a head can't be turned, not that arithmetic would change", () => {
  assert.throws(() => read({ head_dim: 15 }), (error) => {
    assert.ok(error instanceof AssayError);
    assert.match(error.message, /"head_dim" to be an even number, found 15/);
    assert.doesNotMatch(error.message, /arithmetic/);
    return true;
  });
});

Deno.test("planBackbone() gives biases to the families that transformers gives them to", () => {
  const both = { attention_bias: true, mlp_bias: true };
  const biases = (model_type: string) => Object.values(read({ model_type, ...both }).biases);
  assert.deepEqual(biases("llama"), [true, true, true]);
  assert.deepEqual(biases("mistral"), [false, false, false]);
  assert.deepEqual(biases("qwen2"), [true, false, false]);
  assert.deepEqual(biases("qwen3"), [true, true, false]);
});

Deno.test("planBackbone() reads yarn and longrope, and tells of lengths that contradict", () => {
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 512 };
  const warnings: string[] = [];
  const told = (changes: Record<string, unknown>): LlamaSettings => {
    const facts = { name: "tiny", config: { ...llama, ...changes }, tensors: new Map() };
    const plan = planBackbone(facts, (message) => warnings.push(message));
    return plan.settings as unknown as LlamaSettings;
  };
  // Published Qwen2.5 with yarn: the length of the config is the trained one.
  assert.equal(told({ rope_scaling: yarn }).maxTokens, 2048);
  assert.equal(told({ rope_scaling: yarn, max_position_embeddings: 2048 }).maxTokens, 2048);
  assert.deepEqual(warnings, []);
  assert.equal(told({ rope_scaling: yarn, max_position_embeddings: 1024 }).maxTokens, 2048);
  assert.match(warnings.join(), /"factor" is 4, but max_position_embeddings is 2 times/);
  const long = {
    rope_type: "longrope",
    short_factor: new Array(8).fill(1),
    long_factor: new Array(8).fill(2),
    original_max_position_embeddings: 64,
  };
  assert.equal(told({ rope_scaling: long }).maxTokens, 512);
  const refusals: [Record<string, unknown>, string, string][] = [
    [{ ...yarn, short_factor: [1] }, "short_factor", "models/unsupported-config"],
    [{ ...yarn, factor: undefined }, "factor", "checkpoint/bad-config"],
    [{ ...yarn, attention_factor: 0 }, "attention_factor", "checkpoint/bad-config"],
    [{ ...yarn, truncate: 1 }, "truncate", "checkpoint/bad-config"],
    [{ ...long, beta_fast: 32 }, "beta_fast", "models/unsupported-config"],
    [{ ...long, long_factor: [1, 2] }, "long_factor", "checkpoint/bad-config"],
    [{ ...long, short_factor: new Array(8).fill("1") }, "short_factor", "checkpoint/bad-config"],
  ];
  for (const [section, key, code] of refusals) {
    const rope_scaling = Object.fromEntries(
      Object.entries(section).filter(([, value]) => value !== undefined),
    );
    assert.throws(() => told({ rope_scaling }), refused(code, key), key);
  }
});
