import assert from "node:assert/strict";
import { ChatTokenizer, type Conversation } from "../../src/text/mod.ts";
import { AssayError } from "../../src/error.ts";
import { families, goldenConversations, goldenFiles, readGolden } from "./golden_files.ts";

for (const family of families) {
  const files = goldenFiles(family);
  const golden = readGolden(family);
  const conversations = goldenConversations(golden.special);

  Deno.test(`tokenize() with trusted special tokens equals transformers on every conversation: ${family}`, async () => {
    const tokenizer = await ChatTokenizer.open(files, {
      maxTokens: 4096,
      trustSpecialTokens: true,
    });
    conversations.forEach((conversation, index) => {
      const expected = golden.cases[index]!;
      assert.deepEqual(
        outcome(tokenizer, conversation),
        expected.error ?? expected.ids,
        `${index}`,
      );
    });
  });

  Deno.test(`tokenize() reads special tokens in content as text: ${family}`, async () => {
    const tokenizer = await ChatTokenizer.open(files, { maxTokens: 4096 });
    conversations.forEach((conversation, index) => {
      const { error, plain, ids } = golden.cases[index]!;
      assert.deepEqual(outcome(tokenizer, conversation), error ?? plain ?? ids, `${index}`);
    });
  });
}

/** The ids, or what the template says against the conversation. */
function outcome(tokenizer: ChatTokenizer, conversation: Conversation): number[] | string {
  try {
    return [...tokenizer.tokenize(conversation).ids];
  } catch (error) {
    assert.ok(error instanceof AssayError && error.code === "text/template-refused", String(error));
    return (error.cause as Error).message;
  }
}
