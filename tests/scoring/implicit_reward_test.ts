import assert from "node:assert/strict";
import { blobSource } from "../../src/checkpoint/blob_source.ts";
import { AssayError } from "../../src/error.ts";
import { ImplicitRewardModel } from "../../src/scoring/implicit_reward_model.ts";
import { causalFolder, golden } from "./causal_folder.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";

const [policy, reference] = [golden[0]!, golden[1]!];

async function conversations(names: readonly string[]) {
  const all = new Map((await goldenConversations("llama")).map((one) => [one.name, one.messages]));
  return names.map((name) => all.get(name)!);
}

Deno.test("implicit rewards are β times the difference of transformers' log-probabilities", async () => {
  using first = await causalFolder(policy);
  using second = await causalFolder(reference);
  const names = policy.conversations.map(({ name }) => name);
  for (const reduce of ["sum", "mean"] as const) {
    const options = { backend: "cpu", beta: 0.1, reduce } as const;
    using model = await ImplicitRewardModel.load(first.folder, second.folder, options);
    const verdicts = await model.score(await conversations(names));
    verdicts.forEach((verdict, i) => {
      const [own, base] = [policy, reference].map((of) => of.conversations[i]!.log_probabilities);
      const ratios = own!.map((logProbability, t) => 0.1 * (logProbability - base![t]!));
      const sum = ratios.reduce((a, b) => a + b, 0);
      const expected = reduce === "sum" ? sum : sum / ratios.length;
      assert.ok(Math.abs(verdict.score! - expected) < 1e-4, `${names[i]} ${reduce}`);
      assert.equal(verdict.tokenRewards!.length, ratios.length);
      verdict.tokenRewards!.forEach((reward, t) => assert.ok(Math.abs(reward - ratios[t]!) < 1e-4));
    });
  }
});

Deno.test("without a reference the score is the log-probability itself, in any company", async () => {
  using first = await causalFolder(policy);
  using model = await ImplicitRewardModel.load(first.folder, undefined, { backend: "cpu" });
  const names = policy.conversations.map(({ name }) => name);
  const rows = await conversations(names);
  const together = await model.score(rows);
  for (const [i, row] of rows.entries()) {
    const [alone] = await model.score([row]);
    assert.deepEqual(alone, together[i]);
    const expected = policy.conversations[i]!.log_probabilities.reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(alone!.score! - expected) < 1e-4);
  }
  const streamed = [];
  for await (const verdict of model.scoreStream(rows)) streamed.push(verdict);
  assert.deepEqual(streamed, together);
});

Deno.test("an empty response has an error and no score", async () => {
  using first = await causalFolder(policy);
  using model = await ImplicitRewardModel.load(first.folder, undefined, { backend: "cpu" });
  const [verdict] = await model.score([[
    { role: "user", content: "Hi" },
    { role: "assistant", content: "" },
  ]]);
  assert.equal(verdict!.score, null);
  assert.equal(verdict!.error!.code, "scoring/no-response");
  await assert.rejects(
    ImplicitRewardModel.load(parityFolder("llama"), undefined, { backend: "cpu" }),
    (error) => error instanceof AssayError && error.code === "models/no-language-head",
  );
});

Deno.test("models whose templates or tokens differ are told apart by ids, not by their number", async () => {
  using first = await causalFolder(policy);
  using second = await causalFolder(reference);
  const edited = (file: string, edit: (text: string) => string) => ({
    ...second.folder,
    async open(name: string) {
      using source = await second.folder.open(name);
      if (name !== file || source === undefined) return await second.folder.open(name);
      const text = new TextDecoder().decode(await source.read(0, source.byteLength));
      return blobSource(name, new Blob([edit(text)]));
    },
  });
  const template = edited("chat_template.jinja", (text) => text.replace("| trim", "| upper"));
  const tokens = edited("tokenizer.json", (text) => {
    const json = JSON.parse(text);
    const { vocab } = json.model;
    [vocab.P, vocab.Q] = [vocab.Q, vocab.P];
    return JSON.stringify(json);
  });
  const row = [
    { role: "user", content: "Why?" },
    { role: "assistant", content: "P P P" },
  ];
  for (const other of [template, tokens]) {
    using model = await ImplicitRewardModel.load(first.folder, other, { backend: "cpu" });
    const [verdict] = await model.score([row]);
    assert.equal(verdict!.score, null);
    assert.equal(verdict!.error!.code, "scoring/different-tokens");
    assert.match(verdict!.error!.message, /at position \d+, in the (prompt|response)/);
  }
});
