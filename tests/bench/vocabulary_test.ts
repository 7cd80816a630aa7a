import assert from "node:assert/strict";
import { modelShape } from "../../bench/models/model_shape.ts";
import {
  conversationIds,
  messagesOf,
  promptAndResponse,
  tokenizerFiles,
} from "../../bench/models/vocabulary.ts";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";

const shape = modelShape(1);

Deno.test("the bench's conversations have exactly the token ids that its peers are given", async () => {
  const files = tokenizerFiles(shape);
  const tokenizer = await ChatTokenizer.open({
    name: "bench",
    readText: (file) => Promise.resolve(files[file]),
  }, { maxTokens: shape.maxTokens });
  for (const [tokens, seed] of [[64, 0], [256, 1], [4096, 7]] as const) {
    const ids = conversationIds(shape, tokens, seed);
    assert.equal(ids.length, tokens);
    assert.deepEqual([...tokenizer.tokenize(messagesOf(ids)).ids], ids);
  }
});

Deno.test("responses to one prompt share exactly its tokens", () => {
  const [a, b] = [1, 2].map((seed) =>
    promptAndResponse(shape, { tokens: 32, seed: 0 }, { tokens: 16, seed })
  );
  assert.equal(a!.findIndex((id, i) => id !== b![i]), 32);
  assert.equal(a!.length, 48);
});
