import assert from "node:assert/strict";
import type { Dtype, TensorInfo } from "../../src/checkpoint/tensor.ts";
import { AssayError } from "../../src/error.ts";
import { planMemory } from "../../src/scoring/packs/memory_plan.ts";
import type { ModelFacts } from "../../src/models/family.ts";
import { memoryFor, planFor } from "../../src/scoring/model_plan.ts";

const bytes: Record<string, number> = { F32: 4, BF16: 2, F16: 2 };
const gibibyte = 2 ** 30;

/** A published model's settings and tensor headers, without a weight. */
async function layout(name: string): Promise<ModelFacts & { tensors: Map<string, TensorInfo> }> {
  const read = async (file: string) =>
    JSON.parse(await Deno.readTextFile(new URL(`../golden/${name}/${file}`, import.meta.url)));
  const tensors = new Map<string, TensorInfo>();
  const { files } = await read("tensors.json");
  for (const [file, list] of Object.entries<[string, Dtype, number[]][]>(files)) {
    for (const [tensor, dtype, shape] of list) {
      const byteLength = shape.reduce((a, b) => a * b, bytes[dtype]!);
      tensors.set(tensor, { name: tensor, dtype, shape, byteLength, file });
    }
  }
  return { name, config: await read("config.json"), tensors };
}

function plan(facts: ModelFacts, memoryBudget: number, maxMatrixBytes = 128 * 2 ** 20) {
  const { backbone, tensors } = planFor(facts, { head: "reward" });
  return planMemory({
    name: facts.name,
    backbone,
    tensors,
    maxMatrixBytes,
    memoryBudget,
    maxTokens: backbone.maxTokens,
    tokensPerPack: 2048,
  });
}

Deno.test("ArmoRM-Llama3-8B is recognised in full, nothing missing, nothing left over", async () => {
  const warnings: string[] = [];
  const facts = await layout("armorm_llama3_8b");
  const reward = { head: "reward" } as const;
  const { backbone, head } = planFor(facts, reward, (message) => warnings.push(message));
  assert.deepEqual(warnings, []);
  assert.equal(head.kind, "armo");
  assert.equal(head.parts.rewards![10], "beavertails-is_safe");
  assert.equal(backbone.layers, 32);
  assert.equal(backbone.settings.headDim, 128);
  assert.deepEqual(backbone.settings.rope, { type: "default", theta: 500000 });
});

Deno.test("ArmoRM-Llama3-8B is planned on an adapter that binds 128 MiB", async () => {
  const facts = await layout("armorm_llama3_8b");
  const resident = plan(facts, Infinity);
  assert.equal(resident.layers, "resident");
  assert.equal(resident.longestSequence, 8192);
  assert.ok(resident.feedForwardRows * 14336 * 4 <= 128 * 2 ** 20);
  const streamed = plan(facts, 4 * gibibyte);
  assert.equal(streamed.layers, "streamed");
  assert.ok(streamed.peakBytes <= 4 * gibibyte);
  assert.ok(streamed.packsInFlight > 1);
});

Deno.test("a model of 8 billion weights is streamed through 4 GiB of WebAssembly's memory by default", async () => {
  const facts = await layout("armorm_llama3_8b");
  const model = planFor(facts, { head: "reward" });
  const engine = {
    maxMatrixBytes: 2 ** 31,
    maxMatrixRows: Infinity,
    memoryLimit: 3.7 * gibibyte,
    computesAtOnce: true,
  };
  const streamed = memoryFor(model, engine, {});
  assert.equal(streamed.layers, "streamed");
  assert.equal(streamed.longestSequence, 8192);
  assert.ok(
    streamed.peakBytes <= engine.memoryLimit && streamed.longestBytes <= engine.memoryLimit,
  );
  assert.deepEqual(memoryFor(model, engine, { memoryBudget: 64 * gibibyte }), streamed);
  const budget = memoryFor(model, engine, { memoryBudget: 2 * gibibyte });
  assert.ok(budget.peakBytes <= 2 * gibibyte);
});

Deno.test("planMemory() keeps packs within what one matrix may hold", async () => {
  const facts = await layout("armorm_llama3_8b");
  const sixteen = plan(facts, Infinity, 16 * 2 ** 20); // 1,024 rows of 4,096 numbers
  assert.equal(sixteen.tokensPerPack, 1024);
  assert.equal(sixteen.longestSequence, 1024);
});

Deno.test("planMemory() shrinks packs, then gives up with the largest tensor's name", async () => {
  const facts = await layout("armorm_llama3_8b");
  const small = plan(facts, gibibyte / 2);
  assert.equal(small.layers, "streamed");
  assert.ok(small.tokensPerPack <= 2048 && small.peakBytes <= gibibyte / 2);
  assert.throws(
    () => plan(facts, gibibyte / 4),
    (error) =>
      error instanceof AssayError && error.code === "scoring/over-budget" &&
      /mlp\.\w+_proj\.weight/.test(error.message),
  );
});

for (const name of ["skywork_reward_llama31_8b", "skywork_reward_qwen3_0_6b"]) {
  Deno.test(`the layout of ${name} is recognised in full`, async () => {
    const { head } = planFor(await layout(name), { head: "reward" });
    assert.equal(head.kind, "scalar");
  });
}

Deno.test("planFor() names a missing, an unexpected and a misshapen tensor", async () => {
  const cases: [string, (facts: { tensors: Map<string, TensorInfo> }) => void, RegExp][] = [
    [
      "checkpoint/missing-tensor",
      ({ tensors }) => tensors.delete("model.layers.7.mlp.up_proj.weight"),
      /model\.layers\.7\.mlp\.up_proj\.weight/,
    ],
    [
      "checkpoint/unexpected-tensor",
      ({ tensors }) =>
        tensors.set("model.layers.0.self_attn.q_proj.bias", {
          ...tensors.get("model.norm.weight")!,
          name: "model.layers.0.self_attn.q_proj.bias",
        }),
      /q_proj\.bias/,
    ],
    [
      "checkpoint/wrong-shape",
      ({ tensors }) =>
        tensors.set("model.norm.weight", {
          ...tensors.get("model.norm.weight")!,
          shape: [4095],
        }),
      /model\.norm\.weight.*\[4096\].*\[4095\]/,
    ],
    [
      "checkpoint/wrong-dtype",
      ({ tensors }) =>
        tensors.set("model.norm.weight", { ...tensors.get("model.norm.weight")!, dtype: "I8" }),
      /model\.norm\.weight.*I8/,
    ],
  ];
  for (const [code, spoil, words] of cases) {
    const facts = await layout("armorm_llama3_8b");
    spoil(facts);
    assert.throws(
      () => planFor(facts, { head: "reward" }),
      (error) => error instanceof AssayError && error.code === code && words.test(error.message),
    );
  }
});
