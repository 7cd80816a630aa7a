import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { Backbone, type PooledState } from "../../src/scoring/backbone.ts";
import { goldenConversations, goldenStates, parityFolder } from "../golden/parity.ts";

function stateOf(result: PooledState | AssayError | undefined): PooledState {
  if (result === undefined || result instanceof AssayError) throw result;
  return result;
}

Deno.test("pooledStates() equals the reference's final hidden states at both positions", async () => {
  using backbone = await Backbone.load(parityFolder("armo"), {
    backend: "cpu",
    reads: { last: { at: "last" }, gate: { at: "header" } },
  });
  const conversations = await goldenConversations("armo");
  const golden = await goldenStates("armo");
  const results = await backbone.pooledStates(conversations.map(({ messages }) => messages));
  let compared = 0;
  conversations.forEach(({ name, ids, gate_position }, index) => {
    const found = stateOf(results[index]);
    assert.equal(found.tokens, ids.length);
    if (!golden.has(name)) return; // states were recorded for some conversations only
    const { positions, shape, states } = golden.get(name)!;
    for (
      const [at, state] of [
        [ids.length - 1, found.states.last![0]],
        [gate_position, found.states.gate![0]],
      ] as const
    ) {
      const place = positions.indexOf(at!);
      if (place < 0) continue;
      const [layers, count, hidden] = shape as [number, number, number];
      const start = ((layers - 1) * count + place) * hidden;
      const expected = states.subarray(start, start + hidden);
      assert.equal(state!.length, hidden);
      state!.forEach((x, i) => assert.ok(Math.abs(x - expected[i]!) < 1e-4, `${name} ${i}`));
      compared++;
    }
  });
  assert.ok(compared >= golden.size);
});

Deno.test("pooledStates() gives as many numbers as the config says where they are padded", async () => {
  using backbone = await Backbone.load(parityFolder("qwen3_uneven"), { backend: "cpu" });
  const [{ name, messages, ids }] = await goldenConversations("qwen3_uneven") as [
    Awaited<ReturnType<typeof goldenConversations>>[number],
  ];
  const { positions, shape, states } = (await goldenStates("qwen3_uneven")).get(name)!;
  const [layers, count, hidden] = shape as [number, number, number];
  assert.equal(hidden % 8, 3);
  const start = ((layers - 1) * count + positions.indexOf(ids.length - 1)) * hidden;
  const [result] = await backbone.pooledStates([messages]);
  const state = stateOf(result).states.last![0]!;
  assert.equal(state.length, hidden);
  state.forEach((x, i) => assert.ok(Math.abs(x - states[start + i]!) < 1e-5, `${i}: ${x}`));
});

Deno.test("pooledStates() leaves gates out unless asked, and errors in the place of bad rows", async () => {
  using backbone = await Backbone.load(parityFolder("armo"), { backend: "cpu", maxTokens: 40 });
  const user = { role: "user", content: "Hi" };
  const [good, bad, long] = await backbone.pooledStates([
    [user, { role: "assistant", content: "Hello" }],
    [],
    [user, { role: "assistant", content: "word ".repeat(300) }],
  ]);
  assert.deepEqual(Object.keys(stateOf(good).states), ["last"]);
  assert.equal(stateOf(good).states.last![0]!.length, backbone.hiddenSize);
  assert.ok(bad instanceof AssayError && long instanceof AssayError);
});
