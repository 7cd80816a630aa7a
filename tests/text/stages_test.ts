import assert from "node:assert/strict";
import { buildNormalizer } from "../../src/text/normalizer.ts";
import { buildPreTokenizer } from "../../src/text/pre_tokenizer.ts";
import { readAddedTokens } from "../../src/text/special_tokens.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { readVocabulary } from "../../src/text/tokenizer_model.ts";
import { AssayError } from "../../src/error.ts";

type Config = Record<string, unknown>;

/** What the Rust `tokenizers` does, see make_stages.py. */
const golden: {
  texts: string[];
  normalizers: { config: Config; outputs: string[] }[];
  preTokenizers: { config: Config; outputs: string[][] }[];
  addedTokens: { texts: string[]; tokenizers: { tokenizer: Config; ids: number[][] }[] };
} = JSON.parse(
  Deno.readTextFileSync(new URL("../golden/text/stages.json", import.meta.url)),
);

Deno.test("buildNormalizer() equals the Rust tokenizers on every stage and text", () => {
  assert.equal(golden.normalizers.length, 16);
  for (const { config, outputs } of golden.normalizers) {
    const normalize = buildNormalizer(config)!;
    assert.deepEqual(golden.texts.map(normalize), outputs, JSON.stringify(config));
  }
});

Deno.test("buildPreTokenizer() equals the Rust tokenizers on every stage and text", () => {
  assert.equal(golden.preTokenizers.length, 28);
  for (const { config, outputs } of golden.preTokenizers) {
    const split = buildPreTokenizer(config);
    const words = golden.texts.map((text) =>
      Array.from(split({ text, atStart: true }), (word) => word.text)
    );
    assert.deepEqual(words, outputs, JSON.stringify(config));
  }
});

Deno.test("encode() splits added tokens of every flag as the Rust tokenizers does", () => {
  const { texts, tokenizers } = golden.addedTokens;
  for (const { tokenizer: json, ids } of tokenizers) {
    const vocabulary = readVocabulary(json);
    const added = readAddedTokens(json, {}, (content) => vocabulary.get(content));
    const tokenizer = new Tokenizer(json, vocabulary, added, "<unk>");
    const encoded = texts.map((text) => tokenizer.encode({ text, breaks: [] }, new Set()).ids);
    assert.deepEqual(encoded, ids, JSON.stringify(json["normalizer"]));
  }
});

Deno.test("buildNormalizer() and buildPreTokenizer() refuse stages they do not know", () => {
  const isRefusal = (error: unknown) =>
    error instanceof AssayError && error.code === "text/bad-tokenizer" &&
    error.message.includes('"Nonesuch"');
  assert.throws(() => buildNormalizer({ type: "Nonesuch" }), isRefusal);
  assert.throws(() => buildPreTokenizer({ type: "Nonesuch" }), isRefusal);
  assert.throws(
    () => buildPreTokenizer({ type: "Split", pattern: { String: " " }, behavior: "Nonesuch" }),
    isRefusal,
  );
});
