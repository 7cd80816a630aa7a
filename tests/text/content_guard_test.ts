import assert from "node:assert/strict";
import fc from "fast-check";
import type { AddedToken } from "../../src/text/added_tokens.ts";
import { ContentGuard } from "../../src/text/content_guard.ts";

function token(content: string, normalized = false): AddedToken {
  const flags = { special: true, lstrip: false, rstrip: false, singleWord: false };
  return { id: 1, content, normalized, ...flags };
}

const controlTokens = ["<|eot|>", "<s>", "</s>", "<s><s>", "[INST]", "§"].map((content) =>
  token(content)
);

function say(...contents: string[]) {
  return contents.map((content) => ({ role: "user", content }));
}

Deno.test("guard() leaves content without control tokens as it is", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const conversation = say("a < b > c, </p>, x [y]", "<think>", "\ufdd0");
  const guarded = guard.guard(conversation);
  assert.deepEqual(guarded.conversation, conversation);
  assert.deepEqual(guard.release("text", guarded.mark), { text: "text", breaks: [] });
});

Deno.test("guard() breaks every control token, overlapping ones and single characters too", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const text = "x<s><s>y<|eot|>§<</s>";
  const { conversation, mark } = guard.guard(say(text));
  for (const { content } of controlTokens.slice(0, -1)) {
    assert.ok(!conversation[0]!.content.includes(content), content);
  }
  assert.deepEqual(guard.release(conversation[0]!.content, mark), {
    text,
    breaks: [2, 5, 9, 15, 18],
  });
});

Deno.test("guard() breaks control tokens that two contents would make together", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  for (let cut = 1; cut < "<|eot|>".length; cut++) {
    const [head, tail] = ["<|eot|>".slice(0, cut), "<|eot|>".slice(cut)];
    for (const contents of [[`a${head}`, `${tail}b`], [`a${head} \n`, `\t${tail}b`]]) {
      const { conversation, mark } = guard.guard(say(...contents));
      const joined = conversation.map(({ content }) => content.trim()).join("");
      assert.ok(!joined.includes("<|eot|>"), joined);
      assert.equal(guard.release(joined, mark).text, "a<|eot|>b");
    }
  }
});

Deno.test("guard() breaks what only becomes a control token when it is normalized", () => {
  const normalize = (text: string) => text.normalize("NFKC").toLowerCase();
  const guard = new ContentGuard([token("<SEP>", true)], normalize);
  for (const text of ["a＜ＳＥＰ＞b", "a<sep>b", "<SEP>"]) {
    const { conversation, mark } = guard.guard(say(text));
    assert.ok(!normalize(conversation[0]!.content).includes("<sep>"), text);
    assert.equal(guard.release(conversation[0]!.content, mark).text, text);
  }
});

Deno.test("guard() chooses a mark that the contents do not have", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const text = "\ufdd0\ufdd1\ufdd01\ufdd1<s>";
  const { conversation, mark } = guard.guard(say(text));
  assert.ok(!text.includes(mark));
  assert.equal(guard.release(conversation[0]!.content, mark).text, text);
});

Deno.test("guard() chooses a mark that two contents do not make together", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const { conversation, mark } = guard.guard(say("\ufdd0", "\ufdd1", "<s>"));
  const joined = conversation.map(({ content }) => content).join("");
  assert.deepEqual(guard.release(joined, mark), { text: "\ufdd0\ufdd1<s>", breaks: [3, 4] });
});

Deno.test("guard() throws where a conversation holds every character that could mark it", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const units = Array.from({ length: 0x10000 }, (_, unit) => unit)
    .filter((unit) => unit < 0xd800 || unit > 0xdfff);
  const text = units.map((unit) => String.fromCharCode(unit)).join("");
  assert.throws(() => guard.guard(say(text)), { code: "text/no-mark" });
});

Deno.test("release() gives back every text, with no control token that a break does not cut", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const parts = [
    ...controlTokens.map(({ content }) => content),
    "<",
    "|",
    "eot",
    ">",
    "s>",
    " ",
    "😀",
    "a",
  ];
  const text = fc.array(fc.constantFrom(...parts, "\ufdd0", "\ufdd1"), { maxLength: 12 })
    .map((chosen) => chosen.join(""));
  fc.assert(fc.property(fc.array(text, { minLength: 1, maxLength: 3 }), (contents) => {
    const { conversation, mark } = guard.guard(say(...contents));
    const rendered = conversation.map(({ content }) => content).join("");
    const { text: released, breaks } = guard.release(rendered, mark);
    assert.equal(released, contents.join(""));
    for (const { content } of controlTokens) {
      for (let at = released.indexOf(content); at >= 0; at = released.indexOf(content, at + 1)) {
        const isCut = breaks.some((place) =>
          content.length === 1 ? place === at : place > at && place < at + content.length
        );
        assert.ok(isCut, JSON.stringify({ released, content, at, breaks }));
      }
    }
  }));
});

Deno.test("findResponse() finds the response behind what the template adds and trims", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const render = (conversation: readonly { role: string; content: string }[]) =>
    conversation.map(({ role, content }) => `<|eot|>${role}: ${content.trim()}`).join("");
  const guarded = guard.guard(say("a<s>", "  \n<s>answer "));
  const { text } = guard.release(render(guarded.conversation), guarded.mark);
  const offset = guard.findResponse(guarded, render, text)!;
  assert.equal(text.slice(offset), "<s>answer");
});

Deno.test("findResponse() is null where the template rewrites the response or leaves it out", () => {
  const guard = new ContentGuard(controlTokens, (text) => text);
  const guarded = guard.guard(say("a", "<think>b</think>c"));
  const rewriting = (conversation: readonly { content: string }[]) =>
    conversation.at(-1)!.content.startsWith("<think>") ? "thought" : "said";
  assert.equal(guard.findResponse(guarded, rewriting, "thought"), null);
  assert.equal(guard.findResponse(guarded, () => "always", "always"), null);
});
