import assert from "node:assert/strict";
import { folderAt } from "../../../src/checkpoint/folder.ts";
import { populationStd } from "../../../src/numbers/moments.ts";
import { Backbone } from "../../../src/scoring/backbone.ts";
import { RewardModel } from "../../../src/scoring/reward_model.ts";
import { marginStd } from "../../../src/scoring/verdict.ts";
import { openModelFolder } from "../../../src/tasks/model_folder.ts";
import { applyLinearHeads, readLinearHeads } from "../../../src/voting/linear_heads.ts";
import { changedCopy } from "../../changed_copy.ts";

const model = "models/demo";
const heads = "models/demo/voters.safetensors";
const conversations = ["Hello.", "Go away.", "Four, I think."].map((content) => [
  { role: "user", content: "How much is 2+2?" },
  { role: "assistant", content },
]);

Deno.test("voters in place of a model's head: their mean is the score, their spread its deviation", async () => {
  using folder = await openModelFolder({ model, heads });
  using voters = await RewardModel.load(folder.source);
  assert.deepEqual([voters.headKind, voters.parts], ["voters", ["voters"]]);
  const linear = await readLinearHeads(folderAt(model));
  using backbone = await Backbone.load(model);
  const states = await backbone.pooledStates(conversations);
  const verdicts = await voters.score(conversations);
  verdicts.forEach((verdict, i) => {
    const state = states[i]!;
    assert.ok("states" in state);
    const scores = applyLinearHeads(linear, state.states.last![0]!);
    const mean = scores.reduce((a, b) => a + b) / scores.length;
    const std = Math.sqrt(
      scores.reduce((sum, score) => sum + (score - mean) ** 2, 0) / scores.length,
    );
    const found = Object.values(verdict.parts.voters!);
    scores.forEach((score, voter) => assert.ok(Math.abs(found[voter]! - score) < 1e-5));
    assert.ok(Math.abs(verdict.score! - mean) < 1e-5);
    assert.ok(Math.abs(verdict.scoreStd! - std) < 1e-5);
    assert.ok(Math.abs(Math.hypot(...verdict.deviation!.vector) - std) < 1e-5);
  });
  // A margin's deviation is that of the voters' margins.
  const [one, other] = verdicts.map(({ parts }) => Object.values(parts.voters!));
  const margins = one!.map((score, voter) => score - other![voter]!);
  assert.ok(Math.abs(marginStd(verdicts[0]!, verdicts[1]!)! - populationStd(margins)) < 1e-9);
});

Deno.test("voters' heads of another hidden size, beside an adapter, or not there are refused", async () => {
  const adapter = "tests/golden/voting/peft_adapter";
  await assert.rejects(openModelFolder({ model, heads, adapter }), {
    code: "tasks/adapter-and-heads",
  });
  await assert.rejects(openModelFolder({ model, heads: "no/such.safetensors" }), {
    code: "voting/bad-heads",
  });
  using folder = await openModelFolder({ model: "tests/golden/parity/llama", heads });
  await assert.rejects(RewardModel.load(folder.source), { code: "checkpoint/wrong-shape" });
});

Deno.test("of a key that is unknown whoever loads the voters is asked", async () => {
  using copy = await changedCopy("llama", { odd_key: 1 });
  using folder = await openModelFolder({ model: copy.folder, heads });
  await assert.rejects(RewardModel.load(folder.source), { code: "models/unknown-config-key" });
  const options = { ignoreConfigKeys: ["odd_key"], onWarning: () => {} };
  // The demo's voters are for its own size: they come to be held against the backbone.
  await assert.rejects(RewardModel.load(folder.source, options), {
    code: "checkpoint/wrong-shape",
  });
});
