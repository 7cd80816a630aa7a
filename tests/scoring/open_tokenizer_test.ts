import assert from "node:assert/strict";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../src/checkpoint/folder.ts";
import type { CheckpointFolder } from "../../src/checkpoint/folder.ts";
import { blobSource } from "../../src/checkpoint/blob_source.ts";
import { AssayError } from "../../src/error.ts";
import type { Reads } from "../../src/heads/reads.ts";
import type { TextForm } from "../../src/text/conversation_tokenizer.ts";
import { openAnyTokenizer } from "../../src/text/any_tokenizer.ts";
import { planFor } from "../../src/scoring/model_plan.ts";
import { openTokenizer } from "../../src/scoring/open_tokenizer.ts";
import { parityFolder } from "../golden/parity.ts";

const pair = [{ role: "user", content: "Why?" }, { role: "assistant", content: "Because." }];
const template = "{% for m in messages %}{{ m.content }} {% endfor %}";

/** A tiny checkpoint's folder, with a chat template put to it. */
function withTemplate(model: string): CheckpointFolder {
  const folder = localFolder(parityFolder(model));
  const file = blobSource("chat_template.jinja", new Blob([template]));
  return {
    ...folder,
    name: folder.name,
    open: async (name) => name === "chat_template.jinja" ? file : await folder.open(name),
  };
}

async function open(
  folder: CheckpointFolder,
  form?: TextForm,
  reads: Reads = { score: { at: "first" } },
  chatTemplate?: string,
) {
  using checkpoint = await Checkpoint.open(folder);
  const { backbone } = planFor(checkpoint, { head: "reward" });
  return await openTokenizer(checkpoint, {
    maxTokens: 512,
    backbone,
    reads,
    form,
    chatTemplate,
    warn: (message) => assert.fail(message),
  });
}

const hasCode = (code: string) => (error: unknown): boolean =>
  error instanceof AssayError && error.code === code;

Deno.test("an encoder reads pairs, with the types that its model has", async () => {
  const tokenizer = await open(localFolder(parityFolder("bert")));
  assert.equal(tokenizer.form, "pair");
  assert.ok(tokenizer.tokenize(pair).types!.includes(1));
  const other = await open(localFolder(parityFolder("xlm_roberta")));
  assert.equal(other.tokenize(pair).types, undefined);
});

Deno.test("an encoder with a chat template must be told which form it reads", async () => {
  const folder = withTemplate("bert");
  await assert.rejects(open(folder), hasCode("scoring/unknown-form"));
  const joined = await open(folder, "pair");
  const rendered = await open(folder, "chat");
  assert.deepEqual([joined.form, rendered.form], ["pair", "chat"]);
  assert.ok(joined.tokenize(pair).ids.length > rendered.tokenize(pair).ids.length);
  const bert = localFolder(parityFolder("bert"));
  const given = (form?: TextForm) => open(bert, form, undefined, template);
  await assert.rejects(given(), /found the one that was given; --form/);
  assert.equal((await given("chat")).form, "chat");
  await assert.rejects(given("pair"), hasCode("scoring/wrong-form")); // it would change nothing
});

Deno.test("a model that reads from left to right has no pairs, and a pair has no header", async () => {
  const llama = localFolder(parityFolder("llama"));
  assert.equal((await open(llama)).form, "chat");
  await assert.rejects(open(llama, "pair"), hasCode("scoring/wrong-form"));
  const reads = { gate: { at: "header" } } as const;
  const bert = localFolder(parityFolder("bert"));
  await assert.rejects(open(bert, undefined, reads), hasCode("text/no-gating-pattern"));
});

Deno.test("an encoder has no log-probabilities, though its embedding is tied", async () => {
  using checkpoint = await Checkpoint.open(localFolder(parityFolder("bert")));
  assert.equal(checkpoint.config.tie_word_embeddings, true);
  assert.throws(
    () => planFor(checkpoint, { head: "language" }),
    (error) => hasCode("models/no-language-head")(error) && /an encoder/.test(String(error)),
  );
});

Deno.test("openAnyTokenizer() counts by the template, or by pairs where it is an encoder's", async () => {
  for (
    const [folder, form] of [["bert", "pair"], ["roberta", "pair"], ["llama", "chat"]] as const
  ) {
    using checkpoint = await Checkpoint.open(parityFolder(folder));
    assert.equal((await openAnyTokenizer(checkpoint, { maxTokens: 99 })).form, form);
  }
  const none = { "tokenizer.json": JSON.stringify({ model: { vocab: { a: 0 } } }) };
  const files = {
    name: "none",
    readText: (file: string) => Promise.resolve((none as Record<string, string>)[file]),
  };
  await assert.rejects(
    openAnyTokenizer(files, { maxTokens: 99 }),
    hasCode("text/no-chat-template"),
  );
});
