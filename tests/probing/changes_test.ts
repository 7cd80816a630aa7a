import assert from "node:assert/strict";
import fc from "fast-check";
import { seededRandom } from "../../src/numbers/seeded_random.ts";
import { standardChanges } from "../../src/probing/change_list.ts";
import { codeSpans } from "../../src/probing/code_spans.ts";
import { nameSwap, paraphraseChange } from "../../src/probing/given_texts.ts";
import { ownPhrase } from "../../src/probing/phrases.ts";

const changes = standardChanges();
const changed = (name: string, text: string, seed = 1) =>
  changes.find((change) => change.name === name)!.apply(text, seededRandom(seed));

/** Change, text, changed text; the same text where it does nothing. */
const examples: readonly (readonly [string, string, string])[] = [
  ["double-spaces", "a b\n  c `d e`", "a  b\n  c  `d e`"],
  ["blank-lines", "One.\n\nTwo.\n", "One.\n\n\nTwo.\n"],
  ["blank-lines", "One.\nTwo.", "One.\nTwo."],
  ["trailing-lines", "One.", "One.\n\n"],
  ["no-break-spaces", "a b `c d`", "a\u00a0b\u00a0`c d`"],
  ["markdown-off", "`a` - b\n`c` 1. d", "`a` - b\n`c` 1. d"],
  ["emoji", "```\nx\n```", "```\nx\n```\n\n\u{1f60a}"],
  ["decomposed", "caf\u00e9", "cafe\u0301"],
  ["decomposed", "plain", "plain"],
  ["curly-quotes", 'He said "it\'s" `"x"`', 'He said \u201cit\u2019s\u201d `"x"`'],
  ["prompt-lower-case", "Why IS `X` so?", "why is `X` so?"],
  ["prompt-upper-case", "Why is `x` so?", "WHY IS `x` SO?"],
  ["prompt-no-end-mark", "Why is it so?\n", "Why is it so"],
  ["prompt-no-end-mark", "Why is it so", "Why is it so"],
  ["spaced-marks", "Yes, it is. See a.b", "Yes , it is . See a.b"],
  ["prompt-quoted", "Why?", '"Why?"'],
  [
    "markdown-off",
    "# Title\n- **one** and __two__\n* *three*\n\n---\n1. `**x**` 2 * 3 * 4\n",
    "Title\none and two\nthree\n\n\n`**x**` 2 * 3 * 4\n",
  ],
  ["markdown-off", "snake_case and 5 * 6 * 7", "snake_case and 5 * 6 * 7"],
  [
    "markdown-on",
    "It is so. And more.\n\n- a\n\nThen this: b",
    "## Answer\n\n**It is so.** And more.\n\n- a\n\n**Then this:** b",
  ],
  ["code-fences", "a\n```js\nx = `y`\n```\nb", "a\n~~~js\nx = `y`\n~~~\nb"],
  ["code-fences", "a `b` c", "a `b` c"],
  ["list", "It is red. Then it is blue. Done", "- It is red.\n- Then it is blue.\n- Done"],
  ["list", "It is Dr. Who.", "It is Dr. Who."],
  ["list", "One is so. `Two` is so.", "One is so. `Two` is so."],
  ["prose", "So:\n- one\n- two.\n\nEnd", "So:\none. two.\n\nEnd"],
  ["prose", "No list here.", "No list here."],
  ["emoji", "Yes.\n", "Yes. \u{1f60a}"],
  ["again-400", "", ""],
];

for (const [name, text, expected] of examples) {
  Deno.test(`${name}: ${JSON.stringify(text)}`, () => assert.equal(changed(name, text), expected));
}

