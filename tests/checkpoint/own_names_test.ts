import assert from "node:assert/strict";
import { ownNames } from "../../src/checkpoint/own_names.ts";
import type { TensorInfo } from "../../src/checkpoint/tensor.ts";

function tensors(...names: string[]): ReadonlyMap<string, TensorInfo> {
  return new Map(names.map((name) => [
    name,
    { name, dtype: "F32", shape: [1], byteLength: 4, file: "model.safetensors" },
  ]));
}

const backbone = [
  "embed_tokens.weight",
  "layers.0.self_attn.q_proj.weight",
  "layers.0.input_layernorm.weight",
  "norm.weight",
];

Deno.test("ownNames() names a backbone as transformers' class does, and leaves its head alone", () => {
  for (const prefix of ["transformer.", ""]) {
    const stored = [...backbone.map((name) => prefix + name), "v_head.weight"];
    const named = ownNames(tensors(...stored));
    assert.deepEqual(
      [...named.tensors.keys()],
      [...backbone.map((name) => `model.${name}`), "v_head.weight"],
    );
    assert.ok([...named.tensors].every(([name, info]) => info.name === name));
    assert.equal(named.stored.get("model.norm.weight"), `${prefix}norm.weight`);
    assert.equal(named.stored.get("v_head.weight"), undefined);
  }
});

Deno.test("ownNames() changes nothing where more than the prefix may be different", () => {
  const others = [
    backbone.map((name) => `model.${name}`),
    [...backbone.map((name) => `transformer.${name}`), "model.norm.weight"],
    backbone.slice(1).map((name) => `transformer.${name}`),
    ["transformer.wte.weight", "transformer.h.0.attn.c_attn.weight"],
    backbone.map((name) => `encoder.${name}`),
  ];
  for (const names of others) {
    const named = ownNames(tensors(...names));
    assert.deepEqual([...named.tensors.keys()], names);
    assert.equal(named.stored.size, 0);
  }
});
