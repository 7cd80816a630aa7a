import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { Phi3Settings } from "../../src/models/phi3.ts";

/** As microsoft/Phi-4-mini-instruct has it, in sizes of our own, its code left out. */
const phi4mini = {
  architectures: ["Phi3ForCausalLM"],
  attention_bias: false,
  attention_dropout: 0,
  bos_token_id: 199999,
  embd_pdrop: 0,
  eos_token_id: 199999,
  full_attn_mod: 1,
  hidden_act: "silu",
  hidden_size: 64,
  initializer_range: 0.02,
  intermediate_size: 96,
  interpolate_factor: 1,
  lm_head_bias: false,
  max_position_embeddings: 131072,
  mlp_bias: false,
  model_type: "phi3",
  num_attention_heads: 2,
  num_hidden_layers: 2,
  num_key_value_heads: 1,
  original_max_position_embeddings: 4096,
  pad_token_id: 199999,
  partial_rotary_factor: 0.75,
  resid_pdrop: 0,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    long_factor: new Array(12).fill(2),
    short_factor: new Array(12).fill(1),
    type: "longrope",
  },
  rope_theta: 10000,
  sliding_window: 262144,
  tie_word_embeddings: true,
  torch_dtype: "bfloat16",
  transformers_version: "4.45.0",
  use_cache: true,
  vocab_size: 100,
};

function read(
  changes: Record<string, unknown>,
  warn: (message: string) => void = () => {},
): Phi3Settings {
  const config = Object.fromEntries(
    Object.entries({ ...phi4mini, ...changes }).filter(([, value]) => value !== undefined),
  );
  return planBackbone({ name: "tiny", config, tensors: new Map() }, warn)
    .settings as unknown as Phi3Settings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("a published config of Phi-4-mini is read without a warning", () => {
  const { rope, window, maxTokens } = read({}, (message) => assert.fail(message));
  assert.equal(rope.partialFactor, 0.75);
  assert.ok(rope.type === "longrope");
  assert.equal(rope.originalLength, 4096);
  assert.equal(rope.attentionFactor, Math.sqrt(1 + Math.log(32) / Math.log(4096)));
  assert.equal(window, 262144);
  assert.equal(maxTokens, 131072);
});

Deno.test("configs of Phi-3 and Phi-4 are read: no scaling, another name of it, all of a head", () => {
  const plain = { rope_scaling: null, partial_rotary_factor: undefined, rope_theta: 250000 };
  assert.deepEqual(read(plain).rope, { type: "default", theta: 250000 });
  assert.equal(read({ sliding_window: null }).window, 0);
  assert.equal(read({ sliding_window: undefined }).window, 0);
  for (const type of ["su", "yarn", "longrope"]) {
    const rope_scaling = { ...phi4mini.rope_scaling, type };
    assert.equal(read({ rope_scaling }).rope.type, "longrope");
  }
  const unnamed = read({ original_max_position_embeddings: undefined }).rope;
  assert.ok(unnamed.type === "longrope" && unnamed.originalLength === 4096);
  const inside = { ...phi4mini.rope_scaling, partial_rotary_factor: 0.75 };
  assert.deepEqual(read({ partial_rotary_factor: undefined, rope_scaling: inside }), read({}));
});

Deno.test("what Phi-3 does not compute with is refused by name", () => {
  const scaling = (changes: Record<string, unknown>) => ({
    rope_scaling: { ...phi4mini.rope_scaling, ...changes },
  });
  const bad = "checkpoint/bad-config";
  const changes: [Record<string, unknown>, string, string?][] = [
    [{ hidden_act: "gelu" }, "hidden_act"],
    [{ lm_head_bias: true }, "lm_head_bias"],
    [{ full_attn_mod: 2 }, "full_attn_mod"],
    [{ rope_scaling: { type: "linear", factor: 2 } }, "rope_type"],
    [scaling({ short_mscale: 1.2 }), "short_mscale"],
    [scaling({ short_factor: new Array(16).fill(1) }), "short_factor", bad],
    [scaling({ long_factor: undefined }), "long_factor", bad],
    [scaling({ long_factor: new Array(12).fill(0) }), "long_factor", bad],
    [{ partial_rotary_factor: 1.5 }, "partial_rotary_factor", bad],
    [{ num_attention_heads: 3 }, "head_dim", bad],
    [{ num_key_value_heads: 4 }, "num_key_value_heads", bad],
  ];
  for (const [change, key, code] of changes) {
    assert.throws(() => read(change), refused(key, code), key);
  }
});
