import assert from "node:assert/strict";
import { AssayError } from "../../src/error.ts";
import type { Conversation } from "../../src/text/conversation.ts";
import { gpuTest } from "../adapter.ts";
import { goldenConversations, parityFolder } from "../golden/parity.ts";
import { loadGolden, varied } from "./golden_model.ts";

gpuTest("a bad conversation costs only its own verdict", async () => {
  using model = await loadGolden("armo", { backend: "gpu" });
  const good = (await goldenConversations("armo"))[0]!.messages;
  const bad: [unknown, string][] = [
    [[], "text/empty-conversation"],
    [[{ role: "user", content: 3 }], "text/bad-message"],
    [[{ role: "user", content: "no answer yet" }], "text/no-gating-pattern"],
    [
      [{ role: "user", content: "Hi" }, { role: "assistant", content: "word ".repeat(4e5) }],
      "text/too-long",
    ],
  ];
  const mixed = [good, ...bad.flatMap(([conversation]) => [conversation as Conversation, good])];
  const verdicts = await model.score(mixed);
  const [reference] = await model.score([good]);
  verdicts.forEach((verdict, i) => {
    if (i % 2 === 0) return assert.deepEqual(verdict, reference);
    assert.equal(verdict.score, null);
    assert.equal(verdict.error?.code, bad[(i - 1) / 2]![1]);
  });
});

gpuTest("scoreStream() gives the verdicts of score(), in order, reading as it goes", async () => {
  using model = await loadGolden("llama", { backend: "gpu", tokensPerPack: 64 });
  // Many: sixteen packs may be computed for one readback, and others wait meanwhile.
  const conversations = varied(await goldenConversations("llama"), 300);
  let given = 0;
  let most = 0;
  let taken = 0;
  async function* source(): AsyncGenerator<Conversation> {
    for (const conversation of conversations) {
      await Promise.resolve();
      given++;
      yield conversation;
    }
  }
  const streamed = [];
  for await (const verdict of model.scoreStream(source())) {
    most = Math.max(most, given - taken++);
    streamed.push(verdict);
  }
  assert.deepEqual(streamed, await model.score(conversations));
  assert.ok(most < conversations.length / 2, `${most} conversations were held at once`);
});

gpuTest("an aborted call throws the signal's reason and leaves the model usable", async () => {
  using model = await loadGolden("llama", { backend: "gpu", tokensPerPack: 32 });
  const conversations = (await goldenConversations("llama")).map(({ messages }) => messages);
  const reference = await model.score(conversations);
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    () =>
      model.score(conversations, {
        signal: controller.signal,
        onProgress: () => controller.abort(reason),
      }),
    reason,
  );
  assert.deepEqual(await model.score(conversations), reference);
});

gpuTest("calls that overlap don't mix", async () => {
  using model = await loadGolden("llama", { backend: "gpu" });
  const conversations = (await goldenConversations("llama")).map(({ messages }) => messages);
  const reference = await model.score(conversations);
  const overlapping = await Promise.all([model.score(conversations), model.score(conversations)]);
  for (const verdicts of overlapping) assert.deepEqual(verdicts, reference);
});

gpuTest("device and host memory do not grow over 1,000 packs", async () => {
  using model = await loadGolden("llama_f16", { backend: "gpu", tokensPerPack: 40 });
  const [short] = (await goldenConversations("llama_f16")).map(({ messages }) => messages);
  const hundred = new Array<Conversation>(200).fill(short!);
  const round = async (): Promise<void> => {
    const verdicts = await model.score(hundred); // two in a pack: 100 packs
    assert.ok(verdicts.every(({ score }) => score === verdicts[0]!.score));
  };
  await round();
  const before = { device: model.deviceBytes, host: Deno.memoryUsage().rss };
  for (let i = 0; i < 10; i++) await round();
  assert.equal(model.deviceBytes, before.device);
  const grown = Deno.memoryUsage().rss - before.host;
  assert.ok(grown < 64 * 2 ** 20, `the process grew by ${grown} bytes`);
});

Deno.test("a NaN weight is an error of the row, never a number", async () => {
  const folder = await spoiledCopy("llama", (bytes, offsetOf) => {
    bytes.set([0xc0, 0x7f], offsetOf("model.norm.weight")); // a bf16 NaN
  });
  using model = await loadGolden(folder, { backend: "cpu" });
  const [verdict] = await model.score([(await goldenConversations("llama"))[0]!.messages]);
  assert.equal(verdict!.score, null);
  assert.equal(verdict!.error?.code, "scoring/not-finite");
});

Deno.test("a truncated checkpoint is refused before anything is computed", async () => {
  const folder = await spoiledCopy("llama", (bytes) => bytes.subarray(0, bytes.length - 100));
  await assert.rejects(
    () => loadGolden(folder, { backend: "cpu" }),
    (error) => error instanceof AssayError && error.code.startsWith("checkpoint/"),
  );
});

/** A copy of a tiny checkpoint whose weights file is changed; `offsetOf` finds a tensor in it. */
async function spoiledCopy(
  model: string,
  spoil: (bytes: Uint8Array, offsetOf: (tensor: string) => number) => Uint8Array | void,
): Promise<string> {
  const folder = await Deno.makeTempDir();
  for await (const { name } of Deno.readDir(parityFolder(model))) {
    await Deno.copyFile(`${parityFolder(model)}/${name}`, `${folder}/${name}`);
  }
  const path = `${folder}/model.safetensors`;
  const bytes = await Deno.readFile(path);
  const start = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start)));
  const offsetOf = (tensor: string): number => start + header[tensor].data_offsets[0];
  await Deno.writeFile(path, spoil(bytes, offsetOf) ?? bytes);
  return folder;
}
