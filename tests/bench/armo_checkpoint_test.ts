import assert from "node:assert/strict";
import { armo8b, armoTensors } from "../../bench/models/armo_checkpoint.ts";
import {
  llama3Conversation,
  llama3Ids,
  llama3TokenizerFiles,
} from "../../bench/models/llama3_vocabulary.ts";
import { blobFolder } from "../../src/checkpoint/folder.ts";
import { Checkpoint } from "../../src/checkpoint/checkpoint.ts";
import { writeSafetensors } from "../../src/checkpoint/safetensors_writer.ts";
import { ChatTokenizer } from "../../src/text/chat_tokenizer.ts";

Deno.test("the 8B model of the bench has the published tensors, in the published shards", async () => {
  const layout = new URL("../golden/armorm_llama3_8b/tensors.json", import.meta.url);
  const { files } = JSON.parse(await Deno.readTextFile(layout));
  const made = [...await armoTensors(armo8b)].map(([file, list]) =>
    [file, list.map(({ name, dtype, shape }) => [name, dtype, shape])] as const
  );
  assert.deepEqual(Object.fromEntries(made), files);
  assert.deepEqual(llama3Ids(armo8b.vocabulary), {
    bos_token_id: 128000,
    eos_token_id: 128001,
    pad_token_id: 128256,
  });
});

Deno.test("its tokenizer gives Llama 3's own ids for the template, and a token for each word", async () => {
  const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>>();
  const weights = new Response(readable).blob();
  await writeSafetensors(writable, []);
  const files = Object.entries({ ...llama3TokenizerFiles(armo8b.vocabulary), "config.json": "{}" });
  const folder = blobFolder(
    "made",
    new Map([
      ...files.map(([name, text]) => [name, new Blob([text])] as const),
      ["model.safetensors", await weights],
    ]),
  );
  using checkpoint = await Checkpoint.open(folder);
  const tokenizer = await ChatTokenizer.open(checkpoint, { maxTokens: 1000 });
  assert.deepEqual(tokenizer.headerPattern, [128009, 128006, 78191, 128007, 271]);
  for (const tokens of [20, 101]) {
    const { ids } = tokenizer.tokenize(llama3Conversation(armo8b.vocabulary, tokens, 1));
    assert.equal(ids.length, tokens);
    assert.ok(ids.every((id) => id < armo8b.vocabulary));
  }
});
