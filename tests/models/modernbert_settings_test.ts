import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { planBackbone } from "../../src/models/families.ts";
import type { ModernBertSettings } from "../../src/models/modernbert.ts";

/** As answerdotai/ModernBERT-base spells its keys, in sizes of our own. */
const modernbert = {
  model_type: "modernbert",
  global_attn_every_n_layers: 3,
  global_rope_theta: 160000.0,
  hidden_activation: "gelu",
  hidden_size: 64,
  intermediate_size: 96,
  layer_norm_eps: 1e-5,
  local_attention: 128,
  local_rope_theta: 10000.0,
  max_position_embeddings: 8192,
  norm_eps: 1e-5,
  num_attention_heads: 4,
  num_hidden_layers: 5,
  position_embedding_type: "absolute",
  vocab_size: 100,
};

function read(changes: Record<string, unknown>): ModernBertSettings {
  const facts = { name: "tiny", config: { ...modernbert, ...changes }, tensors: new Map() };
  const plan = planBackbone(facts, (message) => assert.fail(message));
  return plan.settings as unknown as ModernBertSettings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("ModernBERT's windows reach half of local_attention, in all layers but every third", () => {
  const settings = read({});
  assert.deepEqual(settings.windows, [0, 65, 65, 0, 65]); // 65 away is no longer seen
  assert.equal(settings.rope.theta, 160000);
  assert.equal(settings.localRope.theta, 10000);
  assert.deepEqual(read({ local_attention: 17 }).windows, [0, 9, 9, 0, 9]);
  assert.deepEqual(read({ global_attn_every_n_layers: 2 }).windows, [0, 65, 0, 65, 0]);
  assert.deepEqual(read({ sliding_window: 64 }).windows, [0, 65, 65, 0, 65]);
});

Deno.test("ModernBERT's spelling of transformers 5 says the same", () => {
  const types = ["full_attention", "sliding_attention", "sliding_attention", "full_attention"];
  const newer = {
    global_attn_every_n_layers: undefined,
    global_rope_theta: undefined,
    local_rope_theta: undefined,
    layer_types: [...types, "sliding_attention"],
    rope_parameters: {
      full_attention: { rope_type: "default", rope_theta: 160000.0 },
      sliding_attention: { rope_type: "default", rope_theta: 10000.0 },
    },
  };
  assert.deepEqual(read(newer), read({}));
});

Deno.test("what ModernBERT's config leaves out is as in transformers", () => {
  const absent = Object.fromEntries(
    ["global_attn_every_n_layers", "global_rope_theta", "local_rope_theta", "local_attention"]
      .concat("hidden_activation", "norm_eps").map((key) => [key, undefined]),
  );
  assert.deepEqual(read(absent), read({}));
  assert.deepEqual(read({}).biases, { norms: false, attention: false, feedForward: false });
});

Deno.test("a config of ModernBERT that is not understood is refused by its key", () => {
  assert.throws(() => read({ hidden_activation: "quick_gelu" }), refused("hidden_activation"));
  assert.throws(() => read({ layer_norm_eps: 1e-6 }), refused("layer_norm_eps"));
  assert.throws(
    () => read({ position_embedding_type: "relative_key" }),
    refused("position_embedding_type"),
  );
  assert.throws(() => read({ sliding_window: 32 }), refused("sliding_window"));
  assert.throws(() => read({ rope_theta: 500 }), refused("rope_theta"));
  assert.throws(
    () => read({ layer_types: ["full_attention"] }),
    refused("layer_types", "checkpoint/bad-config"),
  );
  const chunked = new Array(5).fill("chunked_attention");
  assert.throws(() => read({ layer_types: chunked }), refused("layer_types"));
  assert.throws(
    () => read({ num_attention_heads: 3 }),
    refused("num_attention_heads", "checkpoint/bad-config"),
  );
  const flat = { rope_type: "default", rope_theta: 500 };
  assert.throws(() => read({ rope_parameters: flat }), refused("rope_type"));
});

Deno.test("a ModernBERT without a head has its tensors under shorter names", () => {
  const name = "embeddings.tok_embeddings.weight";
  const info = { name, dtype: "F32", shape: [100, 64], byteLength: 0, file: "" } as const;
  const named = (tensors: ReadonlyMap<string, typeof info>): string[] => [
    ...planBackbone({ name: "tiny", config: modernbert, tensors }).tensors.keys(),
  ];
  const bare = named(new Map([[name, info]]));
  assert.deepEqual(named(new Map()), bare.map((tensor) => `model.${tensor}`));
  const { layerOf, owns } = planBackbone({ name: "tiny", config: modernbert, tensors: new Map() });
  assert.equal(layerOf("model.layers.3.attn.Wo.weight"), 3);
  assert.ok(owns("model.final_norm.weight") && !owns("head.norm.weight"));
});
