import assert from "node:assert/strict";
import {
  namedSpecialTokens,
  readAddedTokens,
  sequencePrefix,
  withOneBeginning,
} from "../../src/text/special_tokens.ts";
import { AssayError } from "../../src/error.ts";

const added = { id: 7, content: "<x>", special: false };

Deno.test("namedSpecialTokens() reads strings and objects", () => {
  const config = { bos_token: "<s>", eos_token: { content: "</s>" }, pad_token: 4, other: "x" };
  assert.deepEqual(namedSpecialTokens(config), { bos_token: "<s>", eos_token: "</s>" });
});

Deno.test("readAddedTokens() joins both files and the named tokens of the vocabulary", () => {
  const tokens = readAddedTokens(
    { added_tokens: [added, { id: 8, content: "<y>", special: true, lstrip: true }] },
    {
      bos_token: "<x>",
      unk_token: "<unk>",
      mask_token: "<absent>",
      added_tokens_decoder: {
        "8": { content: "<y>", special: false },
        "9": { content: "<z>", rstrip: true, single_word: true },
      },
    },
    (content) => content === "<unk>" ? 0 : undefined,
  );
  const plain = { lstrip: false, rstrip: false, singleWord: false };
  assert.deepEqual(tokens, [
    { ...plain, id: 7, content: "<x>", special: true, normalized: true },
    { ...plain, id: 8, content: "<y>", special: true, normalized: false, lstrip: true },
    {
      id: 9,
      content: "<z>",
      special: false,
      normalized: true,
      lstrip: false,
      rstrip: true,
      singleWord: true,
    },
    { ...plain, id: 0, content: "<unk>", special: true, normalized: false },
  ]);
});

Deno.test("readAddedTokens() refuses entries without content or id", () => {
  const isBad = (error: unknown) =>
    error instanceof AssayError && error.code === "text/bad-tokenizer";
  for (const entry of [null, 3, {}, { id: 1 }, { content: "<x>" }, { id: -1, content: "<x>" }]) {
    assert.throws(() => readAddedTokens({ added_tokens: [entry] }, {}, () => undefined), isBad);
  }
  assert.throws(() => readAddedTokens({ added_tokens: {} }, {}, () => undefined), isBad);
  const decoder = { added_tokens_decoder: { one: { content: "<x>" } } };
  assert.throws(() => readAddedTokens({}, decoder, () => undefined), isBad);
});

Deno.test("sequencePrefix() follows add_bos_token, else the post-processor", () => {
  const template = {
    type: "TemplateProcessing",
    single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }, {
      SpecialToken: { id: "</s>", type_id: 0 },
    }],
    special_tokens: { "<s>": { id: "<s>", ids: [1] }, "</s>": { id: "</s>", ids: [2] } },
  };
  const sequence = { type: "Sequence", processors: [{ type: "ByteLevel" }, template] };
  const tokenizer = { post_processor: sequence };
  assert.deepEqual(sequencePrefix(tokenizer, {}, 1), [1]);
  assert.deepEqual(sequencePrefix(tokenizer, { add_bos_token: false }, 1), []);
  assert.deepEqual(sequencePrefix({}, { add_bos_token: true }, 5), [5]);
  assert.deepEqual(sequencePrefix({}, { add_bos_token: true }, undefined), []);
  assert.deepEqual(sequencePrefix({ post_processor: { type: "ByteLevel" } }, {}, 1), []);
  assert.deepEqual(sequencePrefix({ post_processor: null }, {}, 1), []);
  const bert = { type: "BertProcessing", cls: ["[CLS]", 101], sep: ["[SEP]", 102] };
  assert.deepEqual(sequencePrefix({ post_processor: bert }, {}, undefined), [101]);
});

Deno.test("withOneBeginning() gives one beginning, whoever writes it", () => {
  assert.deepEqual(withOneBeginning([5, 6], [1], 1), [1, 5, 6]);
  assert.deepEqual(withOneBeginning([1, 5, 6], [1], 1), [1, 5, 6]);
  assert.deepEqual(withOneBeginning([1, 1, 1, 5], [1], 1), [1, 5]);
  assert.deepEqual(withOneBeginning([1, 1, 5], [], 1), [1, 5]);
  assert.deepEqual(withOneBeginning([5, 6], [], undefined), [5, 6]);
  assert.deepEqual(withOneBeginning([], [1], 1), [1]);
  assert.deepEqual(withOneBeginning([1, 5, 2, 1, 6], [1], 1), [1, 5, 2, 1, 6]);
});
