import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import { buildNormalizer } from "../../src/text/normalizer.ts";
import { PairTokenizer } from "../../src/text/pair_tokenizer.ts";
import { openPairs, pair, type PairKind, pairKinds, pairTexts, readPairs } from "./pair_files.ts";

const texts = pairTexts();

for (const kind of pairKinds) {
  Deno.test(`a pair's ids and types are those of the Rust tokenizers on every text: ${kind}`, async () => {
    const tokenizer = await openPairs(kind, { trustSpecialTokens: true });
    assert.deepEqual(tokenizer.warnings, []);
    const { rows } = readPairs(kind);
    assert.ok(rows.length > 100);
    for (const [first, second, ids, types] of rows) {
      const where = JSON.stringify([texts[first], texts[second]]);
      const found = tokenizer.tokenize(pair(texts[first]!, texts[second]!));
      assert.deepEqual([...found.ids], ids, where);
      assert.deepEqual([...found.types ?? ids.map(() => 0)], types ?? ids.map(() => 0), where);
    }
  });

  Deno.test(`--truncate right cuts pairs as the Rust tokenizers do: ${kind}`, async () => {
    for (const [maxTokens, first, second, ids] of readPairs(kind).truncated) {
      const tokenizer = await openPairs(kind, {
        trustSpecialTokens: true,
        truncate: "right",
        maxTokens,
      });
      const found = tokenizer.tokenize(pair(texts[first]!, texts[second]!));
      const where = `${maxTokens}: ${JSON.stringify([texts[first], texts[second]])}`;
      assert.deepEqual([...found.ids], ids, where);
      const whole = await openPairs(kind, { trustSpecialTokens: true });
      const { length } = whole.tokenize(pair(texts[first]!, texts[second]!)).ids;
      assert.equal(found.truncated, length > maxTokens, where);
    }
  });

  Deno.test(`special tokens written in either text stay text: ${kind}`, async () => {
    const tokenizer = await openPairs(kind);
    const { ids: plain } = tokenizer.tokenize(pair("a", "b"));
    const special = ["[CLS]", "[SEP]", "[MASK]", "<s>", "</s>", "<mask>", "<pad>", "[PAD]"];
    const named = new Set(tokenizer.namedIds.values());
    const separators = [...plain].filter((id) => named.has(id));
    for (const content of special) {
      const { ids } = tokenizer.tokenize(pair(`x ${content}y`, `${content} z`));
      const unknown = tokenizer.namedIds.get("unk_token");
      const found = [...ids].filter((id) => id !== unknown && named.has(id));
      assert.deepEqual(found, separators, content);
    }
  });
}

const hasCode = (code: string) => (error: unknown): boolean =>
  error instanceof AssayError && error.code === code;

Deno.test("a conversation that is no pair is refused by its roles", async () => {
  const tokenizer = await openPairs("bert");
  const [user, assistant] = pair("Hi", "Hello.");
  const system = { role: "system", content: "Be brief." };
  for (const messages of [[assistant!], [user!], [system, user!, assistant!], [user!, user!]]) {
    assert.throws(() => tokenizer.tokenize(messages), hasCode("text/not-a-pair"));
  }
  assert.throws(
    () => tokenizer.tokenize([user!, assistant!, user!, assistant!]),
    /found the roles user, assistant, user, assistant; .*into the one prompt/,
  );
  assert.throws(() => tokenizer.tokenize([]), hasCode("text/empty-conversation"));
  const named = [user!, { ...assistant!, name: "Bo" }];
  assert.throws(() => tokenizer.tokenize(named), hasCode("text/unknown-field"));
});

Deno.test("a pair over the length is an error, which tells its tokens", async () => {
  const tokenizer = await openPairs("bert", { maxTokens: 12 });
  assert.throws(
    () => tokenizer.tokenize(pair("a a a a a", "b b b b b")),
    /at most 12 tokens, found 13/,
  );
  assert.equal(tokenizer.tokenize(pair("a a a a", "b b b b b")).ids.length, 12);
});

Deno.test("--truncate left drops the prompt's beginning, never a token of the response", async () => {
  const whole = await openPairs("bert");
  const { ids, types } = whole.tokenize(pair("a b c a b c", "a b"));
  const cut = await openPairs("bert", { truncate: "left", maxTokens: ids.length - 2 });
  const found = cut.tokenize(pair("a b c a b c", "a b"));
  assert.deepEqual([...found.ids], [ids[0], ...ids.slice(3)]);
  assert.deepEqual([...found.types!], [types![0], ...types!.slice(3)]);
  assert.equal(found.truncated, true);
  assert.throws(() => cut.tokenize(pair("a", "b ".repeat(20))), hasCode("text/too-long"));
});

Deno.test("token types are the model's where its class or model_input_names says so", async () => {
  const typesUnder = async (config: Record<string, unknown>, tokenTypes = 2) => {
    const tokenizer = await openPairs("bert", { tokenTypes }, { "tokenizer_config.json": config });
    return [...tokenizer.tokenize(pair("a", "b")).types ?? []];
  };
  assert.deepEqual(await typesUnder({}), [0, 0, 0, 1, 1]);
  assert.deepEqual(await typesUnder({ tokenizer_class: undefined }), [0, 0, 0, 1, 1]);
  assert.deepEqual(await typesUnder({}, 1), []);
  assert.deepEqual(await typesUnder({ model_input_names: ["input_ids", "attention_mask"] }), []);
  assert.deepEqual(await typesUnder({ tokenizer_class: "RobertaTokenizerFast" }), []);
  const generic = { tokenizer_class: "PreTrainedTokenizerFast" };
  await assert.rejects(typesUnder(generic), hasCode("text/unknown-token-types"));
  const told = { ...generic, model_input_names: ["input_ids", "token_type_ids"] };
  assert.deepEqual(await typesUnder(told), [0, 0, 0, 1, 1]);
});