Deno.test("every change keeps code, and the same draws give the same text", () => {
  const prose = fc.constantFrom(
    'It\'s a "small" thing, caf\u00e9. ',
    "Because letters within words matter; ",
    "\n\n# Header\n\n",
    "\n- an item\n- **another**\n",
    "\n\n",
    "Why? ",
  );
  const code = fc.constantFrom(
    '\n```js\nlet a  = "B.c";\n- x\n```\n',
    "`a  B, c.` ",
    "\n~~~\n# a\n~~~\n",
  );
  const text = fc.array(fc.oneof(prose, code), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(text, fc.nat(99), (pieces, seed) => {
    const before = pieces.join("");
    const inside = (text: string) =>
      codeSpans(text).filter(({ isCode }) => isCode)
        .map(({ text }) => text.replace(/^\s*(`{3,}|~{3,})|(`{3,}|~{3,})\s*$/g, ""));
    for (const change of changes) {
      const after = change.apply(before, seededRandom(seed));
      assert.equal(after, change.apply(before, seededRandom(seed)), change.name);
      const expected = inside(before);
      if (change.kind === "length") {
        assert.deepEqual(inside(after).slice(0, expected.length), expected, change.name);
      } else if (change.kind !== "framing") assert.deepEqual(inside(after), expected, change.name);
    }
  }));
});

Deno.test("typos swap two letters within one word of twelve, and seeds differ", () => {
  const text =
    "Please explain whether bridges expand during summer because their metal heats quickly " +
    "under sunlight while concrete stays cooler throughout the morning";
  const words = text.split(" ");
  const after = changed("typos", text).split(" ");
  const wrong = after.flatMap((word, index) =>
    word === words[index] ? [] : [[words[index]!, word]]
  );
  assert.equal(wrong.length, 2);
  for (const [before, typo] of wrong) {
    assert.equal([...before!].sort().join(""), [...typo!].sort().join(""));
    assert.equal(before![0], typo![0]);
    assert.equal(before!.at(-1), typo!.at(-1));
  }
  const forms = new Set(Array.from({ length: 20 }, (_, seed) => changed("typos", text, seed)));
  assert.ok(forms.size > 10);
  assert.equal(
    changed("typos", "See http://example.com/path or It is"),
    "See http://example.com/path or It is",
  );
});

Deno.test("changes of length add what they say, and no more than a piece of it beside", () => {
  for (const length of [400, 1600]) {
    for (const name of [`again-${length}`, `filler-${length}`]) {
      const added = changed(name, "It is so, and it was always so.").length - 31;
      assert.ok(added >= length && added < length + 140, `${name}: ${added}`);
    }
  }
  const [again] = standardChanges({ only: ["again-10"], lengths: [10] });
  assert.equal(again!.apply("No.", Math.random), "No.\n\nNo.\n\nNo.");
  assert.equal(again!.apply("👍👍👍", Math.random), "👍👍👍" + "\n\n👍👍👍".repeat(2));
});

Deno.test("names are swapped both ways, whole words, the longest first", () => {
  const swap = nameSwap([["Ann", "Bo"], ["Ann Lee", "Cy"]]);
  assert.equal(
    swap.apply("Ann, Bo, Ann Lee, Annabel, Cy's", Math.random),
    "Bo, Ann, Cy, Annabel, Ann Lee's",
  );
  for (
    const bad of [[], [["a", "a"]], [["a", "b"], ["b", "c"]], [["", "b"]]] as [string, string][][]
  ) {
    assert.throws(() => nameSwap(bad), { code: "probing/bad-names" });
  }
});

Deno.test("own phrases stand where they should, paraphrases replace whole texts", () => {
  assert.equal(ownPhrase("prefix", "Sure. ", 1).apply("Yes", Math.random), "Sure. Yes");
  assert.equal(ownPhrase("suffix", "!", 2).name, "suffix-2");
  assert.equal(ownPhrase("prompt-prefix", "Q: ", 1).target, "prompt");
  const change = paraphraseChange("response", new Map([["Yes.", "It is."]]));
  assert.deepEqual(["Yes.\n", "Yes. No."].map((text) => change.apply(text, Math.random)), [
    "It is.",
    "Yes. No.",
  ]);
});

Deno.test("an unknown change is refused with the names that there are", () => {
  assert.throws(() => standardChanges({ only: ["emoij"] }), (error: Error & { code?: string }) => {
    assert.equal(error.code, "probing/unknown-change");
    assert.match(error.message, /"emoij".*emoji/);
    return true;
  });
  assert.equal(new Set(changes.map(({ name }) => name)).size, changes.length);
});
