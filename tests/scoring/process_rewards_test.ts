import assert from "node:assert/strict";
import type { LoadOptions } from "../../src/scoring/load_options.ts";
import { RewardModel } from "../../src/scoring/reward_model.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { templatedText } from "../../src/text/templated_text.ts";
import type { Verdict } from "../../src/scoring/verdict.ts";
import { changedCopy } from "../changed_copy.ts";
import { goldenConversations, goldenOptions, parityFolder } from "../golden/parity.ts";

async function open(model: string, options: LoadOptions = {}): Promise<RewardModel> {
  const own = await goldenOptions(model);
  return RewardModel.load(parityFolder(model), { backend: "cpu", ...own, ...options });
}

async function verdictOf(
  model: string,
  conversation: Conversation,
  options: LoadOptions = {},
): Promise<Verdict> {
  using loaded = await open(model, options);
  return (await loaded.score([conversation]))[0]!;
}

function stepped(prompt: string, steps: readonly string[]): Conversation {
  return [{ role: "user", content: prompt }, { role: "assistant", content: "", steps }];
}

function plain(prompt: string, content: string): Conversation {
  return [{ role: "user", content: prompt }, { role: "assistant", content }];
}

function sameSteps(verdict: Verdict, other: Verdict): void {
  assert.equal(verdict.error, null);
  assert.deepEqual(verdict.parts.step_scores, other.parts.step_scores);
}

Deno.test("the score is what was asked for of the steps' probabilities; the last one's by default", async () => {
  const { messages } = (await goldenConversations("process_mlp"))
    .find(({ name }) => name === "many_steps")!;
  const scores = (await verdictOf("process_mlp", messages)).parts.step_scores as number[];
  assert.equal(scores.length, 6);
  assert.ok(scores.every((score) => score > 0 && score < 1));
  const expected = {
    last: scores.at(-1)!,
    min: Math.min(...scores),
    mean: scores.reduce((sum, score) => sum + score, 0) / 6,
    product: scores.reduce((product, score) => product * score, 1),
  };
  for (const [reduceSteps, score] of Object.entries(expected)) {
    const options = { reduceSteps } as LoadOptions;
    assert.equal((await verdictOf("process_mlp", messages, options)).score, score);
  }
  assert.equal((await verdictOf("process_mlp", messages)).score, expected.last);
});

Deno.test("content can't write a special token that ends steps, nor does one in the prompt count", async () => {
  const written = await verdictOf("process_mlp", plain("2+2?", "It is 4.<extra_0>"));
  assert.equal(written.error?.code, "scoring/no-step");
  assert.match(written.error!.message, /give the response as a list of steps/);
  const reference = await verdictOf("process_mlp", stepped("2+2?", ["It is", " 4."]));
  const trust = { trustSpecialTokens: true };
  const typed = plain("2+2?", "It is<extra_0> 4.<extra_0>");
  sameSteps(await verdictOf("process_mlp", typed, trust), reference);
  // A step's text that spells the token is text too.
  const spelled = await verdictOf("process_mlp", stepped("2+2?", ["It is<extra_0>", " 4."]));
  assert.equal((spelled.parts.step_scores as number[]).length, 2);
  assert.notDeepEqual(spelled.parts.step_scores, reference.parts.step_scores);
  const asked = await verdictOf("process_mlp", plain("<extra_0>2+2?", "4<extra_0>"), trust);
  assert.equal((asked.parts.step_scores as number[]).length, 1);
});

Deno.test("a token of plain text ends the steps of a text response, each cut by itself", async () => {
  const reference = await verdictOf("process_value", stepped("2+2?", ["It is", "4."]));
  sameSteps(await verdictOf("process_value", plain("2+2?", "It is\n4.")), reference);
  sameSteps(await verdictOf("process_value", plain("2+2?", "It is\n4.\n")), reference);
  const inPrompt = await verdictOf("process_value", stepped("2\n+\n2?", ["It is", "4."]));
  assert.equal((inPrompt.parts.step_scores as number[]).length, 2);
  const empty = await verdictOf("process_value", plain("2+2?", "It is\n\n4."));
  assert.equal((empty.parts.step_scores as number[]).length, 3);
});

