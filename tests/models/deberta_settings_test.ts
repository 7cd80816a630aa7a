import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import type { DebertaSettings } from "../../src/models/deberta_settings.ts";
import { planBackbone } from "../../src/models/families.ts";
import { placesByDistance } from "../../src/models/relative_places.ts";

/** As OpenAssistant/reward-model-deberta-v3-large-v2 has it, in sizes of our own. */
const deberta = {
  model_type: "deberta-v2",
  hidden_act: "gelu",
  hidden_size: 64,
  intermediate_size: 96,
  layer_norm_eps: 1e-7,
  max_position_embeddings: 512,
  max_relative_positions: -1,
  norm_rel_ebd: "layer_norm",
  num_attention_heads: 4,
  num_hidden_layers: 2,
  pad_token_id: 0,
  pooler_dropout: 0,
  pooler_hidden_act: "gelu",
  pooler_hidden_size: 64,
  pos_att_type: ["p2c", "c2p"],
  position_biased_input: false,
  position_buckets: 256,
  relative_attention: true,
  share_att_key: true,
  type_vocab_size: 0,
  vocab_size: 100,
};

function read(changes: Record<string, unknown>): DebertaSettings {
  const facts = { name: "tiny", config: { ...deberta, ...changes }, tensors: new Map() };
  const plan = planBackbone(facts, (message) => assert.fail(message));
  return plan.settings as unknown as DebertaSettings;
}

function refused(key: string, code = "models/unsupported-config"): (error: unknown) => boolean {
  return (error) =>
    error instanceof AssayError && error.code === code && error.message.includes(`"${key}"`);
}

Deno.test("a published config of DeBERTa is read without a warning", () => {
  const settings = read({});
  assert.deepEqual(settings.relative, {
    places: { span: 256, buckets: 256, farthest: 512 },
    terms: "both",
    sharesMaps: true,
  });
  assert.equal(settings.scale, 1 / Math.sqrt(16 * 3));
  assert.equal(settings.normsRelative, true);
  assert.equal(settings.learntPositions, false);
});

Deno.test("DeBERTa's terms are told by a list, or by a text of them", () => {
  assert.deepEqual(read({ pos_att_type: "C2P | p2c" }), read({}));
  assert.equal(read({ pos_att_type: "c2p" }).relative?.terms, "keys");
  assert.equal(read({ pos_att_type: ["p2c"] }).relative?.terms, "queries");
  const none = read({ pos_att_type: null });
  assert.equal(none.relative?.terms, undefined);
  assert.equal(none.scale, 1 / 4);
  // The scale counts terms that there are no vectors for, as transformers' does.
  const absolute = read({ relative_attention: false });
  assert.equal(absolute.relative, undefined);
  assert.equal(absolute.scale, read({}).scale);
});

Deno.test("without buckets each of DeBERTa's distances has a place", () => {
  const { relative } = read({ position_buckets: -1, max_relative_positions: 24 });
  assert.deepEqual(relative?.places, { span: 24, buckets: 0, farthest: 24 });
});

Deno.test("a config of DeBERTa that is not understood is refused by its key", () => {
  assert.throws(() => read({ pos_att_type: ["p2p"] }), refused("pos_att_type"));
  assert.throws(() => read({ norm_rel_ebd: "batch_norm" }), refused("norm_rel_ebd"));
  assert.throws(() => read({ type_vocab_size: 2 }), refused("type_vocab_size"));
  assert.throws(() => read({ conv_kernel_size: 3, conv_act: "gelu" }), refused("conv_kernel_size"));
  assert.throws(() => read({ embedding_size: 32 }), refused("embedding_size"));
  assert.throws(() => read({ pooler_hidden_size: 32 }), refused("pooler_hidden_size"));
  assert.throws(() => read({ hidden_act: "mish" }), refused("hidden_act"));
  assert.throws(() => read({ num_attention_heads: 16 }), refused("num_attention_heads"));
  const bad = "checkpoint/bad-config";
  assert.throws(() => read({ position_buckets: 7 }), refused("position_buckets", bad));
  const near = { position_buckets: 256, max_relative_positions: 129 };
  assert.throws(() => read(near), refused("position_buckets", bad));
  assert.throws(
    () => read({ max_relative_positions: 0.5 }),
    refused("max_relative_positions", bad),
  );
});

Deno.test("the first DeBERTa, whose layers are others, is refused by its name", () => {
  assert.throws(
    () => read({ model_type: "deberta" }),
    (error) => error instanceof AssayError && error.code === "models/unsupported-architecture",
  );
});

Deno.test("a DeBERTa without a head has its tensors under shorter names", () => {
  const name = "embeddings.word_embeddings.weight";
  const info = { name, dtype: "F32", shape: [100, 64], byteLength: 0, file: "" } as const;
  const named = (tensors: ReadonlyMap<string, typeof info>): string[] => [
    ...planBackbone({ name: "tiny", config: deberta, tensors }).tensors.keys(),
  ];
  const bare = named(new Map([[name, info]]));
  assert.deepEqual(named(new Map()), bare.map((tensor) => `deberta.${tensor}`));
  const { layerOf, owns } = planBackbone({ name: "tiny", config: deberta, tensors: new Map() });
  assert.equal(layerOf("deberta.encoder.layer.1.output.dense.bias"), 1);
  assert.equal(layerOf("deberta.encoder.rel_embeddings.weight"), undefined);
  assert.ok(owns("deberta.encoder.LayerNorm.weight") && !owns("pooler.dense.weight"));
});

/** Bounds of transformers' buckets: the distances at which a next one begins, from 0 on. */
const bounds: readonly (readonly [buckets: number, farthest: number, begins: readonly number[]])[] =
  JSON.parse(
    await Deno.readTextFile(new URL("../golden/settings/relative_buckets.json", import.meta.url)),
  );

Deno.test("DeBERTa's buckets are transformers' to the last distance", () => {
  for (const [buckets, farthest, begins] of bounds) {
    const reach = 2 * farthest;
    const span = 4 * farthest; // nothing is cut off
    const places = placesByDistance({ span, buckets, farthest }, reach);
    let bucket = -1;
    for (let distance = 0; distance <= reach; distance++) {
      while (begins[bucket + 1]! <= distance) bucket++;
      const where = `${buckets} buckets up to ${farthest}, distance ${distance}`;
      assert.equal(places[reach + distance], span + bucket, where);
      assert.equal(places[reach - distance], span - bucket, where);
    }
  }
});

Deno.test("beyond the farthest distance the last place stands for all", () => {
  const direct = placesByDistance({ span: 3, buckets: 0, farthest: 3 }, 5);
  assert.deepEqual([...direct], [0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5]);
  const shared = placesByDistance({ span: 8, buckets: 8, farthest: 20 }, 60);
  assert.equal(shared[0], 0);
  assert.equal(shared.at(-1), 15);
});
