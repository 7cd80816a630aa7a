import assert from "node:assert/strict";
import { Checkpoint } from "../../../src/checkpoint/checkpoint.ts";
import { localFolder } from "../../../src/checkpoint/folder.ts";
import { openVoter } from "../../../src/tasks/vote/voter_source.ts";
import { RewardModel } from "../../../src/scoring/reward_model.ts";
import type { Conversation } from "../../../src/text/conversation.ts";
import { overlayFolder } from "../../../src/merging/overlay_folder.ts";
import { floats, safetensorsBlob } from "../../merging/tiny_checkpoint.ts";
import { inFolder } from "../../cli/captured_output.ts";

const model = "tests/golden/parity/llama";
const parity = localFolder(model);
const options = { backend: "cpu", onWarning: () => {} } as const;
const conversations: Conversation[] = ["Four.", "Five, or perhaps six.", ""].map((content) => [
  { role: "user", content: "How much is 2 + 2?" },
  { role: "assistant", content },
]);
const broken: Conversation = [];

Deno.test("linear heads on one backbone score as each head does alone, plus its bias", async () => {
  using base = await Checkpoint.open(parity);
  const hidden = base.tensors.get("score.weight")!.shape[1]!;
  const weights = Array.from({ length: 3 * hidden }, (_, i) => Math.fround(Math.sin(i)));
  const bias = [0, 1, -2];
  await inFolder(async (folder) => {
    const heads = `${folder}/heads.safetensors`;
    const tensors = [
      floats("voters.weight", [3, hidden], weights),
      floats("voters.bias", [3], bias),
    ];
    await Deno.writeFile(heads, await (await safetensorsBlob(tensors)).bytes());
    using source = await openVoter({ model, heads });
    assert.deepEqual(source.names, ["heads[0]", "heads[1]", "heads[2]"]);
    using voters = await source.load(options);
    const stream = voters.scoreStream(ReadableStream.from([...conversations, broken]), {});
    const results = await Array.fromAsync(stream);
    assert.equal(results.at(-1)!.scores, null);
    for (const voter of bias.keys()) {
      const row = Float32Array.from(weights.slice(voter * hidden, (voter + 1) * hidden));
      const alone = overlayFolder("alone", parity, base, {
        tensors: [{
          name: "score.weight",
          dtype: "F32",
          shape: [1, hidden],
          readRows: () => Promise.resolve(new Uint8Array(row.buffer)),
        }],
      });
      using single = await RewardModel.load(alone, options);
      (await single.score(conversations)).forEach(({ score }, i) => {
        const found = results[i]!.scores![voter]!;
        assert.ok(Math.abs(found - (score! + bias[voter]!)) <= 1e-5, `${found}, alone ${score}`);
      });
    }
  });
});

Deno.test("linear heads for another hidden size are refused", async () => {
  await inFolder(async (folder) => {
    const heads = `${folder}/heads.safetensors`;
    const blob = await safetensorsBlob([floats("voters.weight", [1, 3], [1, 2, 3])]);
    await Deno.writeFile(heads, await blob.bytes());
    using source = await openVoter({ model, heads });
    await assert.rejects(source.load(options), { code: "voting/bad-heads" });
  });
});

Deno.test("openVoter() gives voters of one checkpoint revisions of their own", async () => {
  await inFolder(async (folder) => {
    const write = async (name: string, value: number) => {
      const blob = await safetensorsBlob([floats("voters.weight", [1, 2], [1, value])]);
      await Deno.writeFile(`${folder}/${name}`, await blob.bytes());
      return `${folder}/${name}`;
    };
    const heads = [await write("a.safetensors", 1), await write("b.safetensors", 2)];
    const adapter = "tests/golden/voting/peft_adapter";
    const specs = [
      { model },
      { model, heads: heads[0]! },
      { model, heads: heads[1]! },
      { model, adapter },
      { model, adapter, adapterDtype: "F32" as const },
    ];
    const revisions = new Set<string>();
    for (const spec of specs) {
      using source = await openVoter(spec);
      revisions.add(source.revision);
    }
    assert.equal(revisions.size, specs.length);
  });
});
