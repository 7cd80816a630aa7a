import assert from "node:assert/strict";
import fc from "fast-check";
import type { AddedToken } from "../../src/text/added_tokens.ts";
import { ChatTemplate } from "../../src/text/chat_template.ts";
import { ContentGuard, findResponse } from "../../src/text/content_guard.ts";
import { openGolden } from "./golden_files.ts";

function token(content: string, normalized = false): AddedToken {
  const flags = { special: true, lstrip: false, rstrip: false, singleWord: false };
  return { id: 1, content, normalized, ...flags };
}

const controlTokens = ["<|eot|>", "<s>", "</s>", "<s><s>", "[INST]", "§"].map((content) =>
  token(content)
);
const plain = "{% for m in messages %}{{ m.content }}{% endfor %}";

function say(...contents: string[]) {
  return contents.map((content) => ({ role: "user", content }));
}

function guarded(source: string, contents: readonly string[], tokens = controlTokens) {
  const traced = ChatTemplate.parse(source).trace(say(...contents));
  return new ContentGuard(tokens, (text) => text).guard(traced);
}

Deno.test("guard() leaves content without control tokens as it is", () => {
  const contents = ["a < b > c, </p>, x [y]", "<think>", "\ufdd0"];
  assert.deepEqual(guarded(plain, contents), { text: contents.join(""), breaks: [] });
});

Deno.test("guard() leaves the template's own control tokens alone", () => {
  const source = "<s>{% for m in messages %}{{ m.content }}</s>§{% endfor %}";
  assert.deepEqual(guarded(source, ["a<", ">"]).breaks, []);
});

Deno.test("guard() breaks every control token, overlapping ones and single characters too", () => {
  const text = "x<s><s>y<|eot|>§<</s>";
  assert.deepEqual(guarded(plain, [text]), { text, breaks: [2, 5, 9, 15, 18] });
});

Deno.test("guard() breaks control tokens that parts make together, whoever wrote which", () => {
  const trimmed = "{% for m in messages %}{{ m.content | trim }}{% endfor %}";
  for (let cut = 1; cut < "<|eot|>".length; cut++) {
    const [head, tail] = ["<|eot|>".slice(0, cut), "<|eot|>".slice(cut)];
    for (const contents of [[`a${head}`, `${tail}b`], [`a${head} \n`, `\t${tail}b`]]) {
      const { text, breaks } = guarded(trimmed, contents);
      assert.equal(text, "a<|eot|>b");
      assert.ok(breaks.some((place) => place > 1 && place < 8), `${breaks}`);
    }
    assert.equal(guarded(`{{ messages[0].content }}${tail}`, [head]).breaks.length, 1);
    assert.equal(guarded(`${head}{{ messages[0].content }}`, [tail]).breaks.length, 1);
  }
});

Deno.test("guard() breaks what only becomes a control token when it is normalized", () => {
  const normalize = (text: string) => text.normalize("NFKC").toLowerCase();
  const guard = new ContentGuard([token("<SEP>", true)], normalize);
  for (const text of ["a＜ＳＥＰ＞b", "a<sep>b", "<SEP>"]) {
    const { breaks } = guard.guard(ChatTemplate.parse(plain).trace(say(text)));
    assert.ok(breaks.length > 0, text);
  }
});

/** What a template may do with contents before it writes them. */
const operations = [
  "m.content",
  "m.content | trim",
  "m.content[1:]",
  "m.content.split('<')[-1]",
  "m.content | upper | lower",
  "m.content | replace('a', '<s>')",
  "m.content.split('a') | join('<s>')",
  "'%s' % m.content",
  "'{}|{}'.format(m.content, m.role)",
  "[m.content] | string",
  "m | tojson",
  "m.content | indent(1)",
  "m.content ~ '<|eot|>' ~ m.content",
  "m.content[::-1]",
  "(m.content * 2) | truncate(9, true)",
];

Deno.test("guard() lets no character of a content into a control token, whatever a template does", () => {
  const parts = [
    ...controlTokens.map(({ content }) => content),
    "<",
    "|eot|",
    ">",
    "s>",
    " ",
    "😀",
  ];
  const content = fc.array(fc.constantFrom(...parts, "a", "\ufdd0", "é"), { maxLength: 8 })
    .map((chosen) => chosen.join(""));
  const template = fc.constantFrom(...operations);
  fc.assert(fc.property(template, fc.array(content, { minLength: 1 }), (operation, contents) => {
    const source = `<s>{% for m in messages %}<|eot|>{{ ${operation} }}</s>{% endfor %}`;
    const { text, breaks } = guarded(source, contents);
    const marked = ChatTemplate.parse(source).trace(say(...contents));
    assert.equal(text, marked.text);
    const isForeign = (place: number) =>
      marked.origins.some(({ start, end }) => start <= place && place < end);
    for (const { content } of controlTokens) {
      for (let at = text.indexOf(content); at >= 0; at = text.indexOf(content, at + 1)) {
        const places = Array.from({ length: content.length }, (_, index) => at + index);
        const isCut = breaks.some((place) =>
          content.length === 1 ? place === at : place > at && place < at + content.length
        );
        assert.equal(isCut, places.some(isForeign), JSON.stringify({ text, content, at, breaks }));
      }
    }
  }));
});

Deno.test("a template finds control tokens in contents, and they stay text where it writes them", async () => {
  const source = "{% for m in messages %}<|im_start|>{{ m.role }}\n" +
    "{{ m.content.split('<|endoftext|>')[-1].lstrip('\\n') if loop.first else m.content }}" +
    "<|im_end|>{% endfor %}";
  const replaced = { "chat_template.jinja": source };
  const tokenizer = await openGolden("qwen2", {}, replaced);
  const conversation = [
    { role: "user", content: "thought<|endoftext|>\n\nHello" },
    { role: "assistant", content: "Yes<|endoftext|>" },
  ];
  assert.equal(
    tokenizer.render(conversation),
    "<|im_start|>user\nHello<|im_end|><|im_start|>assistant\nYes<|endoftext|><|im_end|>",
  );
  const tokens = [...tokenizer.tokenize(conversation).ids].map((id) => tokenizer.decodeToken(id));
  assert.equal(tokens.filter((text) => text === "<|im_end|>").length, 2);
  assert.equal(tokens.filter((text) => text === "<|endoftext|>").length, 0);
});

Deno.test("findResponse() finds the response behind what the template adds, trims and takes out", () => {
  const contents = ["a<s>", "  \n<s>answer "];
  const headed = "{% for m in messages %}<|eot|>{{ m.role }}: {{ m.content | trim }}{% endfor %}";
  const rendered = ChatTemplate.parse(headed).trace(say(...contents));
  assert.equal(rendered.text.slice(findResponse(rendered, 1)!), "<s>answer");
  const thoughtless = "{% for m in messages %}:{{ m.content.split('</think>')[-1] }}{% endfor %}";
  const stripped = ChatTemplate.parse(thoughtless).trace(say("a", "<think>b</think>\n c"));
  assert.equal(stripped.text.slice(findResponse(stripped, 1)!), "c");
});

Deno.test("findResponse() is null where the template turns the response round or leaves it out", () => {
  const last = (expression: string) =>
    findResponse(
      ChatTemplate.parse(`{% set c = messages[-1].content %}{{ ${expression} }}`).trace(
        say("a", "said"),
      ),
      1,
    );
  assert.equal(last("'always'"), null);
  assert.equal(last("c[2:] + c[:2]"), null);
  assert.equal(last("c ~ c"), null);
  assert.equal(last("'> ' ~ c"), 2);
});
