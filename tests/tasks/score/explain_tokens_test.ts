import assert from "node:assert/strict";
import { AssayError } from "../../../src/error.ts";
import { ImplicitRewardModel } from "../../../src/scoring/implicit_reward_model.ts";
import { RewardModel } from "../../../src/scoring/reward_model.ts";
import type { Conversation } from "../../../src/text/conversation.ts";
import { templatedText } from "../../../src/text/templated_text.ts";
import { explainTokens } from "../../../src/tasks/score/explain_tokens.ts";
import type { Scorer } from "../../../src/tasks/score/scorer.ts";
import {
  beginningOf,
  type ExplainedVerdict,
  mostPieces,
  type TokenExplanation,
} from "../../../src/tasks/score/token_explanation.ts";
import { parityFolder } from "../../golden/parity.ts";
import { causalFolder } from "../../scoring/causal_folder.ts";
import { stubScorer } from "./stub_scorer.ts";

const conversation = (content: string): Conversation => [
  { role: "user", content: "How much is two and two, and why is it so? Tell me shortly." },
  { role: "assistant", content },
];

async function* each(conversations: readonly Conversation[]): AsyncGenerator<Conversation> {
  yield* conversations;
}

function explain(
  scorer: Scorer,
  conversations: readonly Conversation[],
): Promise<ExplainedVerdict[]> {
  return Array.fromAsync(scorer.scoreStream(each(conversations)));
}

function explanationOf({ explanation }: ExplainedVerdict): TokenExplanation {
  assert.ok(explanation !== undefined && !(explanation instanceof AssayError), String(explanation));
  return explanation;
}

const texts = ["It is 4, as you know 👍 — 二たす二.", "No.", ""];

for (const name of ["llama", "armo", "bert"]) {
  Deno.test(`what each token adds to a score of ${name} is the change that it makes, and adds up`, async () => {
    using model = await RewardModel.load(parityFolder(name), { backend: "cpu" });
    const notes: string[] = [];
    const explained = await explain(
      explainTokens(model, { onNote: (note) => notes.push(note) }),
      texts.map(conversation),
    );
    const plain = await model.score(texts.map(conversation));
    assert.deepEqual(explained.map(({ score }) => score), plain.map(({ score }) => score));
    for (const [place, content] of texts.entries()) {
      const { rewards, emptyScore } = explanationOf(explained[place]!);
      assert.equal(rewards.map(({ text }) => text).join(""), content);
      const points = [...content];
      let before = emptyScore!;
      for (const { text, start, end, reward } of rewards) {
        assert.equal(points.slice(start!, end!).join(""), text);
        const cut = points.slice(0, end!).join("");
        const [alone] = await model.score([beginningOf(conversation(content), cut.length)]);
        assert.equal(reward, alone!.score! - before);
        before = alone!.score!;
      }
      assert.equal(before, plain[place]!.score);
      const sum = rewards.reduce((total, { reward }) => total + reward, emptyScore!);
      assert.ok(Math.abs(sum - before) <= 1e-12 * Math.max(1, Math.abs(before)));
      if (name === "llama") assert.equal(sum, before); // scores of 32 bits: to the bit
    }
    if (name !== "bert") assert.deepEqual(notes, []);
  });
}

Deno.test("the implicit rewards of tokens have their texts, and add up to the score", async () => {
  using causal = await causalFolder({ model: "llama", seed: 3 });
  const options = { backend: "cpu", beta: 0.5 } as const;
  const content = "It is 4 👍.";
  for (const reduce of ["sum", "mean"] as const) {
    using model = await ImplicitRewardModel.load(causal.folder, undefined, { ...options, reduce });
    const [verdict] = await explain(
      explainTokens(model, { implicit: { reduce } }),
      [conversation(content)],
    );
    const { rewards, emptyScore } = explanationOf(verdict!);
    assert.equal(emptyScore, null);
    assert.equal(rewards.length, verdict!.tokenRewards!.length);
    const sum = rewards.reduce((total, { reward }) => total + reward, 0);
    if (reduce === "sum") assert.equal(sum, verdict!.score);
    assert.ok(Math.abs(sum - verdict!.score!) < 1e-12 * Math.abs(verdict!.score!));
    const last = rewards.at(-1)!;
    assert.deepEqual([last.start, last.end], [10, 10]); // what closes the message
    assert.equal(rewards[0]!.start, 0);
  }
});

/** A stand-in whose tokens are characters; a response that ends inside of <think> is refused. */
function characters() {
  const scorer = stubScorer();
  const tokens = (conversation: Conversation) =>
    Promise.resolve({
      tokens: [..."p:", ...conversation.at(-1)!.content].map((text) => ({
        id: text.codePointAt(0)!,
        text,
      })),
      truncated: conversation.at(-1)!.content === "CUT",
      positions: {},
    });
  return { scorer: { ...scorer, tokens }, taken: () => scorer.mostWaiting };
}

Deno.test("a beginning that has no score goes with the next one; other failures are told", async () => {
  const { scorer } = characters();
  const [thinking, cut, fine] = await explain(explainTokens(scorer), [
    conversation("FAILED"), // the beginning FAIL is refused
    conversation("CUT"),
    conversation("ok"),
  ]);
  const rewards = explanationOf(thinking!).rewards;
  assert.deepEqual(rewards.map(({ text, reward }) => [text, reward]), [
    ["F", 1],
    ["A", 1],
    ["I", 1],
    ["LE", 2],
    ["D", 1],
  ]);
  assert.match(String(cut!.explanation), /cut to the model's length/);
  assert.equal(cut!.score, 3);
  assert.equal(explanationOf(fine!).rewards.length, 2);
  const [broken] = await explain(explainTokens(scorer), [conversation("NANA")]);
  assert.equal(broken!.score, 4);
  const [failed] = await explain(explainTokens(scorer), [conversation("FAIL")]);
  assert.equal(failed!.error?.code, "text/too-long");
  assert.equal(failed!.explanation, undefined);
});

Deno.test("long responses are explained in a bounded number of pieces, which is told", async () => {
  const { scorer } = characters();
  const notes: string[] = [];
  const [verdict] = await explain(
    explainTokens(scorer, { onNote: (note) => notes.push(note) }),
    [conversation("x".repeat(3 * mostPieces + 1))],
  );
  const { rewards } = explanationOf(verdict!);
  assert.ok(rewards.length <= mostPieces && rewards.length > mostPieces / 2);
  assert.equal(rewards.reduce((sum, { reward }) => sum + reward, 0), 3 * mostPieces + 1);
  assert.equal(notes.length, 1);
  assert.match(notes[0]!, /more than 512 tokens/);
});

Deno.test("what is no text can't be explained, and keeps its score", async () => {
  const { scorer } = characters();
  const steps = [...conversation("").slice(0, 1), { role: "assistant", content: "", steps: ["a"] }];
  const [verdict] = await explain(explainTokens(scorer), [steps]);
  const templated = templatedText({ text: "a text" });
  assert.match(String(verdict!.explanation), /one of steps/);
  using model = await RewardModel.load(parityFolder("llama"), { backend: "cpu" });
  const [given] = await explain(explainTokens(model), [templated]);
  assert.match(String(given!.explanation), /templated already/);
  assert.equal(typeof given!.score, "number");
  assert.throws(() => explainTokens(stubScorer()), { code: "scoring/cannot-explain" });
});
