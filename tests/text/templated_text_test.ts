import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";
import { type Conversation, withLimits } from "../../src/text/conversation.ts";
import { templatedText } from "../../src/text/templated_text.ts";
import {
  type GoldenConversation,
  goldenConversations,
  parityFolder,
  parityModels,
} from "../golden/parity.ts";

async function open(model: string, maxTokens = 4096): Promise<ChatTokenizer> {
  using checkpoint = await Checkpoint.open(parityFolder(model));
  return await ChatTokenizer.open(checkpoint, { maxTokens });
}

Deno.test("templated text has the tokens of the conversation that it was made of", async () => {
  for (const model of ["llama", "armo", "mistral", "qwen2", "gemma2"]) {
    assert.ok(parityModels.includes(model));
    const tokenizer = await open(model);
    for (const { name, text, ids } of await goldenConversations(model)) {
      const { ids: found } = tokenizer.tokenize(templatedText({ text }));
      // The golden texts of some conversations hold special tokens that are content; here they are live.
      const isGuarded = /special|inject|control/.test(name);
      if (!isGuarded) assert.deepEqual([...found], ids, `${model}: ${name}`);
      const whole = tokenizer.tokenize(templatedText({ ids }));
      assert.deepEqual([...whole.ids], ids);
    }
  }
});

Deno.test("a beginning is put before templated text once, or not at all", async () => {
  const tokenizer = await open("llama");
  const [{ text, ids }] = await goldenConversations("llama") as [GoldenConversation];
  const bare = text.slice(tokenizer.decodeToken(ids[0]!).length);
  const tokens = (conversation: Conversation) => [...tokenizer.tokenize(conversation).ids];
  assert.deepEqual(tokens(templatedText({ text })), ids);
  assert.deepEqual(tokens(templatedText({ text: bare })), ids);
  assert.deepEqual(tokens(templatedText({ text: bare, addSpecialTokens: false })), ids.slice(1));
});

Deno.test("templated text that is too long is an error, or cut at the end that is named", async () => {
  const tokenizer = await open("llama", 16);
  const [{ text, ids }] = await goldenConversations("llama") as [GoldenConversation];
  assert.ok(ids.length > 16);
  const conversation = templatedText({ text });
  assert.throws(() => tokenizer.tokenize(conversation), { code: "text/too-long" });
  const right = tokenizer.tokenize(withLimits(conversation, { truncate: "right" }));
  assert.deepEqual([[...right.ids], right.truncated], [ids.slice(0, 16), true]);
  const left = tokenizer.tokenize(withLimits(conversation, { truncate: "left", maxTokens: 8 }));
  assert.deepEqual([...left.ids], [ids[0], ...ids.slice(-7)]);
  const none = templatedText({ text: "", addSpecialTokens: false });
  assert.throws(() => tokenizer.tokenize(none), { code: "text/empty-conversation" });
  for (const odd of [-1, 0.5, NaN]) {
    const bad = templatedText({ ids: [1, odd] });
    assert.throws(() => tokenizer.tokenize(bad), { code: "text/unknown-token" });
  }
});

Deno.test("a conversation's own limits are within the tokenizer's", async () => {
  const conversation = [
    { role: "user", content: "Hi ".repeat(20) },
    { role: "assistant", content: "Hello." },
  ];
  const tokenizer = await open("llama", 40);
  assert.throws(() => tokenizer.tokenize(conversation), { code: "text/too-long" });
  const cut = tokenizer.tokenize(withLimits(conversation, { truncate: "left", maxTokens: 9999 }));
  assert.equal(cut.ids.length, 40);
  const closer = withLimits(conversation.slice(0, 1).concat(conversation[1]!), { maxTokens: 5 });
  assert.throws(() => tokenizer.tokenize(closer), { code: "text/too-long" });
});
