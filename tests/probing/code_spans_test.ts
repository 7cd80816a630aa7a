import assert from "node:assert/strict";
import fc from "fast-check";
import { codeSpans, hasCode, outsideCode } from "../../src/probing/code_spans.ts";

const codeOf = (text: string) =>
  codeSpans(text).filter(({ isCode }) => isCode).map(({ text }) => text);

Deno.test("code is what stands between fences and between backticks of one line", () => {
  assert.deepEqual(codeOf("a `b` c\n```ts\nd `e`\n```\nf ``g`` h"), [
    "`b`",
    "```ts\nd `e`\n```\n",
    "``g``",
  ]);
  assert.deepEqual(codeOf("~~~\n```\na\n~~~\nb"), ["~~~\n```\na\n~~~\n"]);
  assert.deepEqual(codeOf("````\n```\na\n````"), ["````\n```\na\n````"], "a shorter fence is code");
  assert.deepEqual(codeOf("so:\r\n```\r\na\r\n```\r\nb"), ["```\r\na\r\n```\r\n"]);
});

Deno.test("a fence that is not closed goes on to the end, a backtick alone is prose", () => {
  assert.deepEqual(codeOf("a\n```\nb\nc"), ["```\nb\nc"]);
  assert.equal(hasCode("it's 5` long"), false);
  assert.equal(hasCode("a `b\nc` d"), false, "not over lines");
  assert.deepEqual(codeOf("``` not `a fence"), []);
});

Deno.test("spans joined are the text, and code stays whatever is done to prose", () => {
  const piece = fc.constantFrom("`", "```", "~~~", "\n", "a", " b", "```js\n", "\r\n", "``");
  fc.assert(fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
    const text = pieces.join("");
    assert.equal(codeSpans(text).map(({ text }) => text).join(""), text);
    const changed = outsideCode(text, (prose) => prose.replaceAll("a", "bb"));
    assert.deepEqual(codeOf(changed), codeOf(text));
    assert.equal(outsideCode(text, (prose) => prose), text);
  }));
});

Deno.test("a change that would lose code changes nothing", () => {
  assert.equal(outsideCode("a `b` c", () => "gone"), "a `b` c");
  assert.equal(outsideCode("a `b` c", (prose) => prose + prose), "a `b` c");
  assert.equal(outsideCode("\ue000 `b`", (prose) => prose.toUpperCase()), "\ue000 `b`");
});
