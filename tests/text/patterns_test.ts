import assert from "node:assert/strict";
import fc from "fast-check";
import { buildNormalizer } from "../../src/text/normalizer.ts";
import { BoundedPattern } from "../../src/text/patterns/bounded_pattern.ts";
import { buildSearch } from "../../src/text/patterns/file_pattern.ts";
import { publishedPatterns } from "../../src/text/patterns/published_patterns.ts";
import { buildPreTokenizer } from "../../src/text/pre_tokenizer.ts";
import { AssayError } from "../../src/error.ts";

const split = (regex: string) => ({
  type: "Split",
  pattern: { Regex: regex },
  behavior: "isolated",
});

function hasCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof AssayError && error.code === code;
}

/** Patterns of all kinds, none of which takes JavaScript's engine long on short texts. */
const patterns = [
  "a|ab|abc",
  "(?:a|b)*c",
  "a+?b?",
  "(?:ab?)+",
  "[^a]{2,3}",
  "a{2}|b{1,}|c{0,2}",
  "(?i:ab)c",
  "(?=a)\\p{L}+(?!\\S)",
  "(?<!a)b|(?<=ab)c",
  "\\ba\\w*\\b",
  "^a|c$",
  "(a)(?:b(?<name>c))?",
  ".|\\n",
  "(?:a*)*b",
  "(?:)|a",
  "[\\]\\-a]+",
  "\\u{1F600}|é|\\x61b",
  "\\s+(?!\\S)|\\s+",
  "(?:a|a)*?c",
  " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*",
];

Deno.test("BoundedPattern finds what JavaScript's own engine finds", () => {
  const text = fc.array(fc.constantFrom(..."aabbcc \n-]é1", "😀", "A"), { maxLength: 20 })
    .map((chosen) => chosen.join(""));
  fc.assert(
    fc.property(fc.constantFrom(...patterns), text, (source, text) => {
      const expected = [...text.matchAll(new RegExp(source, "gu"))]
        .map((match) => ({ start: match.index, end: match.index + match[0].length }));
      assert.deepEqual([...new BoundedPattern(source).matches(text)], expected, source);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("BoundedPattern runs the published patterns as JavaScript's engine does", () => {
  const parts = [
    "I'll",
    "don'T",
    " word",
    "Über",
    "123456",
    " ",
    "  ",
    "\n",
    "\r\n",
    "?!",
    "你好",
    "😀",
    "\t",
  ];
  const text = fc.array(fc.constantFrom(...parts), { maxLength: 12 }).map((all) => all.join(""));
  for (const source of publishedPatterns) {
    const native = buildSearch({ pattern: { Regex: source } });
    // A group without a meaning keeps the pattern from being known.
    const bounded = buildSearch({ pattern: { Regex: `(?:${source})` } });
    fc.assert(
      fc.property(text, (text) => assert.deepEqual([...bounded(text)], [...native(text)])),
      { numRuns: 100 },
    );
  }
});

const bombs = [
  "(?:a+)+b",
  "(?:a|a)*b",
  "(?:a|aa)+$",
  "(?:a*)*b",
  "(?:.*a){12}b",
  "(?:a?){60}a{60}",
  "(?:(?:a+)+)+!",
  "(?:[a-z]+\\s?)+\\d",
  "a*a*a*a*a*a*b",
  "(?=(?:a+)+b)a",
  "(?:\\p{L}|\\p{Ll}|a)*!",
];

for (const regex of bombs) {
  Deno.test(`a pattern that backtracks for ever takes no longer than its text: ${regex}`, () => {
    const start = performance.now();
    const cut = buildPreTokenizer(split(regex));
    assert.equal(
      [...cut({ text: "a".repeat(60), atStart: true })].map(({ text }) => text).join(""),
      "a".repeat(60),
    );
    const normalize = buildNormalizer({ type: "Replace", pattern: { Regex: regex }, content: "" })!;
    normalize("a".repeat(60) + " ");
    assert.ok(performance.now() - start < 3000);
  });
}

Deno.test("looks ahead over the whole text don't go over it again and again", () => {
  const start = performance.now();
  for (const end of ["", "bc"]) {
    const cut = buildPreTokenizer(split("(?!.*b)x|(?=.*c)a|(?=(?:.*)*c)y|a"));
    const text = "a".repeat(100_000) + end;
    assert.equal([...cut({ text, atStart: true })].length, 100_000 + Math.sign(end.length));
  }
  assert.ok(performance.now() - start < 20_000);
});

Deno.test("a pattern of more steps than a text can have is stopped", () => {
  const cut = buildPreTokenizer(split("(?:a?){2000}b"));
  assert.throws(
    () => [...cut({ text: "a".repeat(20_000), atStart: true })],
    hasCode("text/pattern-runaway"),
  );
});

Deno.test("a pattern that can't be bounded is refused with its file", () => {
  for (
    const regex of ["(a+)\\1", "(?:a{1000}){1000}", "(?<=a+)b", "(".repeat(100) + ")".repeat(100)]
  ) {
    assert.throws(() => buildPreTokenizer(split(regex)), hasCode("text/bad-tokenizer"), regex);
  }
});

Deno.test("stages that make a text longer and longer are stopped", () => {
  const sequence = (type: string, key: string, stage: object, count: number) => ({
    type,
    [key]: Array.from({ length: count }, () => stage),
  });
  const doubling = { type: "Replace", pattern: { String: "a" }, content: "aa" };
  const normalize = buildNormalizer(sequence("Sequence", "normalizers", doubling, 40))!;
  assert.throws(() => normalize("a"), hasCode("text/tokenizer-runaway"));
  const long = { type: "Replace", pattern: { Regex: "." }, content: "y".repeat(1_000_000) };
  assert.throws(
    () => buildNormalizer(long)!("a".repeat(1000)),
    hasCode("text/tokenizer-runaway"),
  );
  const prepending = { type: "Prepend", prepend: "p".repeat(5000) };
  const prepend = buildNormalizer(sequence("Sequence", "normalizers", prepending, 10))!;
  assert.throws(() => prepend("a"), hasCode("text/tokenizer-runaway"));
  const bytes = { type: "ByteLevel", add_prefix_space: false, use_regex: false };
  const cut = buildPreTokenizer(sequence("Sequence", "pretokenizers", bytes, 40));
  assert.throws(() => [...cut({ text: " ", atStart: true })], hasCode("text/tokenizer-runaway"));
  assert.throws(
    () => buildPreTokenizer({ type: "Metaspace", replacement: "  " }),
    hasCode("text/bad-tokenizer"),
  );
  assert.throws(
    () => buildNormalizer(sequence("Sequence", "normalizers", doubling, 65)),
    hasCode("text/bad-tokenizer"),
  );
});