Deno.test("a tokenizer that does not say how two texts stand together is refused", async () => {
  const under = (processor: unknown) =>
    openPairs("bert", {}, { "tokenizer.json": { post_processor: processor } });
  await assert.rejects(under(null), hasCode("text/no-pair-form"));
  await assert.rejects(under({ type: "ByteLevel" }), hasCode("text/no-pair-form"));
  const cut = { type: "BertProcessing", cls: ["[CLS]", 2], sep: ["[SEP]", 3] };
  await assert.rejects(
    under({ type: "Sequence", processors: [cut, cut] }),
    hasCode("text/no-pair-form"),
  );
  await assert.rejects(under({ type: "Nonesuch" }), hasCode("text/bad-tokenizer"));
  await assert.rejects(under({ ...cut, sep: null }), hasCode("text/bad-tokenizer"));
  const single = { type: "TemplateProcessing", pair: [{ Sequence: { id: "A", type_id: 0 } }] };
  await assert.rejects(under(single), hasCode("text/bad-tokenizer"));
  const tokenizer = await under({ type: "Sequence", processors: [{ type: "ByteLevel" }, cut] });
  const { ids, types } = tokenizer.tokenize(pair("", ""));
  assert.deepEqual([[...ids], [...types!]], [[2, 3, 3], [0, 0, 1]]);
});

Deno.test("what two files of a tokenizer say differently is refused", async () => {
  const under = (kind: PairKind, config: Record<string, unknown>) =>
    openPairs(kind, {}, { "tokenizer_config.json": config });
  const lowers = under("bert", { do_lower_case: false });
  await assert.rejects(lowers, /lowercase true of its BertNormalizer and do_lower_case false/);
  await assert.rejects(under("bert", { strip_accents: false }), hasCode("text/bad-tokenizer"));
  await assert.rejects(
    under("bert", { tokenize_chinese_chars: false }),
    hasCode("text/bad-tokenizer"),
  );
  await assert.rejects(under("roberta", { add_prefix_space: true }), hasCode("text/bad-tokenizer"));
  await under("bert", { strip_accents: null, tokenize_chinese_chars: true });
});

Deno.test("a conversation that is none at all is its own error, not the run's end", async () => {
  const tokenizer = await openPairs("bert");
  for (const none of [null, undefined, "Hi", 3]) {
    assert.throws(() => tokenizer.tokenize(none as never), hasCode("text/bad-message"));
  }
});

Deno.test("a pair is rendered with its separators, for people", async () => {
  const tokenizer = await openPairs("roberta");
  assert.equal(tokenizer.template.source, "<s> {prompt} </s> </s> {response} </s>");
  assert.equal(tokenizer.render(pair("Why?", "Because.")), "<s>Why?</s></s>Because.</s>");
});

Deno.test("a folder with an older tokenizer's files alone says what to do", async () => {
  for (const file of ["vocab.txt", "spm.model", "tokenizer.model"]) {
    const files = {
      name: "old",
      readText: (name: string) => {
        if (name !== file) return Promise.resolve(undefined);
        if (file.endsWith(".model")) return Promise.reject(new Error("not UTF-8"));
        return Promise.resolve("[PAD]\n");
      },
    };
    await assert.rejects(
      PairTokenizer.open(files, { maxTokens: 9 }),
      (error) =>
        hasCode("text/missing-tokenizer")(error) &&
        new RegExp(`found ${file}; .*makes one of the ${file}`).test(String(error)),
    );
  }
});

Deno.test("a precompiled map can't make a text grow without end, and must be one", () => {
  // One unit for "a" whose value is the place of a long result: [root, a's unit, its value].
  const trie = new Uint32Array(256);
  trie[0] = 1 << 10;
  trie[1 ^ 0x61] = 1 << 8 | 0x61 | 2 << 10;
  trie[1 ^ 0x61 ^ 2] = 0x80000000;
  const result = new TextEncoder().encode("long ".repeat(4000) + "\0");
  const bytes = new Uint8Array(4 + trie.byteLength + result.length);
  new DataView(bytes.buffer).setUint32(0, trie.byteLength, true);
  bytes.set(new Uint8Array(trie.buffer), 4);
  bytes.set(result, 4 + trie.byteLength);
  const charsmap = btoa(String.fromCharCode(...bytes));
  const normalize = buildNormalizer({ type: "Precompiled", precompiled_charsmap: charsmap })!;
  assert.equal(normalize("b"), "b");
  assert.throws(() => normalize("aaaa"), hasCode("text/tokenizer-runaway"));
  for (const wrong of ["%", "AAA=", btoa("\xff\xff\0\0abc"), 7]) {
    assert.throws(
      () => buildNormalizer({ type: "Precompiled", precompiled_charsmap: wrong }),
      hasCode("text/bad-tokenizer"),
      String(wrong),
    );
  }
});