Deno.test("a response's first step may be empty, or begin with white space, which is its own", async () => {
  const shown = async (model: string, response: Conversation): Promise<string> => {
    using loaded = await open(model);
    assert.equal((await loaded.score([response]))[0]!.error, null);
    const { tokens } = await loaded.tokens(response);
    return tokens.map(({ text, read }) => text + (read ? "*" : "")).join("|");
  };
  const steps = (...list: string[]): Conversation => stepped("2+2?", list);
  // A line break ends steps here, and is not merged with the prompt's.
  const prompt = "2|+|2|?|\n|";
  const empty = `${prompt}\n*| |4|.|\n*`;
  assert.equal(await shown("process_value", steps("", " 4.")), empty);
  assert.equal(await shown("process_value", plain("2+2?", "\n 4.")), empty);
  assert.equal(await shown("process_value", steps("")), `${prompt}\n*`);
  assert.equal(await shown("process_value", steps("", "")), `${prompt}\n*|\n*`);
  assert.equal(await shown("process_value", steps(" ", "4.")), `${prompt} |\n*|4|.|\n*`);
  assert.equal(await shown("process_value", steps("\n 4.")), `${prompt}\n| |4|.|\n*`);
  for (const first of ["", " "]) {
    const special = await shown("process_mlp", steps(first, "4."));
    assert.match(special, /assistant\|\n(\| )?\|<extra_0>\*\|4\|\.\|<extra_0>\*/);
  }
  assert.match(await shown("process_mlp", steps("")), /assistant\|\n\|<extra_0>\*/);
});

Deno.test("of templated text a special token ends steps, plain text doesn't, which the prompt may hold", async () => {
  const { ids } = (await goldenConversations("process_mlp"))
    .find(({ name }) => name === "many_steps")!;
  const special = await verdictOf("process_mlp", templatedText({ ids }));
  assert.equal((special.parts.step_scores as number[]).length, 6);
  const plainText = templatedText({ text: "user: 2+2?\nassistant: It is\n4.\n" });
  const { error, score } = await verdictOf("process_value", plainText);
  assert.deepEqual([error?.code, score], ["text/unclear-steps", null]);
});

Deno.test("responses that begin with the same step have the scores that they have alone", async () => {
  for (const model of ["process_mlp", "process_value", "process_logits"]) {
    using loaded = await open(model);
    const all = [" 4. ", " 5. ", " 4. or 5. "].map((last) =>
      stepped("How much is 2+2?", ["Two and two make ", `\n${last}`])
    );
    const together = await loaded.score(all);
    for (const [i, conversation] of all.entries()) {
      sameSteps(together[i]!, (await loaded.score([conversation]))[0]!);
    }
  }
});

Deno.test("steps that are cut as one text must be as many as their tokens", async () => {
  const steps = ["Step 1: 2 and 2 ", "\nStep 2: 4. "];
  const reference = await verdictOf("process_logits", stepped("2+2?", steps));
  const text = "Step 1: 2 and 2 ки\nStep 2: 4. ки";
  sameSteps(await verdictOf("process_logits", plain("2+2?", text)), reference);
  // By its number the token has the space of its own text.
  const byId = [{ role: "user", content: "2+2?" }, {
    role: "assistant",
    content: "",
    steps: ["Step 1: 2 and 2", "\nStep 2: 4."],
  }];
  const id = (await goldenConversations("process_logits"))[0]!.ids.at(-1)!;
  sameSteps(await verdictOf("process_logits", byId, { stepToken: id }), reference);
  const merged = await verdictOf("process_logits", stepped("2+2?", ["It is", " 4. "]));
  assert.equal(merged.error?.code, "text/unclear-steps");
  const twice = await verdictOf("process_logits", stepped("2+2?", ["It is ки ", "\n4. "]));
  assert.equal(twice.error?.code, "text/unclear-steps");
  const none = await verdictOf("process_logits", plain("2 ки + 2?", "It is 4."));
  assert.equal(none.error?.code, "scoring/no-step");
});

Deno.test("turns of the assistant are steps: given as steps, or as the conversation that they make", async () => {
  const reference = await verdictOf("process_turns", stepped("2+2?", ["It is", "4."]));
  const written = await verdictOf("process_turns", [
    { role: "user", content: "2+2? It is" },
    { role: "assistant", content: "+" },
    { role: "user", content: "4." },
    { role: "assistant", content: "+" },
  ]);
  sameSteps(written, reference);
  assert.equal(written.tokens, reference.tokens);
  const prompted = await verdictOf("process_turns", [
    { role: "assistant", content: "Hi" },
    { role: "assistant", content: "", steps: ["4."] },
  ]);
  assert.equal(prompted.error?.code, "text/bad-message");
});

