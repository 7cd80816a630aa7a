import assert from "node:assert/strict";
import { spansOfTokens, spansOfWords } from "../../src/text/token_spans.ts";

/** The stretches of a text that its tokens are found at. */
function found(content: string, tokens: readonly string[]): string[] | undefined {
  return spansOfTokens(content, tokens)?.map(({ start, end }) => content.slice(start, end));
}

Deno.test("spansOfTokens() finds tokens, and what closes a message after them", () => {
  assert.deepEqual(found("It is 4.", ["It", " is", " ", "4", ".", "<|eot_id|>"]), [
    "It",
    " is",
    " ",
    "4",
    ".",
    "",
  ]);
  assert.deepEqual(found("a  b\n", ["a", "  b"]), ["a", "  b"]); // a template that trims the end
  assert.deepEqual(found("  a b", ["a", " b", "</s>"]), ["  a", " b", ""]);
  assert.deepEqual(found("a", [" a"]), ["a"]); // a space that the tokenizer puts first
  assert.deepEqual(found("Unhappy end", ["un", "##happy", "end"]), ["Un", "happy", " end"]);
  assert.deepEqual(found("", ["</s>"]), [""]);
});

Deno.test("spansOfTokens() gives parts of a character that character", () => {
  const half = "\ufffd";
  assert.deepEqual(found("a 👍!", ["a", ` ${half}`, half, "!"]), ["a", " 👍", " 👍", "!"]);
  assert.deepEqual(found("日本", new Array(6).fill(half)), ["日", "日", "日", "本", "本", "本"]);
  assert.deepEqual(found("日本", [half, half, half, "</s>"]), ["日本", "日本", "日本", ""]);
  assert.deepEqual(found("x\ufffdy", ["x", "\ufffd", "y"]), ["x", "\ufffd", "y"]);
});

Deno.test("spansOfTokens() finds nothing where the tokens are another text's", () => {
  assert.equal(found("It is 4.", ["He", " is"]), undefined);
  assert.equal(found("It is 4.", ["It", " is"]), undefined);
  assert.equal(found("ｈello", ["hello"]), undefined); // normalised
  assert.equal(found("a".repeat(100), ["\ufffd", "</s>"]), undefined);
});

Deno.test("spansOfWords() leaves nothing out", () => {
  const words = (text: string) =>
    spansOfWords(text).map(({ start, end }) => text.slice(start, end));
  assert.deepEqual(words(" It is\n4. "), [" It", " is", "\n4. "]);
  assert.deepEqual(words("  "), ["  "]);
  assert.deepEqual(words(""), []);
});
