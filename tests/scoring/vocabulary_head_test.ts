import assert from "node:assert/strict";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { Backbone } from "../../src/scoring/backbone.ts";
import { ImplicitRewardModel } from "../../src/scoring/implicit_reward_model.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { changedCopy } from "../changed_copy.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";

async function scoresOf(
  folder: string,
  options: LoadOptions,
  conversations: readonly Conversation[],
): Promise<number[]> {
  using model = await RewardModel.load(folder, { backend: "cpu", ...options });
  const verdicts = await model.score(conversations);
  return verdicts.map(({ score, error }) => {
    assert.equal(error, null);
    return score!;
  });
}

async function conversationsOf(model: string): Promise<Conversation[]> {
  return (await goldenConversations(model)).map(({ messages }) => messages);
}

const folder = parityFolder("head_logit");

Deno.test("a token is asked for by its text or its id, and the score is its raw logit", async () => {
  const conversations = await conversationsOf("head_logit");
  const byId = await scoresOf(folder, { logit: 0 }, conversations);
  assert.deepEqual(await scoresOf(folder, { logit: "!" }, conversations), byId);
  const golden = (await goldenConversations("head_logit")).map(({ score }) => score);
  byId.forEach((score, i) => assert.ok(Math.abs(score - golden[i]!) < 1e-5));
  assert.notDeepEqual(await scoresOf(folder, { logit: 1 }, conversations), byId);
});

Deno.test("two tokens' score is the difference of their logits, their probability is a part", async () => {
  const conversations = await conversationsOf("head_logit");
  const [one, two] = await Promise.all(
    [0, 1].map((logit) => scoresOf(folder, { logit }, conversations)),
  );
  using model = await RewardModel.load(folder, { backend: "cpu", logits: ["!", 1] });
  for (const [i, verdict] of (await model.score(conversations)).entries()) {
    assert.equal(verdict.score, one![i]! - two![i]!);
    assert.deepEqual(Object.keys(verdict.parts), ["logits", "probabilities"]);
    const { "!": yes } = verdict.parts.probabilities as Record<string, number>;
    assert.ok(Math.abs(yes! - 1 / (1 + Math.exp(-verdict.score!))) < 1e-12);
  }
});

Deno.test("a soft cap of logits moves the score as in transformers; without one it is the raw product", async () => {
  const conversations = await conversationsOf("head_logits");
  const capped = await scoresOf(parityFolder("head_logits"), { logit: "y" }, conversations);
  using copy = await changedCopy("head_logits", { final_logit_softcapping: null });
  const raw = await scoresOf(copy.folder, { logit: "y" }, conversations);
  raw.forEach((logit, i) => {
    assert.ok(Math.abs(2 * Math.tanh(logit / 2) - capped[i]!) < 1e-9);
  });
  assert.ok(raw.some((logit, i) => Math.abs(logit - capped[i]!) > 1e-2));
});

Deno.test("what is not certain of tokens is refused by name", async () => {
  const refused: [LoadOptions, string, RegExp][] = [
    [
      { logit: "no token, many" },
      "text/no-such-token",
      /text that is one token, found .* by its id/,
    ],
    [{ logit: 351 }, "text/no-such-token", /found 351/],
    [{ logits: ["!", 0] }, "heads/unknown-token", /found 0 twice/],
    [{ logit: 0, logits: [0, 1] }, "scoring/bad-option", /either logit or logits, found both/],
    [{ logit: 0, stepToken: "\n" }, "heads/one-logit", /expected two tokens/],
    [{ logit: -1 }, "scoring/bad-option", /the option logit/],
    [{ logits: [1] as never }, "scoring/bad-option", /a list of two tokens/],
    [{ logit: 0, reduceSteps: "min" }, "scoring/bad-option", /reduceSteps beside stepToken/],
    [{}, "heads/missing-head", /--logit or --logits by the logits of tokens/],
  ];
  for (const [options, code, message] of refused) {
    await assert.rejects(RewardModel.load(folder, { backend: "cpu", ...options }), {
      code,
      message,
    });
  }
});

Deno.test("a reward model with a head of its own is not asked for a logit as well", async () => {
  const llama = parityFolder("llama");
  await assert.rejects(RewardModel.load(llama, { backend: "cpu", logit: 0 }), {
    code: "heads/ambiguous-head",
    message: /score\.weight.* and logits of a causal model's tokens/,
  });
  for (const load of [Backbone.load, ImplicitRewardModel.load]) {
    const options = { backend: "cpu", logit: 0 } as const;
    const loading = load === Backbone.load
      ? Backbone.load(folder, options)
      : ImplicitRewardModel.load(folder, undefined, options);
    await assert.rejects(loading, { code: "scoring/bad-option", message: /no option logit/ });
  }
});

Deno.test("an output matrix that is neither there nor tied, or has a bias, is refused", async () => {
  using untied = await changedCopy("head_reranker", { tie_word_embeddings: false });
  await assert.rejects(RewardModel.load(untied.folder, { backend: "cpu", logits: ["y", "n"] }), {
    code: "heads/no-output-matrix",
    message: /found neither/,
  });
});

Deno.test("a chat template in place of the checkpoint's is what renders", async () => {
  const conversations = (await conversationsOf("head_logit")).slice(0, 1);
  const own = await Deno.readTextFile(`${folder}/chat_template.jinja`);
  const scores = await scoresOf(folder, { logit: 0 }, conversations);
  assert.deepEqual(await scoresOf(folder, { logit: 0, chatTemplate: own }, conversations), scores);
  const other = own.replace("trim", "upper");
  assert.notDeepEqual(
    await scoresOf(folder, { logit: 0, chatTemplate: other }, conversations),
    scores,
  );
});