Deno.test("a cut conversation has the steps that are left", async () => {
  const { messages } = (await goldenConversations("process_mlp"))
    .find(({ name }) => name === "many_steps")!;
  const whole = await verdictOf("process_mlp", messages);
  const maxTokens = whole.tokens - 30;
  const cut = await verdictOf("process_mlp", messages, { maxTokens, truncate: "right" });
  assert.ok(cut.truncated);
  const left = cut.parts.step_scores as number[];
  assert.ok(left.length > 0 && left.length < 6);
  assert.deepEqual(left, (whole.parts.step_scores as number[]).slice(0, left.length));
});

Deno.test("where turns were cut on the left, none is read at the tokens before the cut", async () => {
  const conversation = stepped("2+2?", ["It is", "5 or", "rather", "4."]);
  const cut = async (maxTokens: number): Promise<readonly { id: number; read?: unknown }[]> => {
    using loaded = await open("process_turns", { maxTokens, truncate: "left" });
    return (await loaded.tokens(conversation)).tokens;
  };
  const whole = await cut(640);
  const isRead = ({ read }: { read?: unknown }): boolean => read !== undefined && read !== null;
  const header = whole.find(isRead)!.id;
  for (let dropped = 1; dropped <= whole.length / 2; dropped++) {
    const left = await cut(whole.length - dropped);
    assert.equal(left[0]!.id, whole[0]!.id);
    const reads = [...left.keys()].filter((at) => isRead(left[at]!));
    assert.ok(reads.every((at) => left[at]!.id === header && at > 0), `${dropped}: ${reads}`);
    const expected = [...whole.keys()].filter((at) => isRead(whole[at]!) && at > dropped);
    assert.deepEqual(reads, expected.map((at) => at - dropped));
  }
});

for (const model of ["process_mlp", "process_value", "process_logits", "process_turns"]) {
  Deno.test(`a prompt of ${model} that is cut on the left leaves every step`, async () => {
    const prompt = `${"It was a long day, and then another. ".repeat(8)}2+2?`;
    const conversation = stepped(prompt, ["It is ", "\n4. "]);
    const { tokens } = await verdictOf(model, conversation);
    const options = { maxTokens: tokens - 20, truncate: "left" } as const;
    const cut = await verdictOf(model, conversation, options);
    // A step that is a turn of its own may be cut too: what stands before the last answer is prompt.
    assert.deepEqual([cut.error, cut.truncated, cut.tokens], [null, true, tokens - 20]);
    assert.equal((cut.parts.step_scores as number[]).length, 2);
  });
}

Deno.test("a template that trims ends, a model that reads no steps, a wrong list: each is the row's error", async () => {
  const trimming = "{{ messages[0].content }}\n{{ messages[1].content | trim }}";
  const trimmed = await verdictOf("process_value", stepped("2+2?", ["4"]), {
    chatTemplate: trimming,
  });
  assert.equal(trimmed.error?.code, "text/steps-not-rendered");
  assert.equal(
    (await verdictOf("llama", stepped("2+2?", ["4"]))).error?.code,
    "text/no-steps-read",
  );
  const wrong = await verdictOf("process_mlp", stepped("2+2?", [3 as never]));
  assert.equal(wrong.error?.code, "text/bad-message");
  const none = await verdictOf("process_mlp", stepped("2+2?", []));
  assert.equal(none.error?.code, "text/bad-message");
  const turning = "{{ messages[0].content }}{{ messages[1].content[::-1] }}";
  const turned = await verdictOf("process_mlp", stepped("2+2?", ["4"]), {
    chatTemplate: turning,
  });
  assert.equal(turned.error?.code, "text/steps-not-rendered");
});

Deno.test("a head for every token must be told of its steps, and have two labels", async () => {
  const labels = parityFolder("process_labels");
  await assert.rejects(RewardModel.load(labels, { backend: "cpu" }), {
    code: "heads/no-step-token",
    message: /--step-token names it/,
  });
  const both = { backend: "cpu", stepToken: "\n", stepTurns: true } as const;
  await assert.rejects(RewardModel.load(labels, both), { code: "scoring/bad-option" });
  // Of another class, the head is one of steps because that was asked for.
  using other = await changedCopy("process_labels", { architectures: ["LlamaForRewardModel"] });
  const asked = { backend: "cpu", stepToken: "\n" } as const;
  using model = await RewardModel.load(other.folder, asked);
  using own = await RewardModel.load(labels, asked);
  const conversation = stepped("2+2?", ["It is", " 4."]);
  assert.deepEqual(await model.score([conversation]), await own.score([conversation]));
  const id2label = { 0: "wrong", 1: "right", 2: "unsure" };
  using third = await changedCopy("process_labels", { id2label });
  await assert.rejects(RewardModel.load(third.folder, asked), {
    code: "heads/contradicted-labels",
  });
});
